"""At each noise step a power law in size with a ceiling of its own."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.law import Context, Law, Points, Surface

Floats = NDArray[np.float64]
RATES = (0.1, 0.3, 0.6, 1.0)  # starting exponents
BEST = 3  # starts that are handed on


def _names(knots: int) -> tuple[str, ...]:
    return (
        *(f"ceiling_{i}" for i in range(knots)),
        *(f"gain_{i}" for i in range(knots)),
        "rate_first",
        "rate_last",
    )


def _at(x: Floats, steps: Floats, context: Context) -> Surface:
    knots = len(context.knots)
    basis, share = knot_basis(steps, context.knots), _share(steps, context)

    def accuracy(values: Floats) -> Floats:
        ceiling, gain, rates = values[:knots], values[knots : 2 * knots], values[2 * knots :]
        first, last = rates[..., None]
        decay = np.exp(-(first + (last - first) * share) * x)
        return np.asarray(_along(basis, ceiling) - _along(basis, gain) * decay)

    return accuracy


def _share(steps: Floats, context: Context) -> Floats:
    """How far along the knots a step lies, 0 at the first and 1 at the last."""
    return np.asarray((steps - context.knots[0]) / (context.knots[-1] - context.knots[0]))


def _along(basis: Floats, coefficients: Floats) -> Floats:
    """Splines (..., n) of coefficients (knots, ...)."""
    return np.asarray(np.tensordot(coefficients, basis, axes=(0, 1)))


def _starts(points: Points, context: Context) -> list[Floats]:
    """Linear least squares for A and B at each pair of exponents; the best three go on."""
    basis, share = knot_basis(points.steps, context.knots), _share(points.steps, context)
    solutions = []
    for first in RATES:
        for last in RATES:
            decay = np.exp(-(first + (last - first) * share) * points.x)[:, None]
            design = np.hstack([basis, -basis * decay])
            solution, *_ = np.linalg.lstsq(design, points.observed, rcond=None)
            miss = float(((design @ solution - points.observed) ** 2).sum())
            solutions.append((miss, np.concatenate([solution, [first, last]])))
    return [values for _, values in sorted(solutions, key=lambda pair: pair[0])[:BEST]]


def knot_basis(steps: Floats, knots: Sequence[float]) -> Floats:
    """Natural cubic splines that are one at one knot and zero at the others, (..., knots).

    Straight beyond the knots. Worked out here, for scipy's takes a fifth of a second to import.
    """
    at, count = np.asarray(knots), len(knots)
    gap = np.diff(at)
    curvature, slope = np.eye(count), np.zeros((count, count))  # rows of the ends: no curvature
    for i in range(1, count - 1):
        curvature[i, i - 1 : i + 2] = gap[i - 1] / 6, (gap[i - 1] + gap[i]) / 3, gap[i] / 6
        slope[i, i - 1 : i + 2] = 1 / gap[i - 1], -1 / gap[i - 1] - 1 / gap[i], 1 / gap[i]
    bend = np.linalg.solve(curvature, slope)  # second derivatives at the knots, of every spline
    steps = np.asarray(steps, dtype=np.float64)
    left = np.clip(np.searchsorted(at, steps, side="right") - 1, 0, count - 2)
    width = gap[left][..., None]
    up = ((steps - at[left]) / gap[left])[..., None]
    down, inside = 1 - up, np.clip(up, 0, 1)
    value = down * np.eye(count)[left] + up * np.eye(count)[left + 1]
    low, high = bend[left], bend[left + 1]
    # (p^3 - p) inside; beyond an end its tangent there
    rise, fall = _bow(up, inside), _bow(down, 1 - inside)
    return np.asarray(value + (fall * low + rise * high) * width**2 / 6)


def _bow(at: Floats, inside: Floats) -> Floats:
    """p^3 - p within 0..1, and its tangent beyond."""
    return np.asarray(inside**3 - inside + (at - inside) * (3 * inside**2 - 1))


LAW = Law(
    name="saturating",
    equation="acc = A(t) - B(t) (N/N0)^-lambda(t), A and B natural cubic splines, lambda linear",
    names=_names,
    at=_at,
    starts=_starts,
    bounds={"rate_first": (0.01, 3.0), "rate_last": (0.01, 3.0)},
)
