"""Finite-size scaling in the form of the paper: one master curve of a scaled noise."""

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.falls import log_expit
from sizer.scaling.law import (
    LARGEST_LOG,
    Context,
    Law,
    Points,
    Surface,
    middle_and_width,
    positive,
)

Floats = NDArray[np.float64]
NAMES = (
    "log_height",
    "growth",
    "critical_step",
    "offset",
    "log_width",
    "inverse_nu",
    "log_skew",
)


def _at(x: Floats, steps: Floats, context: Context) -> Surface:
    def accuracy(values: Floats) -> Floats:
        log_height, growth, critical, offset, log_width, inverse_nu, log_skew = values[..., None]
        scaled = (steps - critical) * np.exp(np.clip(inverse_nu * x, -LARGEST_LOG, LARGEST_LOG))
        log_fall = log_expit((offset - scaled) / positive(log_width))
        height = positive(log_height + growth * x)
        return np.asarray(context.chance + height * np.exp(np.exp(log_skew) * log_fall))

    return accuracy


def _starts(points: Points, context: Context) -> list[Floats]:
    """A critical step at the half-way step or before it, the rest of the way in the offset."""
    clean = float(points.observed[points.steps == points.steps.min()].mean()) - context.chance
    half, width = middle_and_width(points, context.chance)
    height = np.log(max(clean, 0.01))
    return [
        np.array([height, growth, share * half, (1 - share) * half, np.log(width), slope, 0.0])
        for growth in (0.05, 0.2)
        for share in (0.0, 0.5, 1.0)
        for slope in (-0.1, 0.02, 0.2)
    ]


LAW = Law(
    name="finite-size",
    equation=(
        "acc = c + (N/N0)^-lambda f((t - t_c) (N/N0)^(1/nu)), "
        "f(u) = h (1 + e^((u - u_0) / D))^-k (the paper's scaling form)"
    ),
    names=lambda _knots: NAMES,
    at=_at,
    starts=_starts,
    bounds={"growth": (-1.0, 1.0), "inverse_nu": (-1.0, 2.0), "log_skew": (-2.0, 2.0)},
)
