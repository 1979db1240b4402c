"""Welch's test against scipy's, and verdicts that follow from it."""

import numpy as np
import pytest
from scipy.stats import f_oneway

from sizer.universality.equality import Figure, equality


def figure_of(sample):
    return Figure(
        float(np.mean(sample)), float(np.std(sample, ddof=1)) / len(sample) ** 0.5, len(sample) - 1
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_is_that_of_welch(seed):
    random = np.random.default_rng(seed)
    samples = [random.normal(mean, sd, n) for mean, sd, n in ((0, 1, 5), (0.5, 3, 9), (1, 0.4, 6))]
    test = equality([figure_of(sample) for sample in samples], 0.1)
    assert test.p_value == pytest.approx(f_oneway(*samples, equal_var=False).pvalue, rel=1e-9)


def test_verdicts():
    exact = [Figure(0.2, 0.001, 8), Figure(0.21, 0.002, 8)]
    apart = [Figure(0.2, 0.01, 8), Figure(0.5, 0.02, 8)]
    vague = [Figure(0.2, 0.3, 8), Figure(0.5, 0.4, 8)]
    assert equality(exact, 0.1).verdict == "the same"  # though they differ beyond chance
    assert equality(exact, 0.001).verdict == "differ"
    assert equality(apart, 0.1).verdict == "differ"
    assert equality(vague, 0.1).verdict == "cannot be told"
    assert equality(vague[:1], 0.1).verdict == "cannot be told"


def test_equal_figures_differ_by_chance_in_a_tenth_of_the_cases():
    random = np.random.default_rng(3)
    cases, count = 2000, 0
    for _ in range(cases):
        samples = [random.normal(0, sd, 8) for sd in (1, 2, 0.5)]
        count += equality([figure_of(sample) for sample in samples], 0.01).verdict == "differ"
    assert count / cases == pytest.approx(0.1, abs=3 * (0.09 / cases) ** 0.5 + 0.01)
