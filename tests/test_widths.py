"""The paper's widths, on widths whose law is known."""

import numpy as np
import pytest
from widths import cut, straightness

from sizer.calibration import load
from sizer.estimate import Estimate
from sizer.scaling.crossings import Cut, Width

SIZES = np.repeat(np.geomspace(1e4, 1e6, 9).round().astype(int), 2)
PAIRS = ((0.1, 0.9), (0.4, 0.6))


def power_law(exponent, luck):
    """Powers of N for two level pairs; the two trainings of a size lie `luck` above and below."""
    return [
        Width(
            f"m{i}",
            int(size),
            pair,
            Estimate(float(factor * size**-exponent * np.exp(luck * (-1) ** i))),
        )
        for pair, factor in zip(PAIRS, (300, 70), strict=True)
        for i, size in enumerate(SIZES)
    ]


def test_an_exact_power_law():
    found = straightness(power_law(0.27, 0))
    assert found.effect == pytest.approx(-0.27 * np.log(100), rel=1e-4)
    assert found.r_squared == pytest.approx(1)
    assert found.about == pytest.approx(0, abs=1e-9)
    assert found.seeds == pytest.approx(0, abs=1e-9)


def test_luck_alone_lies_about_the_law_as_far_as_between_seeds():
    """18 of 36 widths' deviations are free within sizes, 33 about one slope and two heights."""
    luck = 0.1
    found = straightness(power_law(0.05, luck))
    assert found.seeds == pytest.approx(luck * np.sqrt(36 / 18))
    assert found.about == pytest.approx(luck * np.sqrt(36 / 33))
    assert found.effect == pytest.approx(-0.05 * np.log(100), rel=1e-4)


def test_the_widths_are_those_of_the_calibration():
    calibration = load("cifar100-clean")
    assert cut(calibration, Cut()) == calibration.widths
