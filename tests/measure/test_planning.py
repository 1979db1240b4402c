"""The measuring plan: steps that close in on every crossing, images up to a stated tolerance."""

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from here import here
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import EXACT, curve
from planted_models import CUT, NOISE, SIZES, models
from scripted import ScriptedImages
from scripted_ladder import IMAGES as MEASURED
from scripted_ladder import NOISE as MEASURED_NOISE
from scripted_ladder import MemoryStore, interrupting, ladder

from sizer.calibrating import held_to
from sizer.errors import UsageError
from sizer.estimate import Estimate
from sizer.fitting import fit_measurements
from sizer.measure.cells import measure
from sizer.measure.ladder import measure_ladder
from sizer.measure.planning import FALL, INTERPOLATED, images_next, shared_steps, steps_around
from sizer.noise import linear_schedule
from sizer.progress import ignore_progress
from sizer.scaling.crossings import Cut, Width, control_of_step, cut_curves, width_tolerance
from sizer.scaling.curves import at_shared_steps
from sizer.scaling.curves import curves_of as gathered

COARSE = (0, 100, 200, 400, 600, 800, 1000, 1300, 1600, 2000)
CUTS = [
    Cut(),
    Cut("chance-corrected", "log-step", "logarithmic"),
    Cut("raw", "log-snr", "equidistant"),
    Cut("normalised", "beta", "logarithmic"),
]


def fall(steps, middle, width, clean=0.8, chance=0.1):
    logistic = 1 / (1 + np.exp((np.asarray(steps, float) - middle) / width))
    return chance + (clean - chance) * logistic * (1 + np.exp(-middle / width))


def cut_of(curves, cut):
    """Crossings and widths of curves, and the control variable as a function of step."""
    schedule = linear_schedule()
    return *cut_curves(curves, cut, schedule), control_of_step(cut.control, schedule)


def brackets(one, cut):
    """Of every crossing with a width: distance of the steps on both sides, in steps and widths.

    A level that a measured step has to the digit is interpolated over nothing. Beta falls after
    step 1, which holds that of step 0 too, so a crossing may lie between more than two steps.
    """
    crossed, wide, control_at = cut_of([one], cut)
    width = {level: w.width.value for w in wide for level in w.levels}
    steps = np.array(one.steps)
    with np.errstate(divide="ignore"):
        control = control_at(steps)
    steps, control = steps[np.isfinite(control)], control[np.isfinite(control)]
    for crossing in crossed:
        at = crossing.at.value
        if at is not None and width[crossing.level] is not None and at not in control:
            sides = [i for i, (a, b) in enumerate(pairwise(control)) if (a < at) != (b < at)]
            around = min(sides, key=lambda i: steps[i + 1] - steps[i])
            yield (
                steps[around + 1] - steps[around],
                abs(control[around + 1] - control[around]) / width[crossing.level],
            )


class TestSteps:
    @settings(max_examples=20, deadline=None)
    @given(
        middle=st.floats(60, 1500),
        width=st.floats(8, 250),
        trials=st.sampled_from([500, 10_000, EXACT]),
        cut=st.sampled_from(CUTS),
        seed=st.integers(0, 99),
    )
    def test_every_crossing_ends_within_a_twentieth_of_its_width(
        self, middle, width, trials, cut, seed
    ):
        random = None if trials == EXACT else np.random.default_rng(seed)
        luck = {}
        steps = COARSE

        def measured(steps):
            for step in steps:
                if step not in luck:
                    accuracy = fall([step], middle, width)
                    luck[step] = curve("m", 1, [step], accuracy, trials, random=random).correct[0]
            share = [luck[step] / trials for step in steps]
            return curve("m", 1, steps, share, trials, chance=0.1)

        for _ in range(40):
            one = measured(steps)
            crossed, wide, control_at = cut_of([one], cut)
            new = steps_around(one, crossed, wide, control_at)
            assert not set(new) & set(steps)
            assert all(step.is_integer() for step in new)
            if not new:
                break
            steps = tuple(sorted({*steps, *new}))
        assert not new
        for distance, share in brackets(measured(steps), cut):
            assert distance <= 1 or share <= INTERPOLATED * (1 + 1e-9)

    def test_a_curve_that_falls_early_takes_few_steps(self):
        """Two a level and hardly more: the smooth curve says where the crossing is."""
        one = curve("m", 1, COARSE, fall(COARSE, 500, 80), chance=0.1)
        shared = shared_steps([one])
        steps = shared
        while True:
            one = curve("m", 1, steps, fall(steps, 500, 80), chance=0.1)
            new = steps_around(one, *cut_of([one], CUT)[:2], np.asarray)
            if not new:
                break
            steps = tuple(sorted({*steps, *new}))
        assert len(steps) - len(shared) <= 2 * 8 + 6

    @given(middle=st.floats(60, 1500), width=st.floats(8, 250))
    def test_shared_steps_cut_the_fall_in_small_parts(self, middle, width):
        steps = tuple(map(float, COARSE))
        while True:
            curves = [curve(f"m{i}", i, steps, fall(steps, middle * i**0.1, width)) for i in (1, 2)]
            more = shared_steps(curves)
            assert set(steps) <= set(more)
            if more == steps:
                break
            steps = more
        mean = np.mean([np.divide(one.correct, one.trials) for one in curves], 0)
        share = -np.diff(mean) / (mean[0] - mean[-1])
        assert np.all((share <= FALL + 1e-9) | (np.diff(steps) <= 1))
        assert len(steps) <= len(COARSE) + 3 / FALL


