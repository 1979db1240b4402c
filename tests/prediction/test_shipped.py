"""The shipped calibrations, against their own largest size: predicted before it is looked at."""

from dataclasses import replace

import numpy as np
import pytest

from sizer.calibration import load
from sizer.io import shipped as shipped_folder
from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement, ladder_of

RMS = {"builtin": 0.012, "cifar100-clean": 0.02, "cifar100-noise": 0.015}  # accuracy
HELD = 0.9  # of the measurements, in 99 % intervals: those of one curve err together
STEPS = 12


@pytest.fixture(scope="module", params=sorted(RMS))
def calibration(request):
    return load(request.param)


@pytest.fixture(scope="module")
def forecast(calibration):
    """What the smaller models foretell of the largest, and what it measured: step by step."""
    ladder = ladder_of(calibration)
    largest = ladder.sizes[-1]
    smaller = ladder.without([largest])
    held_out = [curve for curve in ladder.curves if curve.size == largest]
    steps = np.array(calibration.shared_steps)
    told = []
    for step in steps[np.linspace(0, len(steps) - 1, STEPS).astype(int)].tolist():
        at = training_accuracy(smaller.at(step), largest, 0.99)
        told += [(at, float(curve.accuracy[curve.steps.index(step)])) for curve in held_out]
    return told


def test_three_ladders_are_shipped():
    shipped = {path.stem for path in shipped_folder("calibration").glob("*.json")}
    assert shipped == set(RMS)


def test_the_largest_size_lies_beyond_the_others(calibration):
    """Else it would be no prediction."""
    assert calibration.sizes[-1] > 1.2 * calibration.sizes[-2]


def test_the_largest_size_is_predicted(calibration, forecast, request):
    name = request.node.callspec.params["calibration"]
    errors = [at.best - measured for at, measured in forecast]
    assert np.sqrt(np.mean(np.square(errors))) < RMS[name]


def test_the_largest_size_lies_in_its_intervals(calibration, forecast):
    """Of the next training, where it does more than guess."""
    falling = [(at, measured) for at, measured in forecast if measured > 2 * calibration.chance]
    assert len(falling) >= 5
    assert np.mean([at.low <= measured <= at.high for at, measured in falling]) >= HELD
    assert np.median([at.high - at.low for at, _ in falling]) < 0.15  # else it says nothing


def test_a_middle_size_left_out_is_the_answer_to_its_own_accuracy(calibration):
    """At the step of those shared at which size buys most."""
    sizes = calibration.sizes
    middle, ladder = sizes[len(sizes) // 2], ladder_of(calibration)

    def reached(size, step):
        seen = ladder.observed(step)
        return float(seen.accuracy[seen.sizes == size].mean())

    step = max(
        calibration.shared_steps, key=lambda at: reached(sizes[-1], at) - reached(sizes[0], at)
    )
    models = tuple(model for model in calibration.models if model.parameters != middle)
    names = {model.name for model in models}
    cells = tuple(cell for cell in calibration.cells if cell.model in names)
    without = replace(calibration, models=models, cells=cells)
    advice = advise(without, Requirement(step, reached(middle, step)))
    assert advice.verdict == "recommended"
    assert advice.parameters.best == pytest.approx(middle, rel=0.35)
    assert advice.parameters.low <= middle <= advice.parameters.high
