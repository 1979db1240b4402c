"""Truths that are laws of the fitted set, one that nearly is, and the ladders drawn from them.

Each is an accuracy at a size (parameters) and noise steps, on chance 0.01.
"""

from collections.abc import Callable

import numpy as np
from ladders import Floats
from scipy.special import expit

CHANCE = 0.01
SIZES = (1e4, 1e6)
STEPS = tuple(np.round(1000 * np.linspace(0, 1, 26) ** 1.25).tolist())
STEP = 300.0  # that is asked about
# sizes, trainings of each, scatter between trainings, true size over the largest of the ladder
SETTINGS = ((7, 3, 0.03, 1.7), (9, 2, 0.05, 1.5), (8, 1, 0.0, 3.0))


def logistic(size: float, step: Floats) -> Floats:
    """Power law with a ceiling, midpoint and width powers of N.

    The width falls as N^-0.28, as the paper finds it.
    """
    x = np.log(size / 1e5)
    clean, middle, width = 0.8 - 0.25 * np.exp(-0.3 * x), 400 * np.exp(0.03 * x), 110.0
    scale = width * np.exp(-0.28 * x)
    fall = expit((middle - step) / scale) / expit(middle / scale)
    return np.asarray(CHANCE + (clean - CHANCE) * fall)


def saturating(size: float, step: Floats) -> Floats:
    """At each step a power law in N with its own ceiling."""
    x = np.log(size / 1e5)
    fall = expit((420 - step) / 100) / expit(4.2)
    ceiling, gain = CHANCE + 0.75 * fall, 0.25 * fall**0.8
    return np.asarray(ceiling - gain * np.exp(-0.28 * x))


def outside(size: float, step: Floats) -> Floats:
    """An asymmetric fall with a correction to scaling: in no fitted law."""
    x = np.log(size / 1e5)
    clean = 0.8 - 0.25 * np.exp(-0.3 * x) * (1 + 0.15 * np.exp(-0.5 * x))
    middle, scale = 420 * np.exp(0.03 * x), 160 * np.exp(-0.12 * x)
    fall = 1 - np.exp(-np.exp((step - middle) / scale) * np.log(2))
    start = 1 - np.exp(-np.exp(-middle / scale) * np.log(2))
    return np.asarray(CHANCE + (clean - CHANCE) * (1 - fall) / (1 - start))


LAWS: dict[str, Callable[[float, Floats], Floats]] = {
    "logistic": logistic,
    "saturating": saturating,
    "outside": outside,
}
