"""The width law, on widths whose exponent is known."""

from dataclasses import replace

import numpy as np
import pytest

from sizer.results import Estimate
from sizer.scaling.crossings import Width
from sizer.scaling.width import fit_width_law

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


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
