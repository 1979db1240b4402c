"""Four steps a model where the shape is known, and the whole plan where it is another's."""

import numpy as np
import pytest
from here import here
from scripted import ScriptedImages, no_noise, scripted_model
from scripted_ladder import MemoryStore, interrupting

from sizer import load, predict
from sizer.fitting import fit_measurements
from sizer.measure.ladder import measure_ladder
from sizer.noise import Noise, linear_schedule
from sizer.progress import ignore_progress
from sizer.scaling.crossings import Cut
from sizer.scaling.master import MasterCurve

SCHEDULE = linear_schedule()
SIZES = (10_000, 40_000, 160_000, 640_000)
DATA = ScriptedImages(4000)
CHANCE, HALF = 0.1, 60.0
RATIO = np.concatenate([[0.0], np.geomspace(0.02, 8, 200)])
MASTER = MasterCurve(
    ("planted",),
    25.0,
    tuple(RATIO.tolist()),
    tuple(np.exp(-np.log(2) * RATIO**1.5).tolist()),
    0.005,
)


def of_the_class(step, size, steepness=1.5):
    sigma = 127.5 * np.exp(-SCHEDULE.log_snr(np.atleast_1d(step)) / 2)
    half, clean = HALF * (size / 1e5) ** 0.1, 0.85 - 0.1 * (size / 1e5) ** -0.3
    return CHANCE + (clean - CHANCE) * np.exp(-np.log(2) * (sigma / half) ** steepness)


def steeper_at_the_largest(step, size):
    return of_the_class(step, size, 4.0 if size == SIZES[-1] else 1.5)


def of_a_shape_of_its_own(step, size):
    """Falls earlier and more slowly than the lender, down to the half noise."""
    sigma = 127.5 * np.exp(-SCHEDULE.log_snr(np.atleast_1d(step)) / 2)
    half, clean = HALF * (size / 1e5) ** 0.1, 0.85 - 0.1 * (size / 1e5) ** -0.3
    steepness = np.where(sigma < half, 1.1, 1.4)
    return CHANCE + (clean - CHANCE) * np.exp(-np.log(2) * (sigma / half) ** steepness)


def guessing_at_the_smallest(step, size):
    return np.full(np.shape(step), CHANCE) if size == SIZES[0] else of_the_class(step, size)


def measured(accuracy, store=None, shape=MASTER, progress=lambda _label: ignore_progress):
    return measure_ladder(
        [scripted_model(f"m{size}", size, accuracy) for size in SIZES],
        DATA,
        Noise(SCHEDULE, no_noise, 0),
        MemoryStore() if store is None else store,
        None,
        None,
        progress,
        tolerance=0.15,
        cut=Cut(),
        engine=here,
        shape=shape,
    )


def calibrated(found):
    return fit_measurements(
        models=tuple(scripted_model(f"m{size}", size, of_the_class).info for size in SIZES),
        cells=found.cells,
        chance=CHANCE,
        schedule=SCHEDULE,
        dataset=DATA.info,
        cut=Cut(),
        right=found.right,
        shape=found.shape,
        fitted=False,
    )


def images(store):
    return sum(stop - start for _, (_, start, stop) in store.added)


def test_four_steps_a_model_tell_the_whole_curve_from_a_fifth_of_the_images():
    store, whole = MemoryStore(), MemoryStore()
    found = measured(of_the_class, store)
    measured(of_the_class, whole, shape=None)
    assert {len(rows) for rows in found.right} == {4}
    assert images(store) * 5 <= images(whole)
    for curve in calibrated(found).curves:
        expected = of_the_class(np.array(curve.steps), curve.size)
        assert np.abs(curve.accuracy - expected).max() < 0.04
        assert len(curve.steps) > 30


def test_a_ladder_shows_its_own_shape():
    found = measured(of_a_shape_of_its_own)
    assert len(found.shape.scales) == len(SIZES)
    curves = calibrated(found).curves
    missed = [root_mean_square(c, of_a_shape_of_its_own) for c in curves]
    theirs = [root_mean_square(c, of_the_class) for c in curves]
    assert max(missed) < 0.02
    assert np.mean(missed) < 0.5 * np.mean(theirs)


def root_mean_square(curve, law):
    missed = curve.accuracy - law(np.array(curve.steps), curve.size)
    return np.sqrt(np.mean(missed**2))


def test_a_model_of_another_shape_is_measured_in_full_and_named():
    found = measured(steeper_at_the_largest)
    steps = {name: sum(cell.model == name for cell in found.cells) for name in names(found)}
    assert steps.pop("m640000") > 15
    assert set(steps.values()) == {4}
    assert any(
        "m640000: contradict the shape of planted, and were measured in full" in warning
        for warning in found.warnings
    )
    assert {scales.model for scales in found.shape.scales} == set(steps)
    assert len({cell.trials for cell in found.cells}) == 1


def names(found):
    return sorted({cell.model for cell in found.cells})


def test_where_no_model_has_the_shape_all_are_measured_in_full():
    found = measured(lambda step, size: of_the_class(step, size, 4.0))
    assert found.shape is None
    assert min(len(rows) for rows in found.right) > 15


def test_a_model_that_only_guesses_is_left_to_the_whole_plan():
    found = measured(guessing_at_the_smallest)
    assert "m10000" not in {scales.model for scales in found.shape.scales}


@pytest.mark.parametrize("stop_after", [3, 12])
def test_interrupted_it_goes_on_to_the_same(stop_after):
    store, progress = MemoryStore(), interrupting(stop_after)
    with pytest.raises(KeyboardInterrupt):
        measured(steeper_at_the_largest, store, progress=lambda _label: progress)
    assert measured(steeper_at_the_largest, store) == measured(steeper_at_the_largest)


def test_the_calibration_keeps_what_was_measured_and_answers_from_the_shape(tmp_path):
    calibration = calibrated(measured(of_the_class))
    calibration.save(tmp_path / "few.json")
    kept = load(tmp_path / "few.json")
    assert kept == calibration
    assert len(kept.rows()) == 4 * len(SIZES)
    step = SCHEDULE.step_from_sigma(0.8 * HALF)
    told = predict(kept, parameters=160_000, step=step).accuracy
    assert told.low <= of_the_class(step, 160_000)[0] <= told.high
    assert told.best == pytest.approx(of_the_class(step, 160_000)[0], abs=0.03)