class TestImages:
    @given(
        used=st.sampled_from([120, 500, 1000, 3500]),
        available=st.integers(4000, 20_000),
        reached=st.none() | st.floats(0.001, 1),
        wanted=st.floats(0.001, 1),
    )
    def test_they_grow_by_whole_blocks_until_the_tolerance_is_reached(
        self, used, available, reached, wanted
    ):
        images = images_next(used, available, reached, wanted)
        if reached is not None and reached <= wanted:
            assert images == used
        else:
            assert used < images <= min(available, max(4 * used, used + 500) + 500)
            assert images == available or images % 500 == 0

    def test_they_go_where_the_square_root_says(self):
        assert images_next(1000, 10_000, 0.15, 0.1) == 2500
        assert images_next(1000, 2000, 0.15, 0.1) == 2000
        assert images_next(2000, 2000, 0.15, 0.1) == 2000
        assert images_next(500, 10_000, 0.1, 0) == 10_000


class TestPrecision:
    def test_it_is_that_of_the_model_worst_off(self):
        def width(model, value, reach):
            return Width(model, 1, (0.1, 0.9), Estimate(value, value - reach, value + reach))

        found = [width("a", 100, 10), width("a", 50, 10), width("b", 200, 10)]
        assert width_tolerance(found) == pytest.approx(0.15)
        assert width_tolerance(
            [*found, Width("c", 1, (0.1, 0.9), Estimate(None))]
        ) == width_tolerance(found)
        assert width_tolerance([*found, Width("c", 1, (0.1, 0.9), Estimate(10.0))]) is None
        assert width_tolerance([]) is None


class TestOwnSteps:
    def test_each_model_is_measured_at_its_own(self):
        own = {"m100": [0, 200], "m1000": [0, 400, 800], "m10000": [0]}
        store = MemoryStore()
        found = measure(
            ladder(), MEASURED, MEASURED_NOISE, store, engine=here, steps=own, images=700
        )
        assert [(cell.model, cell.step) for cell in found.cells] == [
            (name, step) for name, steps in own.items() for step in steps
        ]
        assert [answers.shape for answers in found.right] == [(2, 700), (3, 700), (1, 700)]
        counts = [int(row.sum()) for answers in found.right for row in answers]
        assert counts == [cell.correct for cell in found.cells]
        common = measure(
            ladder(), MEASURED, MEASURED_NOISE, store, engine=here, steps=[0], images=700
        )
        assert set(common.cells) <= set(found.cells)

    def test_a_model_without_steps_is_refused(self):
        with pytest.raises(UsageError, match="nothing to measure"):
            measure(
                ladder(), MEASURED, MEASURED_NOISE, MemoryStore(), engine=here, steps={"m100": [0]}
            )

    def test_models_are_compared_at_the_steps_that_all_have(self):
        steps = [float(step) for step in range(0, 1000, 100)]
        curves = [
            curve("a", 1, [*steps, 1000], fall([*steps, 1000], 500, 80)),
            curve("b", 2, sorted([*steps, 333]), fall(sorted([*steps, 333]), 500, 80)),
        ]
        shared = at_shared_steps(curves)
        assert [list(one.steps) for one in shared] == [steps, steps]
        assert shared[1].correct == curve("b", 2, steps, fall(steps, 500, 80)).correct
        few = [curve("a", 1, [0, 1, 2], [1, 1, 0]), curve("b", 2, [0, 3, 4], [1, 1, 0])]
        assert at_shared_steps(few) == tuple(few)


