"""Cover's perceptron, asked for a size: how many weights classify this load with this probability.

The probability is exact (Cover 1965, IEEE Trans. Electron. Comput. EC-14:326), and so is the
smallest size. No mean function of the prediction has its shape.
"""

from itertools import count

import numpy as np
import pytest
from answers import measured
from planted import curve
from scipy.stats import binom

from sizer.prediction.accuracy import predict
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement

SIZES = (464, 1000, 2154, 4642, 10_000)
TRIALS = 10**9
SPREADS = 6  # of the number of patterns, either side of two a weight
# Load, and the size whose own probability is the target.
INSIDE = [(1.9, 500), (1.9, 1000), (1.95, 1500), (1.95, 3000), (1.97, 800), (1.98, 8000)]
BEYOND = [(1.985, 12_000), (1.98, 16_000), (1.99, 13_000), (1.98, 20_000), (1.985, 20_000)]


def probability(size, patterns):
    return binom.cdf(size - 1, patterns - 1, 0.5)


def perceptron(size):
    """A curve over loads around two, its first point without any noise worth mentioning."""
    spread = SPREADS * np.sqrt(size / 2)
    patterns = np.unique(np.rint(np.linspace(2 * size - 2 * spread, 2 * size + 2 * spread, 90)))
    reached = np.concatenate([[1.0], probability(size, patterns)])
    return curve(f"N{size}", size, [0.0, *(patterns / size)], reached, TRIALS)


def exact_size(load, target):
    """The smallest N that reaches the target with `load` N patterns, in whole patterns."""
    return next(
        size
        for size in count(100)
        if np.isclose(load * size, round(load * size)) and probability(size, load * size) >= target
    )


@pytest.fixture(scope="module")
def calibration():
    return measured([perceptron(size) for size in SIZES])


def target_of(load, size):
    return float(probability(size, round(load * size)))


def test_the_exact_size_of_a_hand_worked_case():
    """One weight tells one pattern: always; two patterns: half of the time."""
    assert probability(1, 1) == 1
    assert probability(1, 2) == 0.5
    assert probability(1000, 2000) == pytest.approx(0.5, abs=1e-12)
    assert exact_size(1.9, probability(500, 950)) == 500


@pytest.mark.parametrize(("load", "size"), [*INSIDE, *BEYOND])
def test_the_exact_size_lies_in_the_interval(calibration, load, size):
    target = target_of(load, size)
    assert exact_size(load, target) == size
    advice = advise(calibration, Requirement(load, target))
    assert advice.verdict == "recommended"
    assert advice.parameters.low <= size <= advice.parameters.high


@pytest.mark.parametrize(("load", "size"), INSIDE)
def test_inside_the_ladder_it_is_near_the_best(calibration, load, size):
    sizes = advise(calibration, Requirement(load, target_of(load, size))).parameters
    assert sizes.best == pytest.approx(size, rel=0.15)
    assert sizes.high / sizes.low < 3


@pytest.mark.parametrize(("load", "size"), [*INSIDE, *BEYOND])
def test_the_recommended_size_does_it(calibration, load, size):
    target = target_of(load, size)
    recommended = advise(calibration, Requirement(load, target)).recommended
    assert recommended >= size
    assert probability(recommended, np.floor(load * recommended)) >= target


@pytest.mark.parametrize(("load", "size"), INSIDE)
def test_the_probability_of_a_size_lies_in_its_interval(calibration, load, size):
    at = predict(calibration, parameters=size, step=load).accuracy
    assert at.low <= target_of(load, size) <= at.high
    assert at.high - at.low < 0.15
