"""The fits, on data made from the laws themselves: what was planted is what comes out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import EXACT, curve, ladder
from scipy.special import xlogy
from sizer.fit import fit_collapse, fit_surface, fit_surfaces, fit_width_law
from sizer.fit.choice import backtest, scan_smallest
from sizer.fit.collapse import NO_COLLAPSE, SizeCurve, collapse_quality
from sizer.fit.evidence import check_sizes, clustered_covariance, interval
from sizer.law import (
    LAWS,
    SATURATING,
    TRANSITION,
    Context,
    accuracy,
    accuracy_error,
    derivatives,
    first_reaching,
)

from sizer.errors import MeasurementError
from sizer.results import Estimate
from sizer.scaling.crossings import Width

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STEPS = np.round(1000 * np.linspace(0, 1, 21) ** 1.25)
CHANCE = 0.05


# ---------------------------------------------------------------- planted laws


def transition(step, size):
    """The law of `sizer.law`, written out again from its equation; N0 = 100,000."""
    ratio = size / 1e5
    clean = 0.85 - 0.12 * ratio**-0.3
    middle, width = 500 * ratio**0.04, 90 * ratio**-0.15

    def logistic(t):
        return 1 / (1 + np.exp((t - middle) / width))

    return CHANCE + (clean - CHANCE) * logistic(step) / logistic(0)


def saturating(step, size):
    """A(t) - B(t) N^-lambda(t), with B largest in mid-fall, as the design measured it."""
    share = step / 1000
    ceiling = 0.05 + 0.87 * (1 - share) ** 1.5
    gain = (1 - share) * (0.08 + 0.5 * share * (1 - share))
    return ceiling - gain * (size / 1e5) ** -(0.14 + 0.2 * share)


class TestWidthLaw:
    PAIRS = ((0.1, 0.9), (0.2, 0.8), (0.4, 0.6))

    def widths(self, exponents=(0.27, 0.27, 0.27), prefactors=(900.0, 500.0, 100.0)):
        return [
            Width(f"m{size}", size, pair, Estimate(prefactor * size**-exponent))
            for size in SIZES
            for pair, prefactor, exponent in zip(self.PAIRS, prefactors, exponents, strict=True)
        ]

    def test_exact_powers_of_different_height_share_their_slope(self):
        law = fit_width_law(self.widths())
        assert law.exponent.value == pytest.approx(0.27, abs=1e-6)
        assert law.exponent.high - law.exponent.low < 1e-6
        assert [pair.levels for pair in law.pairs] == list(self.PAIRS)
        assert [pair.prefactor for pair in law.pairs] == pytest.approx([900, 500, 100], rel=1e-5)
        assert [pair.exponent.value for pair in law.pairs] == pytest.approx([0.27] * 3, abs=1e-6)
        assert law.verdict == "the transition narrows with size, by 46.3% a decade"

    def test_slopes_that_differ_are_kept_apart_and_averaged(self):
        law = fit_width_law(self.widths(exponents=(0.2, 0.3, 0.4)))
        assert [pair.exponent.value for pair in law.pairs] == pytest.approx([0.2, 0.3, 0.4])
        assert law.exponent.value == pytest.approx(0.3)

    @pytest.mark.parametrize(
        ("exponent", "verdict"), [(-0.2, "the transition widens with size, by 5"), (0.0, None)]
    )
    def test_widening_and_no_change(self, exponent, verdict):
        scatter = np.random.default_rng(2).normal(0, 0.02, len(SIZES))
        widths = [
            Width(f"m{n}", n, (0.2, 0.8), Estimate(100 * n**-exponent * np.exp(e)))
            for n, e in zip(SIZES, scatter, strict=True)
        ]
        expected = verdict or "no change of the width with size is established"
        assert fit_width_law(widths).verdict.startswith(expected)

    def test_the_unit_of_noise_does_not_matter(self):
        widths = self.widths(exponents=(0.2, 0.3, 0.4))
        scaled = [replace(w, width=Estimate(w.width.value * 1e-7)) for w in widths]
        one, other = (fit_width_law(each).exponent for each in (widths, scaled))
        assert (one.value, one.low, one.high) == pytest.approx(
            (other.value, other.low, other.high), abs=1e-7
        )

    def test_censored_widths_are_counted_and_left_out(self):
        censored = Width("m10000", 10_000, (0.3, 0.7), Estimate(None))
        law = fit_width_law([*self.widths(), censored])
        assert law.censored == 1
        assert law.exponent.value == pytest.approx(0.27, abs=1e-6)

    def test_two_sizes_make_no_law(self):
        assert fit_width_law([w for w in self.widths() if w.parameters < 50_000]) is None

    def test_a_pair_of_too_few_sizes_has_no_exponent_of_its_own(self):
        widths = [w for w in self.widths() if w.levels != (0.1, 0.9) or w.parameters < 50_000]
        assert [pair.levels for pair in fit_width_law(widths).pairs] == [(0.2, 0.8), (0.4, 0.6)]

    def test_trainings_of_one_size_count_as_models_not_as_sizes(self):
        widths = [
            Width(f"m{n}-{i}", n, (0.2, 0.8), Estimate(100 * n**-0.3 * (1 + 0.01 * (-1) ** i)))
            for n in SIZES
            for i in range(2)
        ]
        assert fit_width_law(widths).exponent.value == pytest.approx(0.3, abs=1e-6)
        assert fit_width_law([w for w in widths if w.parameters < 50_000]) is None

    def test_the_interval_is_students_of_a_jackknife_over_models(self):
        """Five models, of which an exponent and a height take two degrees of freedom."""
        luck = dict(zip(SIZES, np.random.default_rng(3).normal(0, 0.1, 5), strict=True))
        widths = [
            replace(w, width=Estimate(w.width.value * np.exp(luck[w.parameters])))
            for w in self.widths()
        ]
        exponent = fit_width_law(widths).exponent
        left_out = [
            fit_width_law([w for w in widths if w.parameters != size]).exponent.value
            for size in SIZES
        ]
        error = np.sqrt(4 / 5 * np.sum((np.array(left_out) - exponent.value) ** 2))
        assert exponent.high - exponent.value == pytest.approx(2.35336 * error, rel=1e-4)
        assert exponent.value - exponent.low == pytest.approx(2.35336 * error, rel=1e-4)

    def test_the_interval_covers_the_truth_as_often_as_it_says(self):
        """90 % nominal; all widths of one model share its luck."""
        random, covered = np.random.default_rng(11), 0
        for _ in range(200):
            luck = dict(zip(SIZES, random.normal(0, 0.1, len(SIZES)), strict=True))
            widths = [
                replace(w, width=Estimate(w.width.value * np.exp(luck[w.parameters])))
                for w in self.widths()
            ]
            exponent = fit_width_law(widths).exponent
            covered += exponent.low <= 0.27 <= exponent.high
        assert 165 <= covered <= 197


class TestClusteredCovariance:
    @staticmethod
    def problem(seed, clusters=6, parameters=3):
        random = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(clusters), random.integers(2, 6, clusters))
        design = random.normal(size=(len(cluster), parameters))
        return design, random.normal(size=len(cluster)), cluster

    @staticmethod
    def solve(design, response):
        return np.linalg.lstsq(design, response, rcond=None)[0]

    @settings(max_examples=30)
    @given(st.integers(0, 10_000))
    def test_is_the_jackknife_over_clusters(self, seed):
        """For a linear model, exactly: every cluster left out in turn, by brute force."""
        design, response, cluster = self.problem(seed)
        full = self.solve(design, response)
        covariance = clustered_covariance(design, design @ full - response, cluster)
        left_out = [
            self.solve(design[cluster != g], response[cluster != g]) - full
            for g in np.unique(cluster)
        ]
        share = (len(left_out) - 1) / len(left_out)
        jackknife = share * sum(np.outer(one, one) for one in left_out)
        np.testing.assert_allclose(covariance, jackknife, rtol=1e-6, atol=1e-12)

    def test_order_and_names_of_clusters_and_units_do_not_matter(self):
        design, residuals, cluster = self.problem(3)
        covariance = clustered_covariance(design, residuals, cluster)
        order = np.random.default_rng(0).permutation(len(cluster))
        shuffled = clustered_covariance(design[order], residuals[order], 7 - cluster[order])
        np.testing.assert_allclose(shuffled, covariance)
        unit = np.array([1.0, 1e3, 1e-3])
        scaled = clustered_covariance(design * unit, residuals, cluster)
        np.testing.assert_allclose(scaled, covariance / np.outer(unit, unit), rtol=1e-6)
        np.testing.assert_allclose(
            clustered_covariance(design, 3 * residuals, cluster), 9 * covariance
        )
        np.testing.assert_allclose(clustered_covariance(design, -residuals, cluster), covariance)

    def test_is_a_covariance(self):
        covariance = clustered_covariance(*self.problem(8))
        np.testing.assert_allclose(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance).min() > 0

    def test_a_repeated_cluster_is_no_new_evidence(self):
        """A model measured at twice as many points says no more: residuals repeat as well."""
        design, response, cluster = self.problem(4)
        residuals = design @ self.solve(design, response) - response
        once = clustered_covariance(design, residuals, cluster)
        doubled = [np.concatenate([part, part]) for part in (design, residuals, cluster)]
        np.testing.assert_allclose(clustered_covariance(*doubled), once, rtol=1e-6)

    def test_an_idle_parameter_is_survived(self):
        design, residuals, cluster = self.problem(5)
        design[:, 2] = 0
        covariance = clustered_covariance(design, residuals, cluster)
        assert np.all(np.isfinite(covariance))
        assert np.all(covariance[2] == 0)

    def test_intervals_are_students(self):
        assert interval(1.0, 0.1, 4).high == pytest.approx(1 + 0.1 * 2.13185)
        assert interval(1.0, 0.1, 4).low == pytest.approx(1 - 0.1 * 2.13185)
        assert interval(1.0, 0.1, 0) == Estimate(1.0)
        assert interval(1.0, float("nan"), 4) == Estimate(1.0)


class TestCollapse:
    CRITICAL, INVERSE_NU, LAMBDA = 600.0, 0.2, -0.05

    def scaling(self, step, size):
        """Exactly N^-lambda f((t - t_c) N^(1/nu)), with a logistic f."""
        ratio = size / 1e5
        return (
            0.6
            * ratio**-self.LAMBDA
            / (1 + np.exp((step - self.CRITICAL) * ratio**self.INVERSE_NU / 80))
        )

    def curves(self, points=400):
        steps = np.linspace(0, 1000, points)
        return [
            SizeCurve(float(n), steps, self.scaling(steps, n), np.full(points, 0.01)) for n in SIZES
        ]

    def test_data_that_scale_have_no_distance_at_the_planted_values(self):
        quality = collapse_quality(self.curves(), self.CRITICAL, self.INVERSE_NU, self.LAMBDA)
        assert quality < 1e-4  # what the straight lines between points leave
        finer = collapse_quality(self.curves(800), self.CRITICAL, self.INVERSE_NU, self.LAMBDA)
        assert finer < quality / 8

    @pytest.mark.parametrize("off", [(30, 0, 0), (0, 0.05, 0), (0, 0, 0.05)])
    def test_and_a_distance_away_from_them(self, off):
        wrong = np.add((self.CRITICAL, self.INVERSE_NU, self.LAMBDA), off)
        assert collapse_quality(self.curves(), *wrong) > 0.1

    def test_honest_errors_give_a_quality_of_one(self):
        random = np.random.default_rng(3)
        noisy = [replace(c, order=c.order + random.normal(0, c.error)) for c in self.curves()]
        quality = collapse_quality(noisy, self.CRITICAL, self.INVERSE_NU, self.LAMBDA)
        assert quality == pytest.approx(1, abs=0.15)

    def test_curves_without_a_common_range(self):
        apart = [replace(c, steps=c.steps + 5000 * i) for i, c in enumerate(self.curves())]
        assert collapse_quality(apart, 600, 0, 0) == NO_COLLAPSE

    def test_curves_that_only_stretch_have_no_critical_step_inside(self):
        def stretched(step, size):
            return 0.6 * np.exp(-(((step * (size / 1e5) ** -0.1) / 400) ** 2))

        found = fit_collapse(ladder(stretched, SIZES, STEPS, trials=10_000))
        assert found.inverse_nu.value == pytest.approx(-0.1, abs=0.02)
        assert (found.critical_step.low, found.critical_step.high) == (None, None)
        assert "about no critical step" in found.verdict

    def test_the_planted_values_are_found_blind(self):
        found = fit_collapse(ladder(self.scaling, SIZES, STEPS, trials=10_000))
        assert found.critical_step.value == pytest.approx(self.CRITICAL, rel=0.01)
        assert found.inverse_nu.value == pytest.approx(self.INVERSE_NU, abs=0.015)
        assert found.lambda_.value == pytest.approx(self.LAMBDA, abs=0.005)
        assert found.quality < 1
        assert found.verdict == "the curves collapse onto one master curve"

    def test_drawn_counts_give_intervals_that_hold_them(self):
        random = np.random.default_rng(1)
        found = fit_collapse(ladder(self.scaling, SIZES, STEPS, trials=2000, random=random))
        planted = (self.CRITICAL, self.INVERSE_NU, self.LAMBDA)
        for one, truth in zip(
            (found.critical_step, found.inverse_nu, found.lambda_), planted, strict=True
        ):
            assert one.low <= truth <= one.high
            assert one.high - one.low < 0.2 * max(abs(truth), 0.5)

    def test_curves_of_different_shape_are_said_not_to_collapse(self):
        def shapes(step, size):
            return 0.8 / (1 + (step / 500) ** (1 + np.log10(size / 1e4) * 3))

        found = fit_collapse(ladder(shapes, SIZES, STEPS, trials=10_000))
        assert found.quality > 4
        assert "do not collapse: they miss it by" in found.verdict

    def test_trainings_of_one_size_need_not_share_their_steps(self):
        random = np.random.default_rng(6)
        curves = [
            curve(f"m{n}-{i}", n, STEPS[i::2], self.scaling(STEPS[i::2], n), 5000, random=random)
            for n in SIZES
            for i in range(2)
        ]
        assert fit_collapse(curves).critical_step.value == pytest.approx(self.CRITICAL, rel=0.02)

    def test_a_size_that_is_never_right(self):
        silent = curve("silent", 3000, STEPS, 0.0, 100)
        found = fit_collapse([*ladder(self.scaling, SIZES, STEPS, trials=1000), silent])
        assert found.quality > 4

    def test_two_sizes_are_too_few(self):
        with pytest.raises(MeasurementError, match="2 different sizes; a scaling law needs 3"):
            fit_collapse(ladder(self.scaling, SIZES[:2], STEPS))


class TestLaws:
    CONTEXT = Context(0.1, (0.0, 300.0, 1000.0), 1e5)

    def test_the_transition_at_its_landmarks(self):
        values = np.array([0.9, 0.1, 0.3, np.log(500), 0.1, np.log(50), 0.2, 0.0])
        x, step = np.array([0.0, 0.0, 0.0]), np.array([0.0, 500, 1e6])
        found = TRANSITION.at(x, step, self.CONTEXT)(values)
        half = 0.1 + 0.7 / 2 / (1 / (1 + np.exp(-10)))
        assert found == pytest.approx([0.8, half, 0.1])

    def test_the_transition_as_written_out_again(self):
        context = replace(self.CONTEXT, chance=CHANCE)
        values = np.array([0.85, 0.12, 0.3, np.log(500), 0.04, np.log(90), 0.15, 0.0])
        size, step = np.meshgrid(SIZES, STEPS)
        found = TRANSITION.at(np.log(size / 1e5), step, context)(values)
        np.testing.assert_allclose(found, transition(step, size), rtol=1e-12)

    def test_the_saturating_law_at_its_knots(self):
        values = np.array([0.9, 0.8, 0.5, 0.1, 0.2, 0.3, 0.4, 0.2])
        x, step = np.log([1e4, 1e5, 1e6]) - np.log(1e5), np.array([0.0, 300, 1000])
        found = SATURATING.at(x, step, self.CONTEXT)(values)
        assert found == pytest.approx([0.9 - 0.1 * 10**0.4, 0.8 - 0.2, 0.5 - 0.3 * 10**-0.2])

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_names_and_bounds(self, law):
        names = law.names(3)
        assert len(set(names)) == len(names)
        assert all(low < high for low, high in map(law.bounds, names))
        assert law.size_parameters <= len(names)

    @pytest.mark.parametrize(
        ("law", "limit"), [(TRANSITION, 0.5), (LAWS["no-ceiling"], 1.0), (SATURATING, 0.5)]
    )
    def test_the_limit_of_infinite_size(self, law, limit):
        values = np.full(len(law.names(3)), 0.5)
        x, step = np.array([-10.0, 0, 10, 30]), np.zeros(4)
        rising = law.at(x, step, self.CONTEXT)(values)
        assert np.all(np.diff(rising) >= 0)
        assert rising[-1] == pytest.approx(limit, abs=1e-5)

    def test_simpler_laws_are_members_of_the_larger(self):
        """Without skew, correction or a ceiling below one, all of them are one law."""
        values = dict(
            zip(TRANSITION.names(3), (1.0, 0.3, 0.3, 6.2, 0.04, 4.5, 0.15, 0.0), strict=True)
        )
        size, step = np.meshgrid(SIZES, STEPS)
        x = np.log(size / 1e5)
        expected = TRANSITION.at(x, step, self.CONTEXT)(np.array(list(values.values())))
        for name in ("logistic", "no-ceiling", "corrected"):
            law = LAWS[name]
            own = np.array([values.get(one, 0.0) for one in law.names(3)])
            np.testing.assert_allclose(law.at(x, step, self.CONTEXT)(own), expected, rtol=1e-12)

    def test_the_papers_form_collapses(self):
        """(acc - c) N^lambda is one function of (t - t_c) N^(1/nu)."""
        law, growth, critical, inverse_nu = LAWS["finite-size"], 0.1, 300.0, 0.28
        values = np.array([-1.0, growth, critical, 40.0, 4.0, inverse_nu, -0.3])
        scaled = np.linspace(-300, 300, 41)
        master = []
        for x in (-2.0, 0.0, 3.0):
            step = critical + scaled * np.exp(-inverse_nu * x)
            found = law.at(np.full_like(step, x), step, self.CONTEXT)(values)
            master.append((found - self.CONTEXT.chance) * np.exp(-growth * x))
        np.testing.assert_allclose(master[1:], [master[0]] * 2, rtol=1e-9)

    @given(
        values=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
        at=st.floats(-2, 2),
    )
    def test_derivatives_of_a_function_that_has_them(self, values, at):
        def function(v):
            return np.array([v[0] * np.exp(v[1] * at), v[2] ** 3, np.sin(v[3])]).T

        v0, v1, v2, v3 = values
        expected = np.zeros((3, 4))
        expected[0, 0] = np.exp(v1 * at)
        expected[0, 1] = v0 * at * np.exp(v1 * at)
        expected[1, 2], expected[2, 3] = 3 * v2**2, np.cos(v3)
        found = derivatives(function, np.array(values))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    def test_the_first_size_that_reaches_a_target(self):
        sizes = np.geomspace(1e3, 1e7, 41)
        values = np.log10(sizes)  # a straight line in ln N, so that the inversion is exact
        assert first_reaching(sizes, values, 5.03) == pytest.approx(10**5.03, rel=1e-9)
        assert first_reaching(sizes, np.minimum(values, 5), 5.03) is None
        assert first_reaching(sizes, values, 2) == 0
        dipping = np.where(sizes > 1e6, 0, values)
        assert first_reaching(sizes, dipping, 5.03) == pytest.approx(10**5.03, rel=1e-9)


def planted_fit(law, function, trials=20_000, seed=0, **options):
    random = np.random.default_rng(seed)
    return fit_surface(
        law,
        ladder(
            function,
            SIZES,
            STEPS,
            trainings=2,
            trials=trials,
            chance=CHANCE,
            random=random,
            **options,
        ),
    )


class TestSurface:
    def test_a_planted_transition_is_recovered(self):
        fit = planted_fit(TRANSITION, transition)
        ratio = fit.reference_size / 1e5
        planted = {
            "clean_limit": 0.85,
            "gain": 0.12 * ratio**-0.3,
            "rate": 0.3,
            "log_middle": np.log(500 * ratio**0.04),
            "drift": 0.04,
            "log_width": np.log(90 * ratio**-0.15),
            "inverse_nu": 0.15,
            "log_skew": 0.0,
        }
        errors = np.sqrt(np.diag(fit.covariance))
        for name, value, error in zip(fit.names, fit.values, errors, strict=True):
            assert abs(value - planted[name]) < 4 * error, name
            assert error < 0.05, name
        assert fit.trusted
        assert fit.verdict == "the law describes the data"
        assert fit.overdispersion == pytest.approx(1, abs=0.25)
        assert fit.residual_rms < 0.004

    def test_a_planted_saturation_is_recovered(self):
        fit = planted_fit(SATURATING, saturating)
        size, step = np.meshgrid(SIZES, STEPS)
        assert np.abs(accuracy(fit, size, step) - saturating(step, size)).max() < 0.005
        beyond = accuracy(fit, 3e6, STEPS) - saturating(STEPS, 3e6)
        assert np.abs(beyond).max() < 0.02
        assert fit.trusted

    @pytest.mark.parametrize(
        ("law", "function"), [(TRANSITION, transition), (SATURATING, saturating)]
    )
    def test_exact_data_are_met_exactly(self, law, function):
        fit = fit_surface(law, ladder(function, SIZES, STEPS, trainings=2, chance=CHANCE))
        limit = 1e-6 if law is TRANSITION else 2e-3  # splines of eight knots are no powers
        assert fit.residual_rms < limit
        assert max(fit.scatter) < limit

    @pytest.mark.parametrize("name", [name for name in LAWS if name != "saturating"])
    def test_every_law_recovers_itself(self, name):
        """A ladder made by the law from values far from any start, met again exactly."""
        law, reference = LAWS[name], 1e5
        planted = {
            "clean_limit": 0.8, "gain": 0.1, "rate": 0.35, "log_middle": 6.0, "drift": 0.05,
            "log_width": 4.6, "inverse_nu": 0.2, "log_skew": -0.4,
            "middle_correction": 0.1, "width_correction": -0.1,
            "log_height": -0.5, "growth": 0.08, "critical_step": 350.0, "offset": 60.0,
        }  # fmt: skip
        if name == "no-ceiling":
            planted |= {"gain": 0.4, "rate": 0.15}
        values = np.array([planted[one] for one in law.names(8)])

        def made(step, size):
            x = np.full_like(step, np.log(size / reference))
            return law.at(x, step, Context(CHANCE, (), reference))(values)

        curves = ladder(made, (*SIZES, 3_000_000), STEPS, trainings=2, chance=CHANCE)
        fit = fit_surface(law, curves)
        assert fit.residual_rms < 1e-5
        beyond = accuracy(fit, 2e7, STEPS) - made(STEPS, 2e7)
        assert np.abs(beyond).max() < 1e-3

    def test_the_error_is_that_of_fits_to_other_draws(self):
        """Ten ladders drawn anew: their fits scatter as the error of one of them says."""
        fits = [planted_fit(TRANSITION, transition, trials=3000, seed=seed) for seed in range(10)]
        spread = np.std([accuracy(fit, 3e6, 500.0) for fit in fits], ddof=1)
        stated = np.mean([accuracy_error(fit, 3e6, 500.0) for fit in fits])
        assert 0.4 < stated / spread < 2.5

    def test_scatter_between_trainings_is_found(self):
        random, spread = np.random.default_rng(4), 0.04
        curves = [
            curve(
                f"m{n}-{i}",
                n,
                STEPS,
                CHANCE + (transition(STEPS, n) - CHANCE) * np.exp(random.normal(0, spread)),
                20_000,
                CHANCE,
                random,
            )
            for n in SIZES
            for i in range(4)
        ]
        fit = fit_surface(TRANSITION, curves)
        middle = [i for i, knot in enumerate(fit.knots) if knot < 450]
        for i in middle:
            height = transition(fit.knots[i], 1e5) - CHANCE
            assert fit.scatter[i] == pytest.approx(spread * height, rel=0.5)
        assert fit.scatter[-1] < 0.2 * fit.scatter[0]  # where all only guess, none differ
        assert fit.overdispersion > 5

    def test_where_sizes_were_trained_once_the_law_stands_for_their_mean(self):
        random, spread = np.random.default_rng(5), 0.03
        sizes = np.geomspace(1e4, 1e6, 12).astype(int)
        curves = [
            curve(
                f"m{n}",
                n,
                STEPS,
                CHANCE + (transition(STEPS, n) - CHANCE) * (1 + random.normal(0, spread)),
                20_000,
                CHANCE,
                random,
            )
            for n in sizes
        ]
        fit = fit_surface(TRANSITION, curves)
        assert fit.scatter[0] == pytest.approx(0.7 * spread, rel=0.5)
        assert fit.trusted

    def test_the_unit_of_noise_does_not_matter(self):
        def scaled(factor):
            curves = ladder(
                transition,
                SIZES,
                STEPS,
                trainings=2,
                trials=3000,
                chance=CHANCE,
                random=np.random.default_rng(0),
            )
            steps = tuple((STEPS * factor).tolist())
            return fit_surface(TRANSITION, [replace(one, steps=steps) for one in curves])

        one, other = scaled(1), scaled(1e-9)
        assert accuracy(other, 3e6, 400e-9) == pytest.approx(accuracy(one, 3e6, 400), abs=1e-4)
        assert accuracy_error(other, 3e6, 400e-9) == pytest.approx(
            accuracy_error(one, 3e6, 400), rel=0.02
        )
        assert other.trusted

    def test_an_inversion_finds_the_size_again(self):
        fit = planted_fit(TRANSITION, transition)
        sizes = np.geomspace(1e3, 1e9, 1000)
        for size in (2e4, 4e5, 5e6):
            target = float(accuracy(fit, size, 450))
            found = first_reaching(sizes, accuracy(fit, sizes, 450), target)
            assert found == pytest.approx(size, rel=1e-4)


class TestMisfit:
    def test_a_true_law_has_next_to_none(self):
        """Each of 12 ladders with 3 % scatter between trainings is off by little but luck."""
        found = []
        for seed in range(12):
            random = np.random.default_rng(seed)

            def scattered(step, size, random=random):
                return CHANCE + (transition(step, size) - CHANCE) * (1 + 0.03 * random.normal())

            curves = ladder(
                scattered, SIZES, STEPS, trainings=3, trials=5000, chance=CHANCE, random=random
            )
            found.append(fit_surface(TRANSITION, curves).misfit)
        assert np.median(found) < 0.01

    def test_a_law_that_bends_where_the_data_do_not(self):
        """The largest and smallest of five sizes lie 5 % of their height below a straight law."""

        def bent(step, size):
            return CHANCE + (transition(step, 1e5) - CHANCE) * (0.95 if size in ends else 1.0)

        ends = (SIZES[0], SIZES[2], SIZES[-1])
        fit = fit_surface(TRANSITION, ladder(bent, SIZES, STEPS, trainings=3, chance=CHANCE))
        assert 0.01 < fit.misfit[0] < 0.05
        assert fit.misfit[-1] < 0.1 * fit.misfit[0]  # where all only guess, nothing is missed


class TestVerdicts:
    def test_data_that_contradict_the_law(self):
        def stepped(step, size):
            return 0.5 + 0.4 * ((np.log10(size) * 2).round() % 2) - 0.3 * (step > 500)

        fit = planted_fit(TRANSITION, stepped)
        assert not fit.trusted
        assert "the data contradict the law: it misses the mean of a size by 0." in fit.verdict

    @pytest.mark.parametrize("trials", [20, 100])
    def test_few_images_do_not_contradict_a_true_law(self, trials):
        """Counting alone keeps the points 0.03 to 0.06 away from it."""
        assert planted_fit(TRANSITION, transition, trials=trials).trusted

    def test_too_few_trained_models(self):
        curves = ladder(transition, SIZES[::2], STEPS, chance=CHANCE, trials=1000)
        fit = fit_surface(LAWS["logistic"], curves)
        assert not fit.trusted
        assert "too few trained models for an interval: 3 models" in fit.verdict

    def test_two_sizes_are_refused(self):
        with pytest.raises(MeasurementError, match="2 different sizes; a scaling law needs 3"):
            fit_surface(TRANSITION, ladder(transition, SIZES[:2], STEPS, trainings=9))
        with pytest.raises(MeasurementError, match="1 different sizes"):
            check_sizes([5, 5, 5])

    def test_two_steps_are_refused(self):
        with pytest.raises(MeasurementError, match="2 noise steps are too few for a law"):
            fit_surface(TRANSITION, ladder(transition, SIZES, [0, 500], trainings=2))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize(
        ("share", "trials", "chance"),
        [(0.0, 100, 0.0), (1.0, 100, 0.0), (0.0, 1, 0.1), (0.5, 2, 0.5), (0.3, 1000, 0.3)],
    )
    def test_curves_that_say_nothing_give_finite_figures_and_words(
        self, law, share, trials, chance
    ):
        fit = fit_surface(
            law, [curve(f"m{n}-{i}", n, STEPS, share, trials, chance) for n in SIZES for i in "ab"]
        )
        figures = [*fit.values, *np.ravel(fit.covariance), fit.residual_rms]
        assert np.all(np.isfinite(figures))
        assert fit.verdict

    def test_a_law_with_two_parameters_for_one_effect_is_not_determined(self):
        def at(x, step, context):
            surface = TRANSITION.at(x, step, context)
            return lambda v: surface(np.array([*v[:4], v[4] + v[6], v[5], 0 * v[6] + 0.15, v[7]]))

        fit = planted_fit(replace(TRANSITION, at=at), transition)
        assert not fit.trusted
        assert fit.verdict == "the measurements do not determine every parameter of the law"

    def test_where_only_one_size_was_measured_the_others_are_uncertain(self):
        curves = ladder(
            saturating,
            SIZES,
            STEPS,
            trainings=2,
            trials=1000,
            chance=CHANCE,
            random=np.random.default_rng(0),
        )
        short = [
            replace(one, steps=one.steps[:8], correct=one.correct[:8], trials=one.trials[:8])
            if one.model.parameters < SIZES[-1]
            else one
            for one in curves
        ]
        fit = fit_surface(SATURATING, short)
        assert accuracy_error(fit, SIZES[0], 100) < 0.02
        assert accuracy_error(fit, SIZES[-1], 800) < 0.02
        assert accuracy_error(fit, SIZES[0], 800) > 0.3

    def test_steps_that_straddle_the_fall_do_not_fix_its_place(self):
        """Three steps, of which one lies in the fall: position and width cannot be told apart."""
        random = np.random.default_rng(0)
        steps = [0, 400, 4000]
        curves = ladder(
            transition, SIZES, steps, trainings=2, trials=1000, chance=CHANCE, random=random
        )
        fit = fit_surface(TRANSITION, curves)
        assert accuracy_error(fit, 1e6, 400) < 0.05
        assert accuracy_error(fit, 1e6, 700) > 0.1

    def test_fewer_measurements_than_parameters_are_refused(self):
        curves = [curve(f"m{n}", n, (i, 10.0 + i), (0.8, 0.3)) for i, n in enumerate(SIZES[:3])]
        with pytest.raises(MeasurementError, match="6 measurements are too few for the"):
            fit_surface(SATURATING, curves)

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_one_trial_a_cell_and_steps_that_differ_between_models(self, law):
        random = np.random.default_rng(2)
        curves = [
            curve(f"m{n}-{i}", n, STEPS[i::3], transition(STEPS[i::3], n), 1, CHANCE, random)
            for n in SIZES
            for i in range(3)
        ]
        assert np.all(np.isfinite(fit_surface(law, curves).covariance))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    @pytest.mark.parametrize("width", [0.0, -1e4, 1e4])
    def test_wherever_the_search_wanders_the_law_is_a_number(self, law, width):
        """Curves that are all one or zero lead it to falls of no width at no step at all."""
        context = Context(0.1, tuple(STEPS[:5]), 1e5)
        values = np.array([0.9, 0.1, 0.3, width, 0.1, width, 0.1, 0.0, 0.2, 0.2, 0.3, 0.3])
        names = law.names(len(context.knots))
        x, steps = (axis.ravel() for axis in np.meshgrid([-20.0, 0.0, 20.0], STEPS[:5]))
        assert np.all(np.isfinite(law.at(x, steps, context)(values[: len(names)])))

    @pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
    def test_huge_sizes(self, law):
        sizes = [size * 10**9 for size in SIZES]
        curves = ladder(lambda t, n: transition(t, n / 1e9), sizes, STEPS, trainings=2)
        assert fit_surface(law, curves).residual_rms < 0.05


class TestChoice:
    @pytest.mark.parametrize(
        ("true", "function"),
        # the planted transition has no skew: laws with and without one are true
        [({"transition", "logistic"}, transition), ({"saturating"}, saturating)],
    )
    def test_the_true_law_predicts_best_and_is_chosen(self, true, function):
        curves = ladder(
            function,
            (*SIZES, 3_000_000),
            STEPS,
            trainings=2,
            trials=5000,
            chance=CHANCE,
            random=np.random.default_rng(7),
        )
        fits, tests = fit_surfaces(curves)
        assert fits[0].law in true
        assert {fit.law for fit in fits} == set(LAWS)
        assert {(test.law, test.hold_out, test.models) for test in tests} == {
            (law, count, 2 * count) for law in LAWS for count in (1, 2)
        }
        assert sum(fit.weight for fit in fits) == pytest.approx(1)
        assert all(fit.weight == 0 for fit in fits if not fit.trusted)
        assert sum(fit.weight for fit in fits if fit.law in true) > 0.5

    def test_a_weight_is_the_likelihood_of_the_errors_of_prediction(self):
        curves = ladder(
            transition,
            (*SIZES, 3_000_000),
            STEPS,
            trainings=2,
            trials=500,
            chance=CHANCE,
            random=np.random.default_rng(8),
        )
        fits, tests = fit_surfaces(curves)
        error = {
            law: np.sqrt(np.mean([t.accuracy_rms**2 for t in tests if t.law == law]))
            for law in LAWS
        }
        first, second = [fit for fit in fits if fit.trusted][:2]
        beyond = (error[first.law] / error[second.law]) ** -max(test.models for test in tests)
        within = (first.left_out / second.left_out) ** (-len(curves) / 2)
        assert first.weight / second.weight == pytest.approx(beyond * within)

    def test_left_out_is_the_deviance_of_each_model_in_a_fit_to_the_others(self):
        random = np.random.default_rng(9)
        curves = ladder(
            transition, SIZES, STEPS, trainings=3, trials=500, chance=CHANCE, random=random
        )
        deviance = 0.0
        for one in curves:
            fit = fit_surface(LAWS["logistic"], [other for other in curves if other is not one])
            share = np.clip(accuracy(fit, one.model.parameters, STEPS), 1e-6, 1 - 1e-6)
            seen = np.divide(one.correct, one.trials)
            terms = xlogy(seen, seen / share) + xlogy(1 - seen, (1 - seen) / (1 - share))
            deviance += 2 * 500 * float(terms.sum())
        found = fit_surface(LAWS["logistic"], curves).left_out
        assert found == pytest.approx(deviance, rel=0.05)

    def test_a_scan_leaves_out_the_smallest_sizes(self):
        curves = ladder(
            transition,
            (*SIZES, 2_000_000, 3_000_000),
            STEPS,
            trainings=2,
            trials=5000,
            chance=CHANCE,
        )
        fits = scan_smallest(fit_surface(TRANSITION, curves), curves)
        assert [fit.size_range for fit in fits] == [(size, 3_000_000) for size in SIZES[1:4]]
        assert {fit.law for fit in fits} == {"transition"}

    def test_a_scan_of_a_short_ladder_is_empty(self):
        curves = ladder(transition, SIZES[:4], STEPS, trainings=2, chance=CHANCE)
        assert scan_smallest(fit_surface(TRANSITION, curves), curves) == ()

    def test_a_back_test_is_a_fit_that_never_saw_the_largest(self):
        curves = ladder(transition, (*SIZES, 3_000_000), STEPS, trainings=2, chance=CHANCE)
        spoilt = [
            replace(one, correct=(0,) * len(STEPS)) if one.model.parameters > 2e6 else one
            for one in curves
        ]
        good, bad = backtest(TRANSITION, curves, 1), backtest(TRANSITION, spoilt, 1)
        assert good.ratio == bad.ratio == pytest.approx(3)
        assert good.accuracy_rms < 1e-4
        assert good.log10_size_error < 0.01
        truth = transition(STEPS, 3_000_000)
        assert bad.accuracy_rms == pytest.approx(np.sqrt(np.mean(truth**2)), rel=1e-3)
        assert bad.accuracy_worst == pytest.approx(truth.max(), rel=1e-3)

    def test_a_law_that_mispredicts_the_largest_size_is_not_trusted(self):
        """Size stops to buy anything at once; only the largest of seven shows it."""

        def stopped(step, size):
            return saturating(step, size) * (0.85 if size > 2e6 else 1)

        sizes = (*SIZES, 1_700_000, 3_000_000)
        fits, tests = fit_surfaces(ladder(stopped, sizes, STEPS, trainings=2, chance=CHANCE))
        missed = {test.law: test.accuracy_rms for test in tests if test.hold_out == 1}
        for fit in fits:
            assert missed[fit.law] > 0.03
            assert not fit.trusted
        assert any("the largest size contradicts the law" in fit.verdict for fit in fits)

    def test_too_few_sizes_for_a_back_test(self):
        curves = ladder(transition, SIZES[:4], STEPS, trainings=2)
        assert backtest(TRANSITION, curves, 1) is None

    def test_where_size_buys_nothing_there_is_no_error_in_size(self):
        def flat(step, size):
            return 0.8 / (1 + np.exp((step - 500) / 80)) + 0.0 * size

        curves = ladder(flat, SIZES, STEPS, trainings=2, trials=EXACT)
        assert backtest(TRANSITION, curves, 1).log10_size_error is None
