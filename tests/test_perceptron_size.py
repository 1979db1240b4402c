"""Cover's perceptron, asked for a size: how many weights classify this load with this probability.

The probability is exact (see `test_perceptron`), and so is the smallest size. A perceptron of N
weights at load a = p/N succeeds with Phi((2 - a) sqrt(N/a)) for large N: in the load, the fall is a
Gaussian whose spread itself grows as sqrt(a), which no law has, so an answer there is too large by
a factor that tends to 2/a, 1 at the capacity 2. In the noise unit 2 - (2 - a)/sqrt(a) the fall is
the Gaussian law with a width of N^-1/2, exactly.
"""

from itertools import count

import numpy as np
import pytest
from planted import curve, write_table
from scipy.stats import binom
from sizer.advise import advise
from sizer.law import accuracy
from sizer.results import Requirement

from sizer.pipeline import CutChoice, fit_file

SIZES = (464, 1000, 2154, 4642, 10_000)
TRIALS = 10**9
SPREADS = 6  # of the number of patterns, either side of two a weight


def probability(size, patterns):
    return binom.cdf(size - 1, patterns - 1, 0.5)


def unit_of_load(load):
    return load


def gaussian_unit(load):
    return 2 - (2 - load) / np.sqrt(load)


def perceptron(size, unit):
    """A curve over loads around two, its first point without any noise worth mentioning."""
    spread = np.sqrt(size / 2)
    wanted = np.linspace(2 * size - 2 * SPREADS * spread, 2 * size + 2 * SPREADS * spread, 90)
    patterns = np.unique(np.rint(wanted))
    reached = np.concatenate([[1.0], probability(size, patterns)])
    steps = np.concatenate([[0.0], unit(patterns / size)])
    return curve(f"N{size}", size, steps, reached, TRIALS)


def exact_size(load, target):
    """The smallest N that reaches the target with `load` N patterns, in whole patterns."""
    return next(
        size
        for size in count(100)
        if np.isclose(load * size, round(load * size)) and probability(size, load * size) >= target
    )


@pytest.fixture(scope="module")
def calibrations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("perceptrons")
    found = {}
    for unit in (unit_of_load, gaussian_unit):
        curves = [perceptron(size, unit) for size in SIZES]
        found[unit] = fit_file(write_table(folder / f"{unit.__name__}.csv", curves), CutChoice())
    return found


def ask(calibrations, unit, load, target):
    advice = advise(calibrations[unit], Requirement(float(unit(load)), target))
    assert advice.verdict == "recommended"
    return advice.parameters


def test_the_exact_size_of_a_hand_worked_case():
    """One weight tells one pattern: always; two patterns: half of the time."""
    assert probability(1, 1) == 1
    assert probability(1, 2) == 0.5
    assert probability(1000, 2000) == pytest.approx(0.5, abs=1e-12)
    assert exact_size(2.0, 0.5) == 100
    assert exact_size(1.9, probability(500, 950)) == 500


# load, and a size whose own probability is the target; those of 10,000 and more beyond the ladder
ASKED = [(1.9, 500), (1.9, 1000), (1.95, 1500), (1.95, 3000), (1.97, 5000), (1.98, 16_000)]
BEYOND = [(1.98, 20_000)]


class TestInTheUnitOfTheLaw:
    @pytest.mark.parametrize(("load", "size"), [*ASKED, *BEYOND])
    def test_the_size_is_right_and_in_its_interval(self, calibrations, load, size):
        target = float(probability(size, round(load * size)))
        assert exact_size(load, target) == size
        found = ask(calibrations, gaussian_unit, load, target)
        assert found.best == pytest.approx(size, rel=0.002)
        assert found.low <= size <= found.high
        assert found.high / found.low < 1.02

    @pytest.mark.parametrize(("load", "size"), [*ASKED, *BEYOND])
    def test_the_recommended_size_does_it_and_is_hardly_larger(self, calibrations, load, size):
        target = float(probability(size, round(load * size)))
        found = ask(calibrations, gaussian_unit, load, target)
        assert size <= found.recommended <= 1.02 * size
        assert probability(found.recommended, np.floor(load * found.recommended)) >= target

    def test_the_law_is_the_gaussian_and_its_exponent_a_half(self, calibrations):
        fit = calibrations[gaussian_unit].fit
        values = dict(zip(fit.names, fit.values, strict=True))
        assert fit.law == "gaussian"
        assert fit.weight > 0.99
        assert values["inverse_nu"] == pytest.approx(0.5, abs=0.001)
        assert np.exp(values["log_middle"]) == pytest.approx(2, abs=0.001)
        assert values["drift"] == pytest.approx(0, abs=1e-4)
        width = np.exp(values["log_width"]) * np.sqrt(fit.reference_size)
        assert width == pytest.approx(1, abs=0.005)  # z = (2 - a) sqrt(N / a)

    def test_the_whole_surface(self, calibrations):
        fit = calibrations[gaussian_unit].fit
        for size in (700, 3000, 20_000):
            patterns = np.rint(size * np.array([1.9, 1.95, 1.98, 2.0, 2.02, 2.05]))
            steps = gaussian_unit(patterns / size)
            expected = probability(size, patterns)
            assert accuracy(fit, size, steps) == pytest.approx(expected, abs=0.002)


class TestInTheLoad:
    @pytest.mark.parametrize(
        ("load", "size"), [(1.97, 4000), (1.97, 5000), (1.98, 8000), (1.95, 1500)]
    )
    def test_near_the_capacity_the_size_is_right(self, calibrations, load, size):
        target = float(probability(size, round(load * size)))
        found = ask(calibrations, unit_of_load, load, target)
        assert found.best == pytest.approx(size, rel=0.02)
        assert found.low <= size <= found.high

    @pytest.mark.parametrize(("load", "size"), [(1.9, 500), (1.9, 1000), (1.95, 3000)])
    def test_away_from_it_the_size_errs_as_far_as_the_law_does(self, calibrations, load, size):
        """To the safe side, by less than the factor 2 / load that the true spread explains."""
        target = float(probability(size, round(load * size)))
        found = ask(calibrations, unit_of_load, load, target)
        assert 1 < found.best / size < 2 / load
        assert found.recommended >= size
