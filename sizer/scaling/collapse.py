"""Finite-size scaling: the exponents under which all curves become one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.results import Estimate
from sizer.scaling.curves import NoiseCurve, sizes_of
from sizer.scaling.evidence import check_sizes, interval

Floats = NDArray[np.float64]
GOOD_COLLAPSE = 4.0  # quality above which curves do not collapse: twice their error
EDGE = 1e-3  # share of the measured noise within which t_c lies on its edge, and is not found
PROMISING = 3  # starts that are followed to their end
NO_COLLAPSE = 1e30  # quality of exponents that leave the curves without a common range


@dataclass(frozen=True, slots=True)
class Collapse:
    """Finite-size scaling F(N, t) = N^-lambda f((t - t_c) N^(1/nu)).

    quality: mean squared distance from the master curve in units of its error: about 1 where the
    curves differ by counting alone, 0 for data without any error; None where no exponents give
    the curves a range in common.
    """

    critical_step: Estimate
    inverse_nu: Estimate
    lambda_: Estimate
    quality: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class SizeCurve:
    """Chance-corrected accuracy m of all trainings of one size, with its standard error."""

    size: float
    steps: Floats
    order: Floats
    error: Floats


def fit_collapse(curves: Sequence[NoiseCurve]) -> Collapse:
    """t_c, 1/nu and lambda of m(N, t) = N^-lambda f((t - t_c) N^(1/nu)).

    Minimises the quality of Houdayer & Hartmann 2004 (Phys. Rev. B 70:014418, appendix); the
    intervals are a jackknife over sizes.
    """
    check_sizes(sizes_of(curves))
    pooled = _pooled(curves)
    values, quality = _collapse(pooled, _collapse_starts(pooled))
    left_out = np.array(
        [_collapse(pooled[:i] + pooled[i + 1 :], [values])[0] for i in range(len(pooled))]
    )
    count = len(pooled)
    errors = np.sqrt((count - 1) / count * ((left_out - left_out.mean(0)) ** 2).sum(0))
    critical, inverse_nu, lambda_ = (
        interval(float(v), float(e), count - 3) for v, e in zip(values, errors, strict=True)
    )
    last = max(float(curve.steps[-1]) for curve in pooled)
    inside = EDGE * last < values[0] < (1 - EDGE) * last
    return Collapse(
        critical_step=critical if inside else Estimate(0.0 if values[0] < last / 2 else last),
        inverse_nu=inverse_nu,
        lambda_=lambda_,
        quality=quality if quality < NO_COLLAPSE else None,
        verdict=_verdict(quality, inside),
    )


def _verdict(quality: float, inside: bool) -> str:
    if quality <= GOOD_COLLAPSE and inside:
        return "the curves collapse onto one master curve"
    if quality <= GOOD_COLLAPSE:
        return "the curves collapse, but about no critical step inside the measured noise"
    if quality >= NO_COLLAPSE:
        return "the curves do not collapse: no exponents give them a range in common"
    return f"the curves do not collapse: they miss it by {quality**0.5:.1f} standard errors"


def _pooled(curves: Sequence[NoiseCurve]) -> list[SizeCurve]:
    """Counts of one size added up over its trainings, each at the steps it was measured at."""
    pooled = []
    for size in sizes_of(curves):
        members = [curve for curve in curves if curve.size == size]
        steps = sorted(set.union(*(set(member.steps) for member in members)))
        counts = np.zeros((2, len(steps)))
        for member in members:
            measured = [steps.index(step) for step in member.steps]
            counts[:, measured] += [member.correct, member.trials]
        share = counts[0] / counts[1]
        smoothed = (counts[0] + 0.5) / (counts[1] + 1)  # no error of zero at 0 or 1
        chance = members[0].chance
        pooled.append(
            SizeCurve(
                float(size),
                np.array(steps),
                (share - chance) / (1 - chance),
                np.sqrt(smoothed * (1 - smoothed) / counts[1]) / (1 - chance),
            )
        )
    return pooled


def _collapse_starts(curves: Sequence[SizeCurve]) -> list[Floats]:
    """Half-way points of the curves as t_c, and none, with a flat and a changing width."""
    half = [float(np.interp(-c.order[0] / 2, -c.order, c.steps)) for c in curves]
    critical = [*np.quantile(half, [0.1, 0.9]), 0.0]
    return [np.array([at, slope, 0.0]) for at in critical for slope in (-0.1, 0.02, 0.3)]


def _collapse(curves: Sequence[SizeCurve], starts: Sequence[Floats]) -> tuple[Floats, float]:
    """Exponents of the best collapse that the most promising starts lead to, and its quality."""
    import lmfit

    last = max(float(curve.steps[-1]) for curve in curves)
    unit = np.array([last, 1.0, 1.0])  # t_c is sought as a share of the noise, as precisely

    def quality(values: Floats) -> float:
        return collapse_quality(curves, *values)

    found = []
    for start in sorted(starts, key=quality)[:PROMISING]:
        parameters = lmfit.Parameters()
        parameters.add("critical", min(max(start[0] / last, 1e-3), 1.0), min=0, max=1)
        parameters.add("inverse_nu", start[1], min=-1, max=2)
        parameters.add("lambda_", start[2], min=-2, max=2)
        result = lmfit.minimize(
            lambda values: quality(unit * [one.value for one in values.values()]),
            parameters,
            method="nelder",
            options={"maxfev": 400},
            calc_covar=False,
        )
        found.append(unit * [one.value for one in result.params.values()])
    best = min(found, key=quality)
    return best, quality(best)


def collapse_quality(
    curves: Sequence[SizeCurve], critical: float, inverse_nu: float, lambda_: float
) -> float:
    """Mean squared distance of each point from the line through its neighbours on other curves.

    In units of the errors: 0 for perfect data, about 1 for data with honest errors. Fewer than
    half of the points overlapping counts as no collapse at all.
    """
    size = np.array([curve.size for curve in curves])
    ratio = (size / np.exp(np.log(size).mean()))[:, None]
    x = _rows([curve.steps - critical for curve in curves]) * ratio**inverse_nu
    y = _rows([curve.order for curve in curves]) * ratio**lambda_
    error = _rows([curve.error for curve in curves]) * ratio**lambda_
    distances = _distances(x, y, error)
    if len(distances) < np.isfinite(x).sum() / 2:
        return NO_COLLAPSE
    return float(distances.mean())


def _rows(rows: Sequence[Floats]) -> Floats:
    """Rows of unequal length as one array, padded with infinity."""
    padded = np.full((len(rows), max(map(len, rows))), np.inf)
    for padding, row in zip(padded, rows, strict=True):
        padding[: len(row)] = row
    return padded


def _distances(x: Floats, y: Floats, error: Floats) -> Floats:
    """Squared distances of all points from the master line of the other curves' neighbours.

    Arrays are (curves, points). Every other curve lends the two points that bracket a point, and a
    weighted straight line goes through all of them.
    """
    curve, point = np.nonzero(np.isfinite(x))
    at = x[curve, point]
    length = np.isfinite(x).sum(-1)
    right = np.stack([np.searchsorted(row, at) for row in x], axis=-1)  # (all points, curves)
    other = np.arange(len(x))
    inside = (right > 0) & (right < length) & (other != curve[:, None])
    sums = np.zeros((5, len(at)))  # weighted 1, x, x^2, y, xy of the bracketing points
    for neighbour in (np.maximum(right - 1, 0), np.minimum(right, length - 1)):
        weight = inside / error[other, neighbour] ** 2
        offset, height = x[other, neighbour] - at[:, None], y[other, neighbour]
        terms = (np.ones_like(offset), offset, offset**2, height, offset * height)
        sums += [(weight * term).sum(-1) for term in terms]
    total, first, second, mean, product = sums
    determinant = total * second - first**2
    usable = determinant > 1e-12 * np.maximum(total * second, 1e-300)
    master = (second * mean - first * product)[usable] / determinant[usable]
    variance = second[usable] / determinant[usable]
    own = error[curve, point][usable] ** 2
    return np.asarray((y[curve, point][usable] - master) ** 2 / (own + variance))
