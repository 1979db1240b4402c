"""Finite-size scaling: the exponents under which all curves become one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.estimate import Estimate
from sizer.progress import Progress, ignore_progress
from sizer.scaling.curves import NoiseCurve, sizes_of
from sizer.scaling.evidence import check_sizes, interval

Floats = NDArray[np.float64]
GOOD_COLLAPSE = 4.0  # quality above which curves do not collapse: twice their error
EDGE = 1e-3  # share of the measured noise within which t_c lies on its edge, and is not found
PROMISING = 3  # starts that are followed to their end
GROUPS = 24  # of neighbouring sizes, at most, that count as sizes
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


def fit_collapse(curves: Sequence[NoiseCurve], progress: Progress = ignore_progress) -> Collapse:
    """t_c, 1/nu and lambda of m(N, t) = N^-lambda f((t - t_c) N^(1/nu)).

    Minimises the quality of Houdayer & Hartmann 2004 (Phys. Rev. B 70:014418, appendix); the
    intervals are a jackknife over sizes. More than 24 sizes are taken in groups of neighbours.

    Raises MeasurementError where there are fewer than three sizes.
    """
    check_sizes(sizes_of(curves))
    pooled = _pooled(curves)
    count = len(pooled)
    progress(0, count + 1)
    values, quality = _collapse(pooled, _collapse_starts(pooled))
    left_out = np.empty((count, len(values)))
    for i in range(count):
        progress(i + 1, count + 1)
        left_out[i], _ = _collapse(pooled[:i] + pooled[i + 1 :], [values])
    progress(count + 1, count + 1)
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
    """Counts of each size, or group of neighbouring sizes, added up over its trainings."""
    sizes = sizes_of(curves)
    groups = np.array_split(sizes, min(len(sizes), GROUPS))
    return [_size_curve([curve for curve in curves if curve.size in group]) for group in groups]


def _size_curve(members: Sequence[NoiseCurve]) -> SizeCurve:
    """Members need not share their steps."""
    steps, place = np.unique(
        np.concatenate([member.steps for member in members]), return_inverse=True
    )
    correct = np.bincount(place, np.concatenate([member.correct for member in members]))
    trials = np.bincount(place, np.concatenate([member.trials for member in members]))
    share = (correct + 0.5) / (trials + 1)  # no error of zero at 0 or 1
    chance = members[0].chance
    return SizeCurve(
        size=float(np.exp(np.mean(np.log([member.size for member in members])))),
        steps=steps,
        order=(correct / trials - chance) / (1 - chance),
        error=np.sqrt(share * (1 - share) / trials) / (1 - chance),
    )


def _collapse_starts(curves: Sequence[SizeCurve]) -> list[Floats]:
    """Half-way points of the curves as t_c, and none, with a flat and a changing width."""
    half = [float(np.interp(-c.order[0] / 2, -c.order, c.steps)) for c in curves]
    critical = [*np.quantile(half, [0.1, 0.9]), 0.0]
    return [np.array([at, slope, 0.0]) for at in critical for slope in (-0.1, 0.02, 0.3)]


def _collapse(curves: Sequence[SizeCurve], starts: Sequence[Floats]) -> tuple[Floats, float]:
    """Exponents of the best collapse that the most promising starts lead to, and its quality."""
    import lmfit

    stacked = _stacked(curves)
    last = float(stacked.steps.max())
    unit = np.array([last, 1.0, 1.0])  # t_c is sought as a share of the noise, as precisely

    def quality(values: Floats) -> float:
        return _quality(stacked, *values)

    ends = []
    for start in sorted(starts, key=quality)[:PROMISING]:
        parameters = lmfit.Parameters()
        parameters.add("critical", min(max(start[0] / last, 1e-3), 1.0), min=0, max=1)
        parameters.add("inverse_nu", start[1], min=-1, max=2)
        parameters.add("lambda_", start[2], min=-2, max=2)
        result = lmfit.minimize(
            lambda values: quality(unit * [each.value for each in values.values()]),
            parameters,
            method="nelder",
            options={"maxfev": 400},
            calc_covar=False,
        )
        ends.append(unit * [each.value for each in result.params.values()])
    best = min(ends, key=quality)
    return best, quality(best)


def collapse_quality(
    curves: Sequence[SizeCurve], critical: float, inverse_nu: float, lambda_: float
) -> float:
    """Mean squared distance of each point from the line through its neighbours on other curves.

    In units of the errors: 0 for perfect data, about 1 for data with honest errors. Fewer than
    half of the points overlapping counts as no collapse at all.
    """
    return _quality(_stacked(curves), critical, inverse_nu, lambda_)


@dataclass(frozen=True, slots=True)
class _Stacked:
    """All points of all curves, one curve after the other (n,).

    log_ratio: of the size to the geometric mean of sizes. first: of the points, at which a curve
    begins, and their number.
    """

    steps: Floats
    order: Floats
    error: Floats
    log_ratio: Floats
    curve: NDArray[np.int64]
    first: NDArray[np.int64]


def _stacked(curves: Sequence[SizeCurve]) -> _Stacked:
    lengths = [len(curve.steps) for curve in curves]
    log_size = np.log([curve.size for curve in curves])
    return _Stacked(
        steps=np.concatenate([curve.steps for curve in curves]),
        order=np.concatenate([curve.order for curve in curves]),
        error=np.concatenate([curve.error for curve in curves]),
        log_ratio=np.repeat(log_size - log_size.mean(), lengths),
        curve=np.repeat(np.arange(len(curves)), lengths),
        first=np.concatenate([[0], np.cumsum(lengths)]),
    )


def _quality(points: _Stacked, critical: float, inverse_nu: float, lambda_: float) -> float:
    height = np.exp(points.log_ratio * lambda_)
    x = (points.steps - critical) * np.exp(points.log_ratio * inverse_nu)
    distances = _distances(points, x, points.order * height, points.error * height)
    return float(distances.mean()) if len(distances) >= len(x) / 2 else NO_COLLAPSE


def _distances(points: _Stacked, x: Floats, y: Floats, error: Floats) -> Floats:
    """Squared distances of all points from the master line of the other curves' neighbours.

    Every other curve lends the two points that bracket a point, and a weighted straight line goes
    through all of them.
    """
    begin, end = points.first[:-1], points.first[1:]
    right = np.stack(
        [np.searchsorted(x[i:j], x) + i for i, j in zip(begin, end, strict=True)], axis=1
    )
    inside = (right > begin) & (right < end) & (np.arange(len(begin)) != points.curve[:, None])
    right = np.where(inside, right, 1)
    neighbour = np.hstack([right - 1, right])
    weight = np.hstack([inside, inside]) * (error**-2)[neighbour]
    offset, height = x[neighbour] - x[:, None], y[neighbour]
    weighted = weight * offset
    total, first, mean = weight.sum(1), weighted.sum(1), np.einsum("ij,ij->i", weight, height)
    second, product = (np.einsum("ij,ij->i", weighted, other) for other in (offset, height))
    determinant = total * second - first**2
    usable = determinant > 1e-12 * np.maximum(total * second, 1e-300)
    master = (second * mean - first * product)[usable] / determinant[usable]
    variance = second[usable] / determinant[usable]
    return np.asarray((y[usable] - master) ** 2 / (error[usable] ** 2 + variance))
