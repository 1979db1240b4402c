"""Cover's perceptron: a transition whose law is known exactly, and whose widths go as N^-1/2.

A perceptron of N weights tells p random patterns apart with the probability binom.cdf(N - 1, p - 1,
1/2) (Cover 1965, IEEE Trans. Electron. Comput. EC-14:326, summed). With p/N as the noise the fall
lies at 2 and narrows as the spread of a binomial over its mean.
"""

import numpy as np
import pytest
from planted import curve, write_table
from scipy.stats import binom

from sizer.fitting import fit

pytestmark = pytest.mark.slow

SIZES = (100, 215, 464, 1000, 2154, 4642, 10_000)


def perceptron(size):
    """Accuracy at some 90 numbers of patterns, of which most lie in the fall."""
    reach = 6 * np.sqrt(size / 2)  # six spreads of the number of patterns over two a weight
    dense = np.linspace(2 * size - 2 * reach, 2 * size + 2 * reach, 90)
    patterns = np.unique(np.rint(np.concatenate([[1.0], dense[dense > 1]])))
    return curve(f"N{size}", size, patterns / size, binom.cdf(size - 1, patterns - 1, 0.5), 10**9)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    path = tmp_path_factory.mktemp("perceptron") / "perceptron.csv"
    return fit(write_table(path, [perceptron(size) for size in SIZES]))


def test_widths_narrow_as_the_root_of_the_number_of_weights(calibration):
    law = calibration.width_law
    assert law.exponent.value == pytest.approx(0.5, abs=0.01)
    assert 0 < law.exponent.high - law.exponent.low < 0.01
    assert len(law.pairs) == 4
    for pair in law.pairs:
        assert pair.exponent.value == pytest.approx(0.5, abs=0.01)
    assert law.censored == 0
    assert law.verdict.startswith("the transition narrows with size, by 68")


def test_widths_themselves_are_the_quantiles_of_the_normal_limit(calibration):
    """Far enough from p = 1, width = 2 sqrt(2/N) z, z the normal quantile of the upper level."""
    quantiles = {(0.1, 0.9): 1.28155, (0.2, 0.8): 0.84162, (0.3, 0.7): 0.52440, (0.4, 0.6): 0.25335}
    for width in calibration.widths:
        if width.parameters >= 1000:
            limit = 2 * np.sqrt(2 / width.parameters) * quantiles[width.levels]
            assert width.width.value == pytest.approx(limit, rel=0.02)


def test_the_fall_lies_at_two_patterns_a_weight(calibration):
    collapse = calibration.collapse
    assert collapse.critical_step.value == pytest.approx(2, abs=0.01)
    assert collapse.inverse_nu.value == pytest.approx(0.5, abs=0.03)
    assert collapse.lambda_.value == pytest.approx(0, abs=0.01)


def test_the_shape_is_no_logistic_yet_near_one(calibration):
    fit = next(f for f in (calibration.fit, *calibration.rivals) if f.law == "transition")
    assert fit.residual_rms < 0.02
    assert float(fit.accuracy(1000, 2.0)) == pytest.approx(0.5, abs=0.03)
