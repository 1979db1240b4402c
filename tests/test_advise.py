"""Advice from fits that are known: what is exact, what is uncertain, and what is refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import trained_with
from sizer.advise import advise
from sizer.advise.prospect import acceptable, prospect
from sizer.law import SATURATING, TRANSITION, accuracy
from sizer.results import Requirement

from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.inference.records import ModelInfo
from sizer.report import advice_facts, advice_json, advice_markdown
from sizer.scaling.backtests import Backtest
from sizer.scaling.surface import LawFit

SIZES = (10_000, 1_000_000)
REFERENCE = 100_000.0
CHANCE = 0.1
# clean_limit, gain, rate, log_middle, drift, log_width, inverse_nu, log_skew
VALUES = (0.9, 0.15, 0.3, math.log(500), 0.02, math.log(80), 0.1, 0.0)
ERRORS = (0.01, 0.01, 0.03, 0.005, 0.003, 0.02, 0.01, 0.0)


def law_fit(
    values=VALUES,
    errors=ERRORS,
    law=TRANSITION,
    knots=(0.0, 300.0, 1000.0),
    scatter=0.01,
    misfit=0.0,
    **changes,
):
    fit = LawFit(
        law=law.name,
        names=law.names(len(knots)),
        values=values,
        covariance=tuple(map(tuple, np.diag(np.square(errors)).tolist())),
        degrees_of_freedom=9,
        knots=knots,
        reference_size=REFERENCE,
        chance=CHANCE,
        overdispersion=1.0,
        scatter=(scatter,) * len(knots),
        misfit=(misfit,) * len(knots),
        left_out=1.0,
        residual_rms=0.005,
        images=10**18,  # so many that they add no error
        image_share=1.0,
        size_range=SIZES,
        step_range=(0.0, 1000.0),
        trusted=True,
        verdict="the law describes the data",
        weight=1.0,
    )
    return replace(fit, **changes)


NO_COVARIANCE = tuple((0.0,) * 8 for _ in range(8))


def rival_fit(gain=0.15, **changes):
    """A saturating law with a ceiling of 0.9, 0.85 and 0.1 at its knots."""
    values = (0.9, 0.85, 0.1, gain, gain, 0.0, 0.3, 0.3)
    return law_fit(values, (0.005,) * 8, SATURATING, **changes)


def back_test(law="transition", rms=0.01, hold_out=1, ratio=3.0):
    return Backtest(law, hold_out, 1, ratio, rms, rms, 0.1)


def calibration(fit=None, rivals=(), backtests=None, seeds=2, **changes):
    models = tuple(
        ModelInfo(f"m{size}-{seed}", "", size) for size in SIZES for seed in range(seeds)
    )
    made = Calibration(
        version=1,
        created_with="test",
        schedule="linear",
        dataset=None,
        models=models,
        chance=CHANCE,
        cells=(),
        crossings=(),
        widths=(),
        width_law=None,
        collapse=None,
        fit=fit or law_fit(),
        rivals=tuple(rivals),
        backtests=tuple([back_test()] if backtests is None else backtests),
    )
    return replace(made, **changes)


def ask(step=300.0, target=0.7, confidence=0.9, **options):
    return advise(calibration(**options), Requirement(step, target, confidence))


def reached_at(size, step):
    """The accuracy that the planted law has at a size."""
    return float(accuracy(law_fit(), size, step))


class TestRecommended:
    @pytest.mark.parametrize("size", [30_000, 400_000, 3_000_000])
    @pytest.mark.parametrize("step", [0.0, 200.0, 400.0])
    def test_the_inversion_is_exact(self, size, step):
        certain = law_fit(errors=(0.0,) * 8, scatter=0.0)
        advice = ask(step, reached_at(size, step), fit=certain)
        sizes = advice.parameters
        assert advice.verdict == "recommended"
        for found in (sizes.low, sizes.best, sizes.high):
            assert found == pytest.approx(size, rel=1e-4)
        assert sizes.recommended == pytest.approx(size, rel=1e-4, abs=1)
        assert advice.extrapolation_ratio == pytest.approx(size / SIZES[1], rel=1e-4)

    @settings(max_examples=40)
    @given(shift=st.floats(-1, 1), which=st.integers(0, 6))
    def test_the_interval_holds_the_truth_if_the_values_hold_it(self, shift, which):
        """A fit that is off by one standard error in one value."""
        off = [
            v + shift * e * (i == which)
            for i, (v, e) in enumerate(zip(VALUES, ERRORS, strict=True))
        ]
        sizes = ask(300, reached_at(300_000, 300), fit=law_fit(tuple(off))).parameters
        assert sizes.low <= 300_000
        assert sizes.high is None or sizes.high >= 300_000

    def test_scatter_between_trainings_raises_the_recommendation_and_not_the_interval(self):
        calm, wild = (ask(fit=law_fit(scatter=s)).parameters for s in (0.0, 0.05))
        assert wild.recommended > calm.recommended
        assert (wild.low, wild.best, wild.high) == (calm.low, calm.best, calm.high)

    def test_a_half_confidence_recommends_the_mean(self):
        sizes = ask(confidence=0.5, fit=law_fit(scatter=0.0)).parameters
        assert sizes.recommended == math.ceil(sizes.best)

    @settings(max_examples=40)
    @given(
        step=st.floats(0, 600),
        target=st.floats(0.15, 0.88),
        more=st.floats(0, 0.05),
        confidence=st.floats(0.5, 0.98),
        surer=st.floats(0, 0.015),
    )
    def test_more_accuracy_or_confidence_never_asks_for_less(
        self, step, target, more, confidence, surer
    ):
        def sizes(wanted, with_confidence):
            found = ask(step, wanted, with_confidence).parameters
            bounds = (
                (None,) * 4
                if found is None
                else (found.low, found.best, found.high, found.recommended)
            )
            return [math.inf if bound is None else bound for bound in bounds]

        def not_less(sure, unsure):  # to the tolerance of a root
            return all(
                one >= other * (1 - 1e-6) - 1 for one, other in zip(sure, unsure, strict=True)
            )

        low, best, high, recommended = sizes(target, confidence)
        assert not_less((best, high, recommended), (low, best, max(best, SIZES[0])))
        assert not_less(sizes(target + more, confidence), (low, best, high, recommended))
        lower, same, higher, safer = sizes(target, confidence + surer)
        assert not_less((low, same, best, higher, safer), (lower, best, same, high, recommended))

    def test_a_target_that_every_size_reaches(self):
        advice = ask(target=0.3)
        assert advice.verdict == "recommended"
        assert advice.parameters.recommended == SIZES[0]
        assert advice.parameters.low == 0
        assert any("smaller may do" in warning for warning in advice.warnings)
        assert "any size" in dict(advice_facts(advice))["mean curve reaches it at"]

    def test_a_target_far_below_every_size(self):
        """Even the lower bound of the smallest size that is looked at reaches it."""
        advice = ask(target=0.11)
        assert advice.parameters.high == 0
        found = dict(advice_facts(advice))["mean curve reaches it at"]
        assert found == "fewer than a tenth of the smallest model's parameters"

    def test_a_law_by_which_smaller_is_better_is_not_trusted_below_the_ladder(self):
        """At a tenth of the smallest size it has the target, at the smallest no longer."""
        falling = rival_fit(gain=-0.05)
        at_smallest = float(accuracy(falling, SIZES[0], 300))
        advice = ask(target=at_smallest + 0.02, fit=falling, backtests=[back_test("saturating")])
        assert advice.parameters is None or advice.parameters.recommended is None


class TestRivals:
    """All laws answer together, each with the weight that its back-tests earned."""

    def test_a_rival_that_agrees_changes_nothing(self):
        alone = ask().parameters
        both = ask(fit=law_fit(weight=0.6), rivals=[law_fit(weight=0.4)]).parameters
        for name in ("low", "best", "high", "recommended"):
            assert getattr(both, name) == pytest.approx(getattr(alone, name), rel=1e-9)

    def test_a_rival_that_disagrees_widens_the_interval_by_its_weight(self):
        def width(weight):
            fits = {"fit": law_fit(weight=1 - weight), "rivals": [rival_fit(0.25, weight=weight)]}
            sizes = ask(**fits).parameters
            return math.log(sizes.high / sizes.low)

        assert width(0.02) < width(0.1) < width(0.3)

    def test_the_mean_and_its_error_are_those_of_a_mixture(self):
        """Of two laws without errors of their own: mean, and standard deviation between them."""
        one, other = law_fit(errors=(0,) * 8), replace(rival_fit(0.25), covariance=NO_COVARIANCE)
        fits = [replace(one, weight=0.7), replace(other, weight=0.3)]
        sizes = np.geomspace(1e4, 1e7, 5)
        seen = prospect(fits, sizes, 300)
        each = np.array([accuracy(fit, sizes, 300) for fit in fits])
        np.testing.assert_allclose(seen.mean, 0.7 * each[0] + 0.3 * each[1])
        apart = np.sqrt(0.7 * 0.3) * np.abs(each[0] - each[1])
        np.testing.assert_allclose(seen.laws, apart, atol=1e-12)
        np.testing.assert_allclose(seen.error, apart, atol=1e-8)

    @pytest.mark.parametrize(
        ("rival", "kept"),
        [
            (rival_fit(weight=0.011), True),
            (rival_fit(weight=0.009), False),
            (rival_fit(weight=0.5, trusted=False), False),
        ],
    )
    def test_a_law_without_weight_or_trust_is_not_asked(self, rival, kept):
        found = acceptable(calibration(rivals=[rival]))
        assert ("saturating" in [fit.law for fit in found]) == kept
        answered = [answer.law for answer in ask(rivals=[rival]).laws]
        assert ("saturating" in answered) == kept

    def test_laws_that_disagree_are_said_to(self):
        low = replace(rival_fit(weight=0.1), values=(0.6, 0.5, 0.1, 0.1, 0.1, 0.0, 0.3, 0.3))
        advice = ask(fit=law_fit(weight=0.9), rivals=[low])
        assert any("under saturating no size reaches it" in w for w in advice.warnings)
        assert advice.errors.laws > advice.errors.fit
        alone = ask().parameters
        assert advice.parameters.high is None or advice.parameters.high > alone.high

    def test_the_errors_are_given_by_cause(self):
        errors = ask(fit=law_fit(images=1000, misfit=0.02, scatter=0.03)).errors
        assert errors.images == pytest.approx(math.sqrt(0.7 * 0.3 / 1000), rel=1e-2)
        assert errors.misfit == pytest.approx(0.02)
        assert (errors.laws, errors.training) == (0, pytest.approx(0.03))


class TestSharedImages:
    def test_few_images_widen_the_interval_and_raise_the_size(self):
        """All models share them, so no comparison of models shows their error."""
        many, few = ask(), ask(fit=law_fit(images=1000))
        assert few.parameters.best == many.parameters.best
        assert few.parameters.low < many.parameters.low
        assert few.parameters.high is None or few.parameters.high > many.parameters.high
        assert few.parameters.recommended > many.parameters.recommended
        assert few.ceiling.high > many.ceiling.high

    def test_their_error_is_the_counting_error_of_one_model(self):
        certain = law_fit(errors=(0.0,) * 8, scatter=0.0, images=1000)
        sizes = ask(300, 0.7, fit=certain).parameters
        at_low, at_high = (float(accuracy(certain, size, 300)) for size in (sizes.low, sizes.high))
        quantile = 1.833  # Student, 9 degrees of freedom, 0.95
        for reached, sign in ((at_low, 1), (at_high, -1)):
            error = math.sqrt(reached * (1 - reached) / 1000)
            assert reached + sign * quantile * error == pytest.approx(0.7, abs=1e-4)


class TestMisfit:
    def test_what_the_law_itself_is_off_by_widens_the_interval(self):
        exact, rough = ask(), ask(fit=law_fit(misfit=0.03))
        assert rough.parameters.best == exact.parameters.best
        assert rough.parameters.low < exact.parameters.low
        assert rough.parameters.recommended > exact.parameters.recommended


class TestUnreachable:
    def test_above_the_ceiling(self):
        advice = ask(0, 0.97)
        assert advice.verdict == "unreachable"
        assert advice.parameters is None
        limit = float(accuracy(law_fit(), 1000 * SIZES[1], 0))
        assert advice.ceiling.value == pytest.approx(limit)
        assert advice.ceiling.low < limit < advice.ceiling.high < 0.97
        assert advice.reason == (
            "no size of this family, up to 1,000 times the largest trained, reaches 0.97 at step "
            f"0; the ceiling is {limit:.3f} ({advice.ceiling.low:.3f} to {advice.ceiling.high:.3f})"
        )

    def test_the_largest_step_at_which_it_is_still_reached(self):
        """The ceiling falls with noise; found between two of 100 steps."""
        advice = ask(600, 0.8)
        assert advice.verdict == "unreachable"
        largest = 1000 * SIZES[1]
        assert float(accuracy(law_fit(), largest, advice.largest_step)) >= 0.8
        assert float(accuracy(law_fit(), largest, advice.largest_step + 10.2)) < 0.8
        assert "target reached up to step" in dict(advice_facts(advice))
        assert ask().largest_step is None

    def test_a_ceiling_that_may_be_higher_is_not_said_to_be_sure(self):
        advice = ask(0, 0.905)
        assert advice.verdict == "untrusted"
        assert advice.ceiling.high > 0.905
        assert "is expected to reach 0.905, but the ceiling is known only as 0.891" in advice.reason
        assert advice.parameters.best is None

    def test_a_ceiling_does_not_look_below_the_ladder(self):
        """By a law under which smaller is better, a tenth of the smallest size has more."""
        falling = rival_fit(gain=-0.05)
        at_smallest = float(accuracy(falling, SIZES[0], 300))
        advice = ask(fit=falling)
        assert advice.ceiling.value == pytest.approx(at_smallest, abs=1e-3)
        assert float(accuracy(falling, SIZES[0] / 10, 300)) > at_smallest + 0.02

    def test_a_ceiling_is_never_below_what_the_ladder_reaches(self):
        """Ceiling and gain are uncertain together, and at the largest size they cancel."""
        direction = np.array([0, 0.1, 0, 0, 0.1 * 10**0.3, 0, 0, 0])
        covariance = tuple(map(tuple, np.outer(direction, direction).tolist()))
        ceiling = ask(300, 0.7, fit=rival_fit(covariance=covariance)).ceiling
        assert ceiling.low == pytest.approx(0.85 - 0.15 * 10**-0.3, abs=0.005)
        assert ceiling.value == pytest.approx(0.85 - 0.15 * 10**-1.2)  # at 1,000 times the largest
        assert ceiling.high == 1


class TestUntrusted:
    def test_a_refused_fit(self):
        refused = law_fit(trusted=False, verdict="the data contradict the law: by 0.1")
        advice = ask(fit=refused)
        assert advice.verdict == "untrusted"
        assert advice.reason == (
            "the fit is not to be trusted: the data contradict the law: by 0.1"
        )
        assert (advice.parameters, advice.ceiling, advice.extrapolation_ratio) == (None,) * 3

    def test_a_fit_without_degrees_of_freedom(self):
        advice = ask(fit=law_fit(trusted=False, degrees_of_freedom=0, verdict="too few models"))
        assert "too few models" in advice.reason
        json.loads(advice_json(advice))

    @pytest.mark.parametrize("step", [1000.5, 4999.0])
    def test_beyond_the_measured_steps(self, step):
        advice = ask(step)
        assert advice.verdict == "untrusted"
        assert f"noise step {step:g} lies outside the measured 0..1000" in advice.reason

    @pytest.mark.parametrize(
        ("noise_steps", "step", "trusted"),
        [
            ((100, 800), 99.9, False),
            ((100, 800), 100, True),
            ((100, 800), 400, True),
            ((100, 450), 451, False),
            (None, 50, True),
        ],
    )
    def test_outside_the_noise_of_the_training(self, noise_steps, step, trusted):
        advice = ask(step, 0.5, ladder=trained_with(noise_steps))
        assert (advice.verdict == "recommended") == trusted
        if not trusted:
            assert advice.verdict == "untrusted"
            first, last = noise_steps
            assert f"noise step {step:g} lies outside {first}..{last}" in advice.reason
            assert "trained with" in advice.reason

    def test_a_family_s_name_is_only_a_name(self):
        models = (*calibration().models, ModelInfo("own", "", SIZES[0], training="noise 100..450"))
        assert ask(451, 0.5, models=models).verdict == "recommended"

    def test_more_than_ten_times_the_largest(self):
        steep = law_fit(errors=(1e-6,) * 8, scatter=0.0)
        advice = ask(0, reached_at(3e7, 0), fit=steep)
        assert advice.verdict == "untrusted"
        assert (
            "30 times the largest trained size, and beyond 10 times it is a guess" in advice.reason
        )
        assert advice.parameters.best == pytest.approx(3e7, rel=1e-3)
        assert ask(0, reached_at(9e6, 0), fit=steep).verdict == "recommended"

    def test_a_guess_far_beyond_can_be_forced(self):
        steep = law_fit(errors=(1e-6,) * 8, scatter=0.0)
        asked = calibration(steep), Requirement(0, reached_at(3e7, 0))
        forced = advise(*asked, force=True)
        assert forced.verdict == "recommended"
        assert forced.parameters == advise(*asked).parameters
        assert any("30.0 times beyond the largest trained size" in w for w in forced.warnings)
        beyond_noise = Requirement(2000, 0.5)
        assert advise(calibration(), beyond_noise, force=True).verdict == "untrusted"

    def test_a_set_without_an_upper_end(self):
        """So near the ceiling that no size is sure to reach the target: at least so many."""
        advice = ask(0, 0.885)
        assert advice.verdict == "untrusted"
        sizes = advice.parameters
        assert sizes.high is None
        assert sizes.recommended is None
        assert 0 < sizes.low < sizes.best
        assert advice.reason.startswith("no size can be named with 90% confidence: the interval")
        assert f"{sizes.low:,.0f}" in advice.reason
        assert "no upper bound" in dict(advice_facts(advice))["mean curve reaches it at"]

    def test_a_set_without_any_end(self):
        advice = ask(300, 0.6, fit=law_fit(errors=(0.3, *ERRORS[1:])))
        assert advice.parameters.low == 0
        assert advice.parameters.recommended is None
        assert "bounds it neither from below nor from above" in advice.reason

    def test_a_set_beyond_the_search(self):
        """No size that is looked at reaches what the law's limit does."""
        slow = (*VALUES[:2], 0.05, *VALUES[3:])
        advice = ask(0, 0.86, fit=law_fit(slow, errors=(1e-6,) * len(slow)))
        assert advice.verdict == "unreachable"
        assert "no size of this family, up to 1,000 times the largest trained" in advice.reason


