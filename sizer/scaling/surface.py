"""Fitting a surface acc(t, N) by binomial likelihood, and judging the fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.estimate import Estimate
from sizer.scaling.curves import NoiseCurve, mean_accuracy, sizes_of
from sizer.scaling.evidence import (
    check_sizes,
    clustered_covariance,
    intervals,
    root_mean_square,
)
from sizer.scaling.law import (
    Context,
    Law,
    Points,
    Surface,
    derivatives,
    noise_ratio,
    points_of,
)
from sizer.scaling.laws import law_named

Floats = NDArray[np.float64]
KNOTS = 8
MINIMUM_STEPS = 3
TOLERANCE = 1e-6  # relative, of deviance and values: far below any error of counting
PROMISING = 2  # starts that a fit without known values follows to their end
SIZE_PARAMETERS = 3  # of any law, that only a comparison between models can determine
CONTRADICTED = 0.03  # accuracy: a law that misses the mean of a size by more, in RMS, is refused
CERTAIN = 1e-6  # the nearest to 0 and to 1 that a predicted accuracy counts as
NEAR = 1e-3  # standard errors from the count, below which a residual is linear
FLAT = 1e-12  # of the deviance, a slope from which no step can be worked out
IDLE = 1e-3  # deviance residuals that a whole unit of a parameter changes, if it does nothing
EDGE = 1e-2  # share of a bounded range: a search that starts on a bound would stay there
BOUNDARY = 1e-3  # share of a bounded range that counts as lying on the bound


@dataclass(frozen=True, slots=True)
class LawFit:
    """A surface acc(t, N), fitted.

    law: its name among `sizer.scaling.laws`. knots: steps at which its smooth coefficients are
    defined. reference_size: N0, parameters. covariance: of the values, clustered by trained model;
    degrees_of_freedom: of its t quantiles; intervals: 90 % ones of the values, from both.
    overdispersion: deviance over its degrees of freedom, 1 if counting were the only error.
    residual_rms: in accuracy. trusted: False when the data contradict the law or cannot determine
    it. interval: how the covariance was found. schedule: name of that of the steps, None for
    another noise.
    """

    law: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    degrees_of_freedom: int
    knots: tuple[float, ...]
    reference_size: float
    chance: float
    overdispersion: float | None
    residual_rms: float
    size_range: tuple[int, int]
    step_range: tuple[float, float]
    trusted: bool
    verdict: str
    intervals: tuple[Estimate, ...] = ()
    interval: str = "sandwich"
    schedule: str | None = None

    @property
    def context(self) -> Context:
        noise = noise_ratio(self.schedule)
        return Context(self.chance, self.knots, self.reference_size, noise)

    def accuracy(self, sizes: float | Floats, steps: float | Floats) -> Floats:
        """The fitted surface at sizes (parameters) and noise steps, broadcast together."""
        sizes, steps = _together(sizes, steps)
        surface = self._surface(sizes.ravel(), steps.ravel())
        return surface(np.array(self.values)).reshape(sizes.shape)

    def accuracy_error(self, sizes: float | Floats, steps: float | Floats) -> Floats:
        """Standard error of that accuracy, by the delta method from the fit's covariance."""
        sizes, steps = _together(sizes, steps)
        surface = self._surface(sizes.ravel(), steps.ravel())
        gradient = derivatives(surface, np.array(self.values))
        variance = np.einsum("ni,ij,nj->n", gradient, np.array(self.covariance), gradient)
        return np.asarray(np.sqrt(np.maximum(variance, 0))).reshape(sizes.shape)

    def _surface(self, sizes: Floats, steps: Floats) -> Surface:
        x = np.log(sizes / self.reference_size)
        return law_named(self.law).at(x, steps, self.context)


def _together(*values: float | Floats) -> tuple[Floats, ...]:
    return np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))


