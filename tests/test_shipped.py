"""The shipped calibrations, against their own largest size: predicted before it is looked at."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit
from sizer.advise import advise
from sizer.advise.prospect import acceptable, prospect
from sizer.fit import fit_surfaces
from sizer.results import Requirement

from sizer.files import at_shared_steps, curves, find_calibration, read_calibration, shipped

NAMES = sorted(path.stem for path in shipped("calibration").glob("*.json"))
RMS = {"builtin": 0.02}  # accuracy; of the others, only that their bands hold is asked
BAND = 0.99  # two-sided
HELD = 0.9  # of the steps; less than the band's own share, for the steps of a curve err together


def test_the_built_in_ladder_is_shipped():
    assert "builtin" in NAMES


@pytest.fixture(scope="module", params=NAMES)
def calibration(request):
    return read_calibration(find_calibration(request.param))


@pytest.fixture(scope="module")
def forecast(request, calibration):
    """Curves of the largest size, and what the fits to the others expect of them, step by step."""
    found = at_shared_steps(curves(calibration.models, calibration.cells, calibration.chance))
    largest = max(one.model.parameters for one in found)
    held = [one for one in found if one.model.parameters == largest]
    known = [one for one in found if one.model.parameters < largest]
    fits, backtests = fit_surfaces(known, calibration.image_share)
    refitted = replace(calibration, fit=fits[0], rivals=fits[1:], backtests=backtests)
    assert refitted.fit.trusted
    steps = np.array(held[0].steps)
    assert all(one.steps == held[0].steps for one in held)
    expected = prospect(acceptable(refitted), np.full(len(steps), float(largest)), steps)
    return held, expected


def measured(curve):
    return np.divide(curve.correct, curve.trials)


def test_the_largest_size_lies_beyond_what_was_fitted(calibration, forecast):
    """Else it would be no prediction."""
    held, _ = forecast
    others = [
        m.parameters for m in calibration.models if m.name not in {c.model.name for c in held}
    ]
    assert held[0].model.parameters > 1.2 * max(others)


def test_the_largest_size_is_predicted(calibration, forecast, request):
    held, expected = forecast
    name = request.node.callspec.params["calibration"]
    errors = np.concatenate([expected.mean - measured(one) for one in held])
    assert np.sqrt(np.mean(errors**2)) < RMS.get(name, 0.05)


def test_the_largest_size_lies_in_its_band(calibration, forecast):
    """Where it does more than guess; of the next training, with its own counting error."""
    held, expected = forecast
    inside, quantile = [], stdtrit(expected.freedom, (1 + BAND) / 2)
    for one in held:
        share = measured(one)
        counting = share * (1 - share) / np.array(one.trials)
        reach = quantile * np.sqrt(expected.error**2 + expected.training**2 + counting)
        falling = share > 2 * calibration.chance
        inside.append((np.abs(expected.mean - share) <= reach)[falling])
        assert np.median(reach[falling]) < 0.1  # a band that holds everything says nothing
    inside = np.concatenate(inside)
    assert len(inside) >= 10
    assert inside.mean() >= HELD


def test_answers_what_its_own_models_reach(calibration):
    """The accuracy of a size of the middle, where size buys most, is answered near that size."""
    found = at_shared_steps(curves(calibration.models, calibration.cells, calibration.chance))
    sizes = sorted({one.model.parameters for one in found})
    middle = sizes[len(sizes) // 2]
    smallest, one, largest = (
        next(curve for curve in found if curve.model.parameters == size)
        for size in (sizes[0], middle, sizes[-1])
    )
    bought = measured(largest) - measured(smallest)
    at = 1 + int(np.argmax(bought[1:]))  # the first step is without noise
    step, target = one.steps[at], float(measured(one)[at])
    advice = advise(calibration, Requirement(step, target))
    assert advice.verdict == "recommended"
    assert advice.parameters.best == pytest.approx(middle, rel=0.6)
    assert advice.parameters.low <= advice.parameters.best <= advice.parameters.recommended
