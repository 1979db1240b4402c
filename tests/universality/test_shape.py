"""The shape of a fall, against planted ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import curve
from planted_falls import CHANCE, SIGMAS, falling, falling_curves

from sizer.universality.shape import EXPONENTIAL_SKEW, fall_of

DENSE = np.linspace(0, 400, 161)


@settings(max_examples=20)
@given(half=st.floats(10, 100), steepness=st.floats(0.8, 3))
def test_clean_half_and_steepness_are_those_planted(half, steepness):
    planted = falling(half, 0, steepness)
    (one,) = falling_curves(planted, sizes=(100_000,), sigmas=DENSE)
    fall = fall_of(one, DENSE)
    assert fall.clean == pytest.approx(0.7, abs=1e-5)
    assert fall.half_noise == pytest.approx(half, rel=1e-4)
    assert fall.steepness == pytest.approx(steepness, rel=1e-3)
    assert fall.residual_rms < 1e-5


@settings(max_examples=20)
@given(steepness=st.floats(1.0, 3))
def test_skew_and_width_are_read_off_the_curve_itself(steepness):
    """At 3/4, 1/2, 1/4: s = s_half (ln(1 / level) / ln 2)^(1 / k)."""
    (one,) = falling_curves(falling(60, 0, steepness), sizes=(100_000,), sigmas=DENSE)
    fall = fall_of(one, DENSE)
    upper, lower = ((np.log(1 / level) / np.log(2)) ** (1 / steepness) for level in (0.25, 0.75))
    assert fall.width == pytest.approx(60 * (upper - lower), rel=0.01)
    assert fall.skew == pytest.approx(EXPONENTIAL_SKEW, abs=0.02)


def test_another_form_has_another_skew():
    """A logistic one about 100 has its quarters at 100 plus and minus 15 ln 3."""
    logistic = 0.1 + 0.6 / (1 + np.exp((DENSE - 100) / 15))
    reach = 0.15 * np.log(3)
    fall = fall_of(curve("m", 1, DENSE, logistic, chance=CHANCE), DENSE)
    assert fall.skew == pytest.approx(np.log(1 + reach) / -np.log(1 - reach), abs=0.02)


def test_a_known_steepness_is_kept():
    (one,) = falling_curves(falling(50, 0, 1.5), sizes=(100_000,))
    fall = fall_of(one, SIGMAS, steepness=1.5)
    assert fall.steepness == 1.5
    assert fall.half_noise == pytest.approx(50, rel=1e-4)
    assert fall_of(one, SIGMAS, steepness=2.5).residual_rms > 0.01


def test_what_has_no_shape_has_none():
    guesses = curve("m", 1, SIGMAS, np.full(len(SIGMAS), CHANCE), trials=1000, chance=CHANCE)
    barely = curve("m", 1, SIGMAS, np.linspace(0.7, 0.6, len(SIGMAS)), chance=CHANCE)
    (short,) = falling_curves(falling(), sizes=(100_000,), sigmas=[0, 50, 100])
    assert fall_of(guesses, SIGMAS) is None
    assert fall_of(barely, SIGMAS) is None
    assert fall_of(short, np.array([0, 50, 100.0])) is None