class TestWarnings:
    def test_of_a_short_ladder(self):
        found = ask(backtests=[]).warnings
        assert any("no back-test" in warning for warning in found)

    def test_of_sizes_trained_once(self):
        assert any("trained twice" in w for w in ask(seeds=1).warnings)
        assert not any("trained twice" in w for w in ask().warnings)

    def test_of_more_extrapolation_than_was_back_tested(self):
        certain = law_fit(errors=(1e-6,) * 8, scatter=0.0)
        target = reached_at(5e6, 0)
        near = ask(0, target, fit=certain, backtests=[back_test(ratio=3.0)])
        far = ask(0, target, fit=certain, backtests=[back_test(ratio=6.0)])
        assert any("the back-tests earned 3.0 times" in w for w in near.warnings)
        assert not any("back-test" in w for w in far.warnings)

    def test_a_back_test_that_failed_has_earned_nothing(self):
        certain = law_fit(errors=(1e-6,) * 8, scatter=0.0)
        tests = [back_test(ratio=2.0), back_test(rms=0.031, hold_out=2, ratio=6.0)]
        found = ask(0, reached_at(5e6, 0), fit=certain, backtests=tests).warnings
        assert any("the back-tests earned 2.0 times" in w for w in found)

    def test_of_an_answer_that_leaves_its_interval_as_the_smallest_sizes_are_dropped(self):
        drifted = law_fit((0.86, *VALUES[1:]), size_range=(40_000, SIZES[1]))
        steady = law_fit(size_range=(20_000, SIZES[1]))
        advice = ask(fit=law_fit(errors=(0.001,) * 8), scan=(steady, drifted))
        assert [drift.smallest for drift in advice.scan] == [20_000, 40_000]
        assert advice.scan[0].best == pytest.approx(advice.parameters.best)
        assert any("without those under 40,000 parameters it is" in w for w in advice.warnings)
        assert not any("without those" in w for w in ask(scan=(steady,)).warnings)

    def test_not_of_a_drift_to_any_size_where_the_interval_holds_that_too(self):
        low_target = 0.3  # which every size reaches, so the interval starts at any size
        found = ask(target=low_target, scan=(law_fit(size_range=(20_000, SIZES[1])),))
        assert (found.parameters.low, found.scan[0].best) == (0, 0)
        assert not any("depends on the smallest models" in w for w in found.warnings)

    def test_the_calibrations_own_come_first(self):
        assert ask(warnings=("m1 only guesses",)).warnings[0] == "m1 only guesses"


