"""The four verdicts, and what each answer carries."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from answers import measured
from planted import CHANCE, SIZES, STEPS, ladder, scattered, trained_with, transition
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.errors import UsageError
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement
from sizer.report.advice import document, facts
from sizer.report.answer import lines
from sizer.report.json import to_json
from sizer.report.markdown import markdown

LARGEST = SIZES[-1]
CEILING = 0.85  # of the planted law on clean images


@pytest.fixture(scope="module")
def calibration():
    """The transition law on five sizes, two trainings each with 1 % of luck."""
    random = np.random.default_rng(5)
    law = scattered(transition, 0.01, CHANCE, random)
    return measured(ladder(law, SIZES, STEPS, 2, trials=4000, chance=CHANCE, random=random))


@pytest.fixture(scope="module")
def ask(calibration):
    """Advice at a step and a target, of the calibration or of one that differs from it."""

    def advice(step, target, confidence=0.9, force=False, **changes):
        asked = replace(calibration, **changes)
        return advise(asked, Requirement(step, target, confidence), force)

    return advice


@pytest.fixture(scope="module")
def beyond(ask):
    """Answers from the largest size to more than ten times beyond it, all with an upper end."""
    return [ask(500.0, target) for target in np.arange(0.55, 0.81, 0.02)]


class TestRecommended:
    def test_the_interval_holds_the_true_size(self, ask):
        advice = ask(300.0, float(transition(300, 150_000)))
        assert advice.verdict == "recommended"
        assert advice.parameters.low <= 150_000 <= advice.parameters.high
        assert 150_000 < advice.recommended < 300_000
        assert advice.extrapolation_ratio == advice.recommended / LARGEST
        assert advice.reason.startswith(f"{advice.recommended:,} parameters: the next training")
        assert (advice.predictions, advice.settle, advice.largest_step) == ((), None, None)

    def test_a_little_beyond_the_ladder(self, ask):
        advice = ask(500.0, float(transition(500, 1_800_000)))
        assert advice.verdict == "recommended"
        assert advice.parameters.low <= 1_800_000 <= advice.parameters.high
        assert advice.extrapolation_ratio > 1

    def test_a_target_that_every_size_reaches(self, ask):
        advice = ask(0.0, 0.3)
        assert (advice.verdict, advice.recommended) == ("recommended", SIZES[0])
        assert advice.measured.parameters == SIZES[0]
        assert any("smaller may do" in text for text in advice.warnings)
        words = dict(facts(advice))["mean curve reaches it at"]
        assert words == "fewer than a tenth of the smallest model's parameters"

    def test_half_a_confidence_asks_for_less(self, ask):
        assert ask(300.0, 0.7, 0.5).recommended < ask(300.0, 0.7, 0.9).recommended

    def test_a_size_is_named_by_its_best_estimate_and_not_by_the_recommended_one(self, beyond):
        """The recommended size may lie further than ten times beyond, the best one may not."""
        for advice in beyond:
            assert (advice.verdict == "recommended") == (advice.parameters.best <= 10 * LARGEST)
        assert any((advice.recommended or 0) > 10 * LARGEST for advice in beyond)
        assert {advice.verdict for advice in beyond} == {"recommended", "bounded"}


@pytest.fixture(scope="module")
def less_sure(ask):
    return ask(300.0, 0.82)


class TestLessSureThanAsked:
    """Whether the family reaches it at all is not known as surely as was asked."""

    def test_the_size_is_named_with_the_confidence_that_there_is(self, less_sure):
        sizes = less_sure.parameters
        assert less_sure.verdict == "recommended"
        assert sizes.high is None
        assert sizes.best < sizes.recommended
        assert 0.45 < sizes.confidence < 0.9
        assert f"with {sizes.confidence:.0%} confidence" in less_sure.reason
        assert "no size is 90% sure" in less_sure.reason

    def test_it_tells_what_would_settle_it(self, less_sure):
        told = [at.parameters for at in less_sure.predictions]
        assert told == [LARGEST, 2 * LARGEST, 4 * LARGEST]
        assert LARGEST <= less_sure.settle <= 4 * LARGEST

    def test_a_size_as_sure_as_asked_says_neither(self, ask):
        advice = ask(300.0, 0.7)
        assert advice.parameters.confidence == 0.9
        assert advice.predictions == ()
        assert advice.settle is None


@pytest.fixture(scope="module")
def bounded(ask):
    return ask(500.0, 0.8)


class TestBounded:
    def test_it_has_a_lower_bound_and_no_recommendation(self, bounded):
        assert bounded.verdict == "bounded"
        assert 2 * LARGEST < bounded.parameters.low < bounded.parameters.best
        assert bounded.recommended is None
        assert bounded.extrapolation_ratio is None
        assert "takes at least" in bounded.reason
        assert "(95 %)" in bounded.reason

    def test_it_tells_the_accuracy_at_and_beyond_the_largest_size(self, bounded):
        told = bounded.predictions
        assert [at.parameters for at in told] == [LARGEST, 2 * LARGEST, 4 * LARGEST]
        assert [at.extrapolation_ratio for at in told] == [1, 2, 4]
        for at in told:
            truth = float(transition(500, at.parameters))
            assert at.accuracy.low <= truth <= at.accuracy.high
        widths = [at.accuracy.high - at.accuracy.low for at in told]
        assert widths == sorted(widths)

    def test_it_names_the_training_that_would_settle_it(self, bounded):
        assert LARGEST <= bounded.settle <= 4 * LARGEST

    def test_where_no_training_narrows_it_the_largest_is_named(self, ask):
        """All of them leave the interval without an end; the largest tells most."""
        advice = ask(0.0, 0.9)
        assert advice.parameters.high is None
        assert advice.settle == 4 * LARGEST

    def test_without_a_best_estimate_it_still_has_a_bound(self, ask):
        advice = ask(0.0, 0.88)
        assert advice.verdict == "bounded"
        assert advice.parameters.best is None
        assert advice.parameters.low > 4 * LARGEST
        assert "no size that is looked at is expected to reach it" in advice.reason

    def test_far_beyond_the_ladder_a_size_would_be_a_guess_that_can_be_forced(self, ask):
        advice, forced = ask(500.0, 0.8), ask(500.0, 0.8, force=True)
        assert advice.verdict == "bounded"
        assert "beyond 10 times the largest trained size" in advice.reason
        assert advice.parameters.best > 10 * LARGEST
        assert forced.verdict == "recommended"
        assert forced.parameters.best == advice.parameters.best
        assert forced.recommended > advice.parameters.best


class TestUnreachable:
    def test_it_has_a_ceiling_below_the_target(self, ask):
        advice = ask(0.0, 0.97)
        assert advice.verdict == "unreachable"
        assert advice.parameters is None
        assert advice.ceiling.low < CEILING < advice.ceiling.high < 0.97
        assert "up to 1,000 times the largest trained, reaches 0.97 at noise 0" in advice.reason
        assert f"the ceiling is {advice.ceiling.best:.3f}" in advice.reason

    def test_the_largest_step_at_which_it_is_still_reached(self, ask):
        """The planted law has 0.8 at 1,000 times the largest size up to about step 630."""
        advice = ask(950.0, 0.8)
        assert advice.verdict == "unreachable"
        assert 300 < advice.largest_step < 900
        assert ask(advice.largest_step, 0.8).parameters.best is not None
        assert dict(facts(advice))["target reached up to"] == advice.noise(advice.largest_step)

    def test_the_ceiling_is_no_less_than_what_the_ladder_reaches(self, ask):
        assert ask(0.0, 0.97).ceiling.high > float(transition(0, LARGEST))


class TestUntrusted:
    def test_noise_that_was_not_measured(self, ask):
        advice = ask(1200.0, 0.5)
        assert advice.verdict == "untrusted"
        assert advice.reason == ("noise step 1200 lies outside the measured 0..1000: measure there")
        assert (advice.parameters, advice.measured, advice.ceiling) == (None, None, None)
        assert ask(1200.0, 0.5, force=True).verdict == "untrusted"

    def test_noise_that_was_not_trained_with(self, ask):
        advice = ask(700.0, 0.5, ladder=trained_with((0, 500)))
        assert advice.verdict == "untrusted"
        assert "the noise that the models were trained with" in advice.reason
        assert ask(400.0, 0.5, ladder=trained_with((0, 500))).verdict == "recommended"


class TestWarnings:
    def test_those_of_the_measurement_come_first(self, ask):
        assert ask(300.0, 0.7, warnings=("m1 only guesses",)).warnings[0] == "m1 only guesses"

    def test_of_sizes_trained_once(self, ask, calibration):
        once = tuple(model for model in calibration.models if model.name.endswith("-0"))
        names = {model.name for model in once}
        cells = tuple(cell for cell in calibration.cells if cell.model in names)
        alone = ask(300.0, 0.7, models=once, cells=cells).warnings
        assert any("no size was trained twice" in text for text in alone)
        assert not any("trained twice" in text for text in ask(300.0, 0.7).warnings)

    def test_of_more_extrapolation_than_was_back_tested(self, ask, beyond):
        tested = ask(300.0, 0.7).backtest.ratio
        ratios = [advice.extrapolation_ratio or 0 for advice in beyond]
        assert min(filter(None, ratios)) < tested < max(ratios)
        for advice, ratio in zip(beyond, ratios, strict=True):
            warned = any(f"{tested:.1f} times was tested" in text for text in advice.warnings)
            assert warned == (ratio > tested)


class TestBackTestOfAnAnswer:
    def test_the_largest_sizes_are_predicted_from_the_others(self, ask):
        test = ask(300.0, 0.7).backtest
        assert (test.hold_out, test.models) == (2, 4)
        assert test.ratio == pytest.approx(LARGEST / SIZES[2])
        assert test.accuracy_rms < 0.05
        assert abs(test.accuracy_worst) >= test.accuracy_rms
        assert 2 <= test.held <= 4


class TestBadRequirements:
    @pytest.mark.parametrize("target", [0.0, CHANCE, 1.0, 1.5, -1.0, math.nan])
    def test_targets(self, ask, target):
        with pytest.raises(UsageError, match=r"must lie between chance, 0\.05, and 1"):
            ask(300.0, target)

    @pytest.mark.parametrize("confidence", [0.0, 0.49, 1.0, 90.0, math.nan])
    def test_confidences(self, ask, confidence):
        with pytest.raises(UsageError, match="confidence"):
            ask(300.0, 0.7, confidence)

    @pytest.mark.parametrize("step", [-1.0, math.nan, math.inf])
    def test_steps(self, ask, step):
        with pytest.raises(UsageError, match="noise step"):
            ask(step, 0.7)


CASES = {
    "recommended": (300.0, 0.7, "recommended", 0),
    "every size": (0.0, 0.3, "recommended", 0),
    "less sure": (300.0, 0.82, "recommended", 0),
    "bounded": (500.0, 0.8, "bounded", 4),
    "bound alone": (0.0, 0.88, "bounded", 4),
    "unreachable": (0.0, 0.97, "unreachable", 1),
    "outside": (1200.0, 0.5, "untrusted", 4),
}


SAID = {  # first, of each verdict
    "recommended": "use ",
    "bounded": "no size can be named",
    "unreachable": "no size of this family reaches ",
    "untrusted": "nothing is known at ",
}


@pytest.fixture(scope="module")
def written(calibration, tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "mine.json"
    calibration.save(path)
    return path


def run(path, step, target, form):
    line = ["recommend", "--noise-step", step, "--target-acc", target, "--calibration", path]
    return CliRunner().invoke(app, [str(word) for word in (*line, "--format", form)])


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("case", CASES)
class TestCommand:
    @pytest.mark.parametrize("form", ["text", "json", "markdown"])
    def test_exit_codes_are_those_of_the_verdicts(self, written, case, form):
        step, target, verdict, code = CASES[case]
        result = run(written, step, target, form)
        assert result.exit_code == code
        start = {"text": SAID[verdict], "json": f'{{\n  "verdict": "{verdict}"'}
        assert result.stdout.startswith(start.get(form, f"**{SAID[verdict]}"))
        talk = result.stderr.splitlines()
        assert all(line.startswith("warning: ") for line in talk)
        assert form == "text" or not talk

    def test_json_has_the_shape_of_the_design(self, written, case):
        step, target, verdict, _ = CASES[case]
        told = json.loads(run(written, step, target, "json").stdout, parse_constant=refuse)
        assert told["verdict"] == verdict
        assert told["requirement"] == {
            "noise_step": step,
            "target_accuracy": target,
            "confidence": 0.9,
        }
        assert set(told) >= {
            *("verdict", "requirement", "parameters", "ceiling", "extrapolation_ratio"),
            *("backtest", "architecture", "devices", "warnings", "measured"),
        }
        shapes = {
            "parameters": {"low", "best", "high", "recommended", "confidence"},
            "ceiling": {"low", "best", "high"},
            "measured": {"name", "parameters", "accuracy", "trainings"},
        }
        for key, shape in shapes.items():
            assert told[key] is None or set(told[key]) == shape
        assert (told["parameters"] is None) == (verdict in {"unreachable", "untrusted"})
        assert (told["ceiling"] is not None) >= (verdict == "unreachable")
        unsure = case in {"less sure", "bounded", "bound alone"}
        assert bool(told["predictions"]) == bool(told["settle"]) == unsure

    def test_words_say_verdict_reason_and_warnings(self, calibration, case):
        step, target, _, _ = CASES[case]
        advice = advise(calibration, Requirement(step, target))
        text = markdown(document(advice))
        first, *more = lines(advice)
        assert text.startswith(f"**{first}**  \n{more[0]}")
        assert len(lines(advice)) <= 3
        assert all(f"- {warning}" in text for warning in advice.warnings)
        assert "nan" not in text
        assert "None" not in text
        assert json.loads(to_json(advice))["reason"] == advice.reason
