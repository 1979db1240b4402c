"""Finite-size scaling: planted exponents are found, and what does not scale is said not to."""

from dataclasses import replace

import numpy as np
import pytest
from planted import curve, ladder

from sizer.errors import MeasurementError
from sizer.scaling.collapse import NO_COLLAPSE, SizeCurve, collapse_quality, fit_collapse

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STEPS = np.round(1000 * np.linspace(0, 1, 21) ** 1.25)


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
