"""The two scales of a model whose shape is known, from few steps: exact, and with honest errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import EXACT, curve

from sizer.noise import linear_schedule
from sizer.scaling.master import (
    STEEPER,
    BorrowedShape,
    MasterCurve,
    completed,
    noise_of,
    of_own_shape,
    scales_of,
)

SCHEDULE = linear_schedule()
CHANCE, CLEAN, HALF, STEEPNESS = 0.1, 0.8, 60.0, 1.5
SCALES = ("clean", "log_half_noise")
RATIO = np.concatenate([[0.0], np.geomspace(0.02, 8, 400)])


def law(noise, steepness=STEEPNESS, half=HALF):
    return CHANCE + (CLEAN - CHANCE) * np.exp(-np.log(2) * (noise / half) ** steepness)


def master(spread=0.001):
    share = np.exp(-np.log(2) * RATIO**STEEPNESS)
    return MasterCurve(("planted",), HALF, tuple(RATIO.tolist()), tuple(share.tolist()), spread)


def few(trials=EXACT, random=None, steepness=STEEPNESS):
    """At the steps where 3/4, a half and a quarter are left."""
    ratios = [0.0, *(master().ratio_at(share) for share in (0.75, 0.5, 0.25))]
    steps = [SCHEDULE.step_from_sigma(HALF * ratio) for ratio in ratios]
    accuracy = law(noise_of(steps, SCHEDULE), steepness)
    return curve("m", 1000, steps, accuracy, trials, CHANCE, random)


def fitted(one, spread=0.001):
    return scales_of(one, noise_of(one.steps, SCHEDULE), master(spread))


def test_a_share_is_left_where_it_is_said_to_be():
    ratios = [master().ratio_at(share) for share in (0.9, 0.5, 0.1)]
    expected = (-np.log([0.9, 0.5, 0.1]) / np.log(2)) ** (1 / STEEPNESS)
    assert ratios == pytest.approx(expected, rel=1e-3)
    assert master().at(np.array([0.0, 1.0])) == pytest.approx([1, 0.5], abs=1e-4)


def test_both_scales_are_those_planted():
    scales = fitted(few())
    assert scales.clean == pytest.approx(CLEAN, abs=1e-4)
    assert np.exp(scales.log_half_noise) == pytest.approx(HALF, rel=1e-3)
    assert not scales.contradicts


def test_their_errors_are_those_of_counting():
    random = np.random.default_rng(0)
    found = [fitted(few(2000, random)) for _ in range(200)]
    clean, half = (np.array([getattr(one, name) for one in found]) for name in SCALES)
    stated = np.mean([one.covariance for one in found], axis=0)
    assert clean.var() == pytest.approx(stated[0], rel=0.25)
    assert np.cov(clean, half)[0, 1] == pytest.approx(stated[1], rel=0.3)
    assert half.var() == pytest.approx(stated[2], rel=0.25)


def test_chance_contradicts_one_model_of_a_hundred():
    random = np.random.default_rng(1)
    contradicted = [fitted(few(2000, random)).contradicts for _ in range(200)]
    assert np.mean(contradicted) <= 0.03


def test_another_shape_contradicts_and_one_within_the_spread_does_not():
    assert fitted(few(10_000, steepness=3.0)).contradicts
    assert fitted(few(20_000, steepness=1.7)).contradicts
    assert not fitted(few(20_000, steepness=1.7), spread=0.03).contradicts


def two_sided(noise, before, after):
    """As steep as is told before the half noise, and after it."""
    times = np.where(noise < HALF, before, after)
    return law(HALF * (noise / HALF) ** times)


def measured_of(accuracy, trials=EXACT, random=None, models=1):
    one = few()
    noise = noise_of(one.steps, SCHEDULE)
    made = [
        curve(f"m{k}", 1000, one.steps, accuracy(noise), trials, CHANCE, random)
        for k in range(models)
    ]
    return [(each, noise) for each in made]


@given(st.floats(0.75, 1.35), st.floats(0.75, 1.35))
@settings(max_examples=25, deadline=None)
def test_a_ladder_may_be_steeper_or_slower_on_either_side_of_its_half_noise(before, after):
    own = of_own_shape(master(), measured_of(lambda noise: two_sided(noise, before, after)))
    ratio = np.array([0.3, 0.6, 1.0, 1.5, 2.0])
    expected = (two_sided(HALF * ratio, before, after) - CHANCE) / (CLEAN - CHANCE)
    assert own.at(ratio) == pytest.approx(expected, abs=5e-3)


def test_one_odd_model_does_not_move_the_others():
    odd = measured_of(lambda noise: law(noise, 3.0))
    own = of_own_shape(master(), measured_of(law, models=4) + odd)
    assert own.ratio == pytest.approx(master().ratio, rel=1e-3)


def test_no_moving_makes_a_shape_of_another():
    own = of_own_shape(master(), measured_of(lambda noise: law(noise, 4.0)))
    half = np.array(own.ratio)[1:] < 1
    steepest = np.array(master().ratio)[1:] ** (1 / STEEPER)
    assert np.array(own.ratio)[1:][half] == pytest.approx(steepest[half], rel=0.02)
    ((one, noise),) = measured_of(lambda noise: law(noise, 4.0), trials=10_000)
    assert scales_of(one, noise, own).contradicts


def test_counting_tells_the_steepness_of_a_ladder_to_a_few_hundredths():
    random = np.random.default_rng(2)
    own = of_own_shape(master(), measured_of(law, 3000, random, models=12))
    at = np.array([0.5, 2.0])
    expected = (law(HALF * at) - CHANCE) / (CLEAN - CHANCE)
    assert own.at(at) == pytest.approx(expected, abs=0.02)


def test_a_completed_curve_is_the_law_at_every_step():
    one = few()
    shape = BorrowedShape(master(), (fitted(one),))
    (drawn,) = completed([one], shape, SCHEDULE)
    assert len(drawn.steps) > 30
    expected = law(noise_of(drawn.steps, SCHEDULE))
    assert drawn.accuracy == pytest.approx(expected, abs=2e-3)


def test_its_counts_are_worth_the_error_of_the_accuracy_between_the_steps():
    random = np.random.default_rng(2)
    drawn = []
    for _ in range(200):
        one = few(2000, random)
        (whole,) = completed([one], BorrowedShape(master(1e-6), (fitted(one, 1e-6),)), SCHEDULE)
        drawn.append((np.interp(150, whole.steps, whole.accuracy), whole))
    accuracy = np.array([at for at, _ in drawn])
    stated = [np.interp(150, whole.steps, whole.variance) for _, whole in drawn]
    assert accuracy.var() == pytest.approx(np.mean(stated), rel=0.25)


def test_a_curve_without_scales_stays_as_it_was_measured():
    one, other = few(), curve("other", 2000, [0, 50, 100, 300], [0.8, 0.7, 0.5, 0.1])
    shape = BorrowedShape(master(), (fitted(one),))
    assert completed([one, other], shape, SCHEDULE)[1] == other
