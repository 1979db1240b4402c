"""Percolation, asked for a side: which lattice is still crossed at this share of empty sites?

The true probability of a side is its own share of many simulated lattices.
"""

import numpy as np
import pytest
from answers import measured
from percolation import curves, simulate, spans, thresholds

from sizer.prediction.accuracy import predict
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement

SIDES = (6, 9, 14, 30, 44)  # of these, two batches of lattices each
LEFT_OUT = 20
OCCUPATIONS = (0.605, 0.615, 0.625)  # above the critical 0.593, where a larger side is surer


@pytest.fixture(scope="module")
def calibration():
    return measured(curves(simulate(spans, 0, SIDES, trainings=2)), image_share=0.0)


@pytest.fixture(scope="module")
def truth():
    """The thresholds of 3,000 lattices of the side that was left out."""
    return thresholds(spans, LEFT_OUT, 3000, np.random.default_rng(1))


@pytest.mark.parametrize("occupation", OCCUPATIONS)
class TestASideBetweenThoseMeasured:
    def test_its_probability_lies_in_the_interval(self, calibration, truth, occupation):
        step = 1000 * (1 - occupation)
        at = predict(calibration, parameters=LEFT_OUT, step=step).accuracy
        crossed = float((truth <= occupation).mean())
        assert at.low - 0.01 <= crossed <= at.high + 0.01  # counting of the truth
        assert at.high - at.low < 0.12

    def test_it_is_the_answer_to_its_own_probability(self, calibration, truth, occupation):
        target = float((truth <= occupation).mean())
        advice = advise(calibration, Requirement(1000 * (1 - occupation), target))
        assert advice.parameters.low <= LEFT_OUT <= advice.parameters.high
        assert advice.parameters.best == pytest.approx(LEFT_OUT, rel=0.35)
