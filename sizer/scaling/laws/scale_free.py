"""One shape of the fall for every size: two scales, each a power of the size, and a steepness.

A stretched exponential of the noise ratio, as `sizer.universality.shape` has it for one model.
"""

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.law import LARGEST_LOG, Context, Law, Points, Surface, middle_and_width, positive

Floats = NDArray[np.float64]
LN2 = float(np.log(2))
NAMES = (
    "clean_limit",
    "gain",
    "rate",
    "log_half_noise",
    "half_noise_growth",
    "log_steepness",
    "steepness_growth",
)
STEEPNESS = 1.5  # where a search starts


def _at(x: Floats, steps: Floats, context: Context) -> Surface:
    with np.errstate(divide="ignore"):
        log_noise = np.log(context.noise(steps))  # no noise is endlessly far below the half

    def accuracy(values: Floats) -> Floats:
        limit, gain, rate, log_half, growth, log_steepness, steeper = values[..., None]
        clean = limit - gain * np.exp(np.clip(-rate * x, -LARGEST_LOG, LARGEST_LOG))
        steepness = positive(log_steepness + steeper * x)
        exponent = np.minimum(steepness * (log_noise - log_half - growth * x), LARGEST_LOG)
        left = np.exp(-LN2 * np.exp(exponent))
        return np.asarray(context.chance + (clean - context.chance) * left)

    return accuracy


def _starts(points: Points, context: Context) -> list[Floats]:
    """The half noise is that of the mean curve; the clean accuracies set the rest."""
    first = points.observed[points.steps == points.steps.min()]
    half, _ = middle_and_width(points, context.chance)
    log_half = float(np.log(context.noise(np.array([half])))[0])
    clean, spread = float(first.mean()), float(np.ptp(first))
    limit, gain = min(0.999, clean + 0.6 * spread), max(0.6 * spread, 1e-3)
    return [
        np.array([limit, gain, rate, log_half, growth, np.log(STEEPNESS), 0.0])
        for rate in (0.1, 0.3, 0.6)
        for growth in (0.0, 0.1)
    ]


LAW = Law(
    name="scale-free",
    equation=(
        "acc = c + (A(N) - c) exp(-ln 2 (s / s_half(N))^k(N)), s the noise ratio of t, "
        "A = a - b (N/N0)^-lambda, s_half = s_0 (N/N0)^mu, k = k_0 (N/N0)^kappa"
    ),
    names=lambda _knots: NAMES,
    at=_at,
    starts=_starts,
    bounds={
        "clean_limit": (0.0, 1.0),
        "gain": (0.0, np.inf),
        "rate": (0.01, 3.0),
        "half_noise_growth": (-1.0, 1.0),
        "log_steepness": (-2.0, 3.0),
        "steepness_growth": (-1.0, 1.0),
    },
)