def fit_surface(
    law: Law,
    curves: Sequence[NoiseCurve],
    known: LawFit | None = None,
    schedule: str | None = None,
) -> LawFit:
    """Fit acc(t, N) to the counts of all curves by binomial likelihood.

    known: a fit of the law to these curves and others, from which the search may start; it then
    lends its knots, its N0 and its schedule. schedule: by name, None for a noise of another kind.

    The residuals are signed roots of the binomial deviance, so least squares maximises the
    likelihood (McCullagh & Nelder 1989, section 2.4). Raises MeasurementError where the curves
    have too few sizes, steps or points.
    """
    check_sizes(sizes_of(curves))
    schedule = known.schedule if known else schedule
    context = known.context if known else context_of(curves, schedule)
    points = points_of(curves, context.reference_size)
    names = law.names(len(context.knots))
    if len(points.x) < len(names):
        raise MeasurementError(
            f"{len(points.x)} measurements are too few for the {len(names)} parameters of a law: "
            "measure more steps, or more models"
        )
    surface = law.at(points.x, points.steps, context)
    starts = law.starts(points, context)
    if known is None:
        values = _best_fit(law.limits(names), surface, points, starts, PROMISING)
    else:
        starts.append(np.array(known.values))
        values = _best_fit(law.limits(names), surface, points, starts, 1)
    predicted = surface(values)
    residuals = _residuals(predicted, points)
    jacobian = _jacobian(surface, values, points)
    covariance = clustered_covariance(jacobian, residuals, points.model)
    spare = len(residuals) - len(values)
    freedom = len(curves) - SIZE_PARAMETERS
    trusted, verdict = _judge(law, names, values, jacobian, predicted, points, freedom)
    sizes = sizes_of(curves)
    return LawFit(
        law=law.name,
        names=names,
        values=tuple(values.tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        degrees_of_freedom=freedom,
        knots=context.knots,
        reference_size=context.reference_size,
        chance=context.chance,
        overdispersion=float((residuals**2).sum() / spare) if spare > 0 else None,
        residual_rms=root_mean_square(predicted - points.observed),
        size_range=(sizes[0], sizes[-1]),
        step_range=(float(points.steps.min()), float(points.steps.max())),
        trusted=trusted,
        verdict=verdict,
        intervals=intervals(values, covariance, freedom),
        schedule=schedule,
    )


def refit(fit: LawFit, correct: Floats, trials: Floats, curves: Sequence[NoiseCurve]) -> Floats:
    """The values of a fit, found again from where it stands for other counts of its curves.

    correct, trials: of all curves' steps, one curve after the other.
    """
    law = law_named(fit.law)
    points = replace(points_of(curves, fit.reference_size), correct=correct, trials=trials)
    surface = law.at(points.x, points.steps, fit.context)
    return _best_fit(law.limits(fit.names), surface, points, [np.array(fit.values)], 1)


def context_of(curves: Sequence[NoiseCurve], schedule: str | None = None) -> Context:
    """Knots are measured steps, spread so that each spans as much fall of the mean curve."""
    steps = np.array(sorted(set.union(*(set(curve.steps) for curve in curves))))
    mean = mean_accuracy(curves, steps)
    travelled = np.concatenate([[0], np.cumsum(np.abs(np.diff(mean)))])
    along = travelled / max(travelled[-1], 1e-12) + np.linspace(0, 1, len(steps))
    wanted = np.interp(np.linspace(0, along[-1], KNOTS), along, steps)
    nearest = {float(steps[np.argmin(np.abs(steps - w))]) for w in wanted}
    if len(nearest) < MINIMUM_STEPS:
        raise MeasurementError(f"{len(steps)} noise steps are too few for a law: measure more")
    return Context(
        chance=curves[0].chance,
        knots=tuple(sorted(nearest)),
        reference_size=float(np.exp(np.mean(np.log([curve.size for curve in curves])))),
        noise=noise_ratio(schedule),
    )


def _residuals(predicted: Floats, points: Points) -> Floats:
    """Signed roots of the binomial deviance of each count."""
    from scipy.special import xlogy

    predicted, observed = np.clip(predicted, CERTAIN, 1 - CERTAIN), points.observed
    deviance = xlogy(observed, observed / predicted) + xlogy(
        1 - observed, (1 - observed) / (1 - predicted)
    )
    size = np.sqrt(2 * points.trials * np.maximum(deviance, 0))
    return np.asarray(np.sign(observed - predicted) * size)


def _jacobian(surface: Surface, values: Floats, points: Points) -> Floats:
    """Derivatives of the residuals by the values, (n, k).

    dr/dp = -n |o - p| / (p (1 - p) |r|), or -sqrt(n / (p (1 - p))) where o = p.
    """
    surely = surface(values)
    predicted = np.clip(surely, CERTAIN, 1 - CERTAIN)
    away = np.abs(points.observed - predicted)
    variance = predicted * (1 - predicted) / points.trials
    residuals = np.abs(_residuals(predicted, points))
    near = residuals < NEAR
    slope = np.where(near, variance**-0.5, away / variance / np.where(near, 1.0, residuals))
    slope[surely != predicted] = 0.0
    return np.asarray(-slope[:, None] * derivatives(surface, values))


def _best_fit(
    limits: Floats, surface: Surface, points: Points, starts: Sequence[Floats], followed: int
) -> Floats:
    """The most likely values within limits that the most promising starts lead to.

    followed: how many starts are followed to their end.
    """

    def deviance(values: Floats) -> float:
        return float((_residuals(surface(values), points) ** 2).sum())

    low, high = limits.T
    edge = EDGE * np.where(np.isfinite(high - low), high - low, 1.0)
    inside = [np.clip(start, low + edge, high - edge) for start in starts]
    promising = sorted(inside, key=deviance)[:followed]
    return min((_descend(surface, points, start, limits) for start in promising), key=deviance)


def _descend(surface: Surface, points: Points, start: Floats, limits: Floats) -> Floats:
    """The values with the least squares that a start leads to."""
    import lmfit

    def values_of(parameters: lmfit.Parameters) -> Floats:
        return np.array([parameter.value for parameter in parameters.values()])

    parameters = lmfit.Parameters()
    for i, (value, (low, high)) in enumerate(zip(start, limits, strict=True)):
        parameters.add(f"value_{i}", float(value), min=low, max=high)
    with np.errstate(all="ignore"):  # lmfit works out errors too, of whatever is not determined
        result = lmfit.minimize(
            lambda p: _residuals(surface(values_of(p)), points),
            parameters,
            method="least_squares",  # a transformation of bounds would stick to them
            Dfun=lambda p: _jacobian(surface, values_of(p), points),
            x_scale="jac",
            calc_covar=False,
            max_nfev=60 * len(start),
            ftol=TOLERANCE,
            xtol=TOLERANCE,
            gtol=FLAT,
        )
    return values_of(result.params)


def _judge(
    law: Law,
    names: tuple[str, ...],
    values: Floats,
    jacobian: Floats,
    predicted: Floats,
    points: Points,
    freedom: int,
) -> tuple[bool, str]:
    """Whether the fit may be used, in words. lmfit's own `success` is true for degenerate fits."""
    reach = np.linalg.norm(jacobian, axis=0)
    active = reach > IDLE  # the exponent of a gain that is zero is idle, and harmless
    if np.linalg.matrix_rank(jacobian[:, active] / reach[active], tol=1e-7) < active.sum():
        return False, "the measurements do not determine every parameter of the law"
    if freedom < 1:
        return False, (
            f"too few trained models for an interval: {points.model.max() + 1} models, "
            f"{SIZE_PARAMETERS} parameters that only they can determine"
        )
    missed = _lack_of_fit(points, predicted)
    if missed > CONTRADICTED:
        return False, f"the data contradict the law: it misses the mean of a size by {missed:.3f}"
    pinned = [
        name
        for name, value, limits in zip(names, values, law.limits(names), strict=True)
        if _on_bound(value, *limits)
    ]
    if pinned:
        bound = "lies on its bound" if len(pinned) == 1 else "lie on their bounds"
        return True, f"the law describes the data; {', '.join(pinned)} {bound}"
    return True, "the law describes the data"


def _on_bound(value: float, low: float, high: float) -> bool:
    reach = BOUNDARY * (high - low) if np.isfinite(high - low) else BOUNDARY
    return bool(value - low < reach or high - value < reach)


def _lack_of_fit(points: Points, predicted: Floats) -> float:
    """Root mean square, over sizes and steps, of the law's distance from the mean of trainings.

    What counting alone makes of its square, up to two standard deviations, is taken off.
    """
    _, group = np.unique(np.column_stack([points.x, points.steps]), axis=0, return_inverse=True)
    count = np.bincount(group.ravel())
    distance = np.bincount(group.ravel(), points.observed - predicted) / count
    likely = np.clip(predicted, 0, 1)
    counting = np.bincount(group.ravel(), likely * (1 - likely) / points.trials) / count**2
    luck = counting.mean() + 2 * np.sqrt(2 * (counting**2).sum()) / len(counting)
    return float(np.sqrt(max(0.0, float((distance**2).mean() - luck))))