PLAN_IMAGES = ScriptedImages(3000)
GOAL = 0.15


def planned(store, *, goal=GOAL, images=None, cut=CUT, trainings=1, **options):
    options = {"progress": lambda label: ignore_progress} | options
    progress = options.pop("progress")
    return measure_ladder(
        models(SIZES[::2], trainings),
        PLAN_IMAGES,
        NOISE,
        store,
        None,
        images,
        progress,
        tolerance=goal,
        cut=cut,
        engine=here,
        **options,
    )


def curves_of(found):
    infos = tuple(model.info for model in models(SIZES[::2], 1))
    return gathered(infos, found.cells, 0.1)


@pytest.fixture(scope="module")
def found():
    return planned(MemoryStore(), workers=1)


class TestPlan:
    def test_it_stops_at_the_tolerance(self, found):
        _, wide, _ = cut_of(curves_of(found), CUT)
        assert width_tolerance(wide) <= GOAL
        (trials,) = {cell.trials for cell in found.cells}
        assert trials < 3000

    def test_all_images_and_no_more_are_used_for_a_tolerance_of_zero(self):
        found = planned(MemoryStore(), goal=0, images=900)
        assert {cell.trials for cell in found.cells} == {900}

    @pytest.mark.parametrize("cut", CUTS[::3])
    def test_all_models_end_with_fine_steps_around_their_crossings(self, cut):
        found = planned(MemoryStore(), goal=0, images=700, cut=cut)
        seen = [one for curve in curves_of(found) for one in brackets(curve, cut)]
        assert len(seen) >= 15
        assert all(distance <= 1 or share <= INTERPOLATED for distance, share in seen)

    def test_workers_and_order_change_nothing(self, found):
        assert planned(MemoryStore(), workers=3) == found

    @pytest.mark.parametrize("stop_after", [3, 40, 90, 200])
    def test_interrupted_it_goes_on_to_the_same(self, found, stop_after):
        store, progress = MemoryStore(), interrupting(stop_after)
        with pytest.raises(KeyboardInterrupt):
            planned(store, progress=lambda _label: progress)
        before = len(store.added)
        assert before >= stop_after // 2
        assert planned(store) == found
        once = MemoryStore()
        planned(once)
        assert sorted(store.added) == sorted(once.added)

    def test_a_finer_plan_runs_only_what_is_missing(self, found):
        store = MemoryStore()
        planned(store)
        kept = set(store.added)
        store.added.clear()
        planned(store, goal=0)
        assert kept.isdisjoint(store.added)

    def test_each_round_says_what_it_does(self):
        labels = []
        planned(MemoryStore(), progress=lambda label: labels.append(label) or ignore_progress)
        assert labels[:2] == ["finding the transition", "sharing out the steps"]
        assert any(label.startswith("measuring ") for label in labels)
        assert labels[-1] == "closing in on the levels"

    def test_more_images_than_there_are_are_refused_before_anything_is_measured(self):
        store = MemoryStore()
        with pytest.raises(UsageError, match="from 1 to 3000"):
            planned(store, images=3001)
        assert not store.added


def fitted(found, **options):
    return fit_measurements(
        models=tuple(model.info for model in models(SIZES[::2], 2)),
        cells=found.cells,
        chance=0.1,
        schedule=linear_schedule(),
        dataset=PLAN_IMAGES.info,
        cut=CUT,
        right=found.right,
        **options,
    )


class TestCalibration:
    def test_answers_of_own_steps_are_weighed_too(self, monkeypatch):
        monkeypatch.setattr(import_module("sizer.scaling.bootstrap"), "DRAWS", 3)
        found = planned(MemoryStore(), images=500, trainings=2)
        clustered = fitted(found)
        bootstrapped = fitted(found, interval="bootstrap")
        assert bootstrapped.fit.interval == "bootstrap"
        assert bootstrapped.image_share == clustered.image_share
        assert clustered.image_share < 0.2  # the scripted models share nothing
        assert clustered.images == 500

    def test_images_that_ran_out_are_warned_of(self):
        calibration = fitted(planned(MemoryStore(), images=500, trainings=2, goal=0.02))
        assert calibration.tolerance > 0.02
        warned = held_to(calibration, 0.02).warnings
        assert warned[:-1] == calibration.warnings
        assert f"known to {calibration.tolerance:.1%}" in warned[-1]
        assert "from 500 images" in warned[-1]
        assert held_to(calibration, 0) == calibration
        assert held_to(calibration, calibration.tolerance) == calibration