class TestBadRequirements:
    @pytest.mark.parametrize("target", [0.0, CHANCE, 1.0, 1.5, -1.0, math.nan])
    def test_targets(self, target):
        with pytest.raises(UsageError, match=r"must lie between chance, 0\.1, and 1"):
            ask(target=target)

    @pytest.mark.parametrize("confidence", [0.0, 0.49, 1.0, 90.0, math.nan])
    def test_confidences(self, confidence):
        with pytest.raises(UsageError, match="confidence"):
            ask(confidence=confidence)

    @pytest.mark.parametrize("step", [-1.0, math.nan])
    def test_steps(self, step):
        with pytest.raises(UsageError, match="noise step"):
            ask(step)


CASES = {
    "recommended": (300.0, 0.7, {}),
    "every size": (300.0, 0.3, {}),
    "unreachable": (0.0, 0.97, {}),
    "one-sided": (0.0, 0.885, {}),
    "outside": (2000.0, 0.5, {}),
    "refused": (300.0, 0.5, {"fit": law_fit(trusted=False)}),
    "no back-test": (300.0, 0.7, {"backtests": []}),
}


class TestReports:
    @pytest.mark.parametrize("case", CASES)
    def test_json_has_the_designs_keys_and_only_numbers_that_json_knows(self, case):
        step, target, options = CASES[case]
        advice = ask(step, target, **options)

        def refuse(constant):
            raise AssertionError(constant)

        found = json.loads(advice_json(advice), parse_constant=refuse)
        assert found["verdict"] == advice.verdict
        assert found["requirement"] == {
            "noise_step": step,
            "target_accuracy": target,
            "confidence": 0.9,
        }
        assert set(found) >= {
            *("verdict", "requirement", "parameters", "ceiling", "extrapolation_ratio"),
            *("backtest", "architecture", "devices", "warnings"),
        }
        if found["parameters"] is not None:
            assert set(found["parameters"]) == {"low", "best", "high", "recommended"}
        if found["ceiling"] is not None:
            assert set(found["ceiling"]) == {"low", "best", "high"}

    @pytest.mark.parametrize(
        ("hold_out", "error", "words"),
        [
            (1, 0.3, "largest size predicted 3.0 times beyond the rest: accuracy off by 0.010 RMS"),
            (2, 0.3, "2 largest sizes predicted 3.0 times"),
            (2, 0.3, "RMS, size by a factor of 2.0"),
            (2, None, "accuracy off by 0.010 RMS"),
        ],
    )
    def test_the_back_test_says_how_far_and_how_wrong(self, hold_out, error, words):
        test = replace(back_test(hold_out=hold_out), log10_size_error=error)
        line = dict(advice_facts(ask(backtests=[test])))["back-test"]
        assert words in line
        assert ("size by" in line) == (error is not None)

    @pytest.mark.parametrize("case", CASES)
    def test_markdown_says_verdict_reason_and_warnings(self, case):
        step, target, options = CASES[case]
        advice = ask(step, target, **options)
        text = advice_markdown(advice)
        assert text.startswith(f"**{advice.verdict}**: {advice.reason}\n")
        assert all(f"- {warning}" in text for warning in advice.warnings)
        assert "nan" not in text
        assert "None" not in text
