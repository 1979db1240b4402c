"""Fitting a surface acc(t, N) by binomial likelihood, and judging the fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import lmfit
import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from sizer.errors import MeasurementError
from sizer.fit.evidence import (
    check_sizes,
    clustered_covariance,
    intervals,
    left_out_residuals,
    root_mean_square,
)
from sizer.law import (
    FINITE_SIZE,
    LAWS,
    SATURATING,
    Context,
    Law,
    Surface,
    context_of,
    derivatives,
    knot_basis,
)
from sizer.results import IntervalMethod, LawFit, NoiseCurve

Floats = NDArray[np.float64]
KNOTS = 8
TOLERANCE = 1e-6  # relative, of deviance and values: far below any error of counting
RATES = (0.1, 0.3, 0.6, 1.0)  # starting exponents
PROMISING = 2  # starts that are followed to their end
CONTRADICTED = 0.03  # accuracy: a law that misses the mean of a size by more, in RMS, is refused
IDLE = 1e-3  # deviance residuals that a whole unit of a parameter changes, if it does nothing
BOUNDARY = 1e-3  # share of a bounded range that counts as lying on the bound


@dataclass(frozen=True, slots=True)
class _Points:
    """All counts of a ladder as flat arrays; `model` numbers the trained models."""

    x: Floats
    steps: Floats
    correct: Floats
    trials: Floats
    model: NDArray[np.int64]

    @property
    def observed(self) -> Floats:
        return np.asarray(self.correct / self.trials)


def fit_surface(
    law: Law,
    curves: Sequence[NoiseCurve],
    image_share: float = 1.0,
    interval: IntervalMethod = "sandwich",
) -> LawFit:
    """Fit acc(t, N) to the counts of all curves by binomial likelihood.

    image_share: of the counting variance, what all models have in common; 1 bounds it.

    The residuals are signed roots of the binomial deviance, so least squares maximises the
    likelihood (McCullagh & Nelder 1989, section 2.4).
    """
    check_sizes(curve.model.parameters for curve in curves)
    context = _context(curves)
    points = _points(curves, context)
    names = law.names(len(context.knots))
    if len(points.x) < len(names):
        raise MeasurementError(
            f"{len(points.x)} measurements are too few for the {len(names)} parameters of a law: "
            "measure every model at the same steps"
        )
    starts = _STARTS.get(law.name, _transition_starts)(law, points, context)
    surface = law.at(points.x, points.steps, context)
    values = _best_fit(law, names, surface, points, starts)
    predicted = surface(values)
    residuals = _residuals(predicted, points)
    jacobian = derivatives(lambda v: _residuals(surface(v), points), values)
    left_out = left_out_residuals(jacobian, residuals, points.model)
    spare = len(residuals) - len(values)
    overdispersion = float((residuals**2).sum() / spare) if spare > 0 else None
    if interval == "least-squares":  # what lmfit states: every point for independent evidence
        bread = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
        covariance = np.asarray(bread * (overdispersion or 1.0))
    else:
        covariance = clustered_covariance(jacobian, residuals, points.model)
    models = len(curves)
    freedom = models - law.size_parameters
    trusted, verdict = _judge(law, names, values, jacobian, predicted, points, freedom)
    scatter, misfit = _scatter_and_misfit(law, points, predicted, context)
    sizes = [curve.model.parameters for curve in curves]
    return LawFit(
        law=law.name,
        names=names,
        values=tuple(values.tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        degrees_of_freedom=freedom,
        knots=context.knots,
        reference_size=context.reference_size,
        chance=context.chance,
        overdispersion=overdispersion,
        scatter=scatter,
        misfit=misfit,
        left_out=float(sum((one**2).sum() for one in left_out.values())),
        residual_rms=root_mean_square(predicted - points.observed),
        images=int(points.trials.min()),
        image_share=image_share,
        size_range=(min(sizes), max(sizes)),
        step_range=(float(points.steps.min()), float(points.steps.max())),
        trusted=trusted,
        verdict=verdict,
        intervals=intervals(values, covariance, freedom),
        interval=interval,
    )


def refit(fit: LawFit, correct: Floats, trials: Floats, curves: Sequence[NoiseCurve]) -> Floats:
    """The values of a fit, found again from where it stands for other counts of its curves.

    correct, trials: of all curves' steps, one curve after the other.
    """
    law, context = LAWS[fit.law], context_of(fit)
    points = replace(_points(curves, context), correct=correct, trials=trials)
    surface = law.at(points.x, points.steps, context)
    return _best_fit(law, fit.names, surface, points, [np.array(fit.values)])


def _context(curves: Sequence[NoiseCurve]) -> Context:
    """Knots are measured steps, spread so that each spans as much fall of the mean curve."""
    steps = np.array(sorted(set.union(*(set(curve.steps) for curve in curves))))
    sizes = [curve.model.parameters for curve in curves]
    mean = np.mean([np.interp(steps, c.steps, np.divide(c.correct, c.trials)) for c in curves], 0)
    travelled = np.concatenate([[0], np.cumsum(np.abs(np.diff(mean)))])
    along = travelled / max(travelled[-1], 1e-12) + np.linspace(0, 1, len(steps))
    wanted = np.interp(np.linspace(0, along[-1], KNOTS), along, steps)
    nearest = {float(steps[np.argmin(np.abs(steps - w))]) for w in wanted}
    if len(nearest) < 3:
        raise MeasurementError(f"{len(steps)} noise steps are too few for a law: measure more")
    return Context(
        chance=curves[0].chance,
        knots=tuple(sorted(nearest)),
        reference_size=float(np.exp(np.mean(np.log(sizes)))),
    )


def _points(curves: Sequence[NoiseCurve], context: Context) -> _Points:
    lengths = [len(curve.steps) for curve in curves]
    x = np.log([curve.model.parameters / context.reference_size for curve in curves])
    return _Points(
        x=np.repeat(x, lengths),
        steps=np.concatenate([np.array(curve.steps, dtype=float) for curve in curves]),
        correct=np.concatenate([np.array(curve.correct, dtype=float) for curve in curves]),
        trials=np.concatenate([np.array(curve.trials, dtype=float) for curve in curves]),
        model=np.repeat(np.arange(len(curves)), lengths),
    )


def _residuals(predicted: Floats, points: _Points) -> Floats:
    """Signed roots of the binomial deviance of each count."""
    predicted, observed = np.clip(predicted, 1e-6, 1 - 1e-6), points.observed
    deviance = xlogy(observed, observed / predicted) + xlogy(
        1 - observed, (1 - observed) / (1 - predicted)
    )
    size = np.sqrt(2 * points.trials * np.maximum(deviance, 0))
    return np.asarray(np.sign(observed - predicted) * size)


def _best_fit(
    law: Law,
    names: tuple[str, ...],
    surface: Surface,
    points: _Points,
    starts: Sequence[Floats],
) -> Floats:
    """The most likely values that the most promising starts lead to."""

    def miss(values: Floats) -> Floats:
        return _residuals(surface(values), points)

    def deviance(values: Floats) -> float:
        return float((miss(values) ** 2).sum())

    limits = np.array([law.bounds(name) for name in names])
    inside = [np.clip(start, limits[:, 0], limits[:, 1]) for start in starts]
    found = []
    for start in sorted(inside, key=deviance)[:PROMISING]:
        parameters = lmfit.Parameters()
        for name, value, (low, high) in zip(names, start, limits, strict=True):
            parameters.add(name, float(value), min=low, max=high)
        result = lmfit.minimize(
            lambda p: miss(_values(p)),
            parameters,
            Dfun=lambda p: derivatives(miss, _values(p)),
            calc_covar=False,
            max_nfev=60 * len(names),
            ftol=TOLERANCE,
            xtol=TOLERANCE,
        )
        found.append(_values(result.params))
    return min(found, key=deviance)


def _values(parameters: lmfit.Parameters) -> Floats:
    return np.array([parameter.value for parameter in parameters.values()])


def _transition_starts(law: Law, points: _Points, context: Context) -> list[Floats]:
    """From the cleanest points and the half-way steps of the curves; what else there is, at 0."""
    first = points.steps == points.steps.min()
    clean = float(points.observed[first].max())
    spread = max(clean - float(points.observed[first].min()), 0.02)
    half, width = _middle_and_width(points, context.chance)
    names = law.names(len(context.knots))
    limit = min(0.999, clean + 0.1 * spread) if "clean_limit" in names else 1.0
    gain = spread / 2 if "clean_limit" in names else 1 - clean + spread / 2
    known = {
        "clean_limit": limit,
        "gain": gain,
        "log_middle": np.log(half),
        "log_width": np.log(width),
    }
    return [
        np.array([{**known, "rate": rate, "inverse_nu": slope}.get(name, 0.0) for name in names])
        for rate in RATES[:3]
        for slope in (0.0, 0.2)
    ]


def _finite_size_starts(_law: Law, points: _Points, context: Context) -> list[Floats]:
    """A critical step at the half-way step or before it, the rest of the way in the offset."""
    clean = float(points.observed[points.steps == points.steps.min()].mean()) - context.chance
    half, width = _middle_and_width(points, context.chance)
    height = np.log(max(clean, 0.01))
    return [
        np.array([height, growth, share * half, (1 - share) * half, np.log(width), slope, 0.0])
        for growth in (0.05, 0.2)
        for share in (0.0, 0.5, 1.0)
        for slope in (-0.1, 0.02, 0.2)
    ]


def _middle_and_width(points: _Points, chance: float) -> tuple[float, float]:
    """Steps from which the mean curve has half of its height, and from there to a quarter."""
    half, quarter = (_mean_crossing(points, chance, level) for level in (0.5, 0.25))
    return half, max(quarter - half, 1e-3 * half)


def _mean_crossing(points: _Points, chance: float, level: float) -> float:
    """Step at which the accuracy, averaged over models, has fallen to a share of its start.

    Positive, though a curve that starts below chance has fallen at once.
    """
    steps = np.unique(points.steps)
    mean = np.array([points.observed[points.steps == step].mean() for step in steps]) - chance
    below = np.flatnonzero(mean < level * mean[0])
    if not below.size:
        return float(steps[-1])
    after = max(1, int(below[0]))
    share = (mean[after - 1] - level * mean[0]) / max(mean[after - 1] - mean[after], 1e-12)
    return float(steps[after - 1] + np.clip(share, 0.1, 1) * (steps[after] - steps[after - 1]))


def _saturating_starts(_law: Law, points: _Points, context: Context) -> list[Floats]:
    """Linear least squares for A and B at each pair of exponents; the best three go on."""
    basis = knot_basis(points.steps, context.knots)
    share = (points.steps - context.knots[0]) / (context.knots[-1] - context.knots[0])
    found = []
    for first in RATES:
        for last in RATES:
            decay = np.exp(-(first + (last - first) * share) * points.x)[:, None]
            design = np.hstack([basis, -basis * decay])
            solution, *_ = np.linalg.lstsq(design, points.observed, rcond=None)
            miss = float(((design @ solution - points.observed) ** 2).sum())
            found.append((miss, np.concatenate([solution, [first, last]])))
    return [values for _, values in sorted(found, key=lambda one: one[0])[:3]]


_STARTS: dict[str, Callable[[Law, _Points, Context], list[Floats]]] = {
    FINITE_SIZE.name: _finite_size_starts,
    SATURATING.name: _saturating_starts,
}


def _judge(
    law: Law,
    names: tuple[str, ...],
    values: Floats,
    jacobian: Floats,
    predicted: Floats,
    points: _Points,
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
            f"{law.size_parameters} parameters that only they can determine"
        )
    missed = _lack_of_fit(points, predicted)
    if missed > CONTRADICTED:
        return False, f"the data contradict the law: it misses the mean of a size by {missed:.3f}"
    pinned = [
        name for name, value in zip(names, values, strict=True) if _on_bound(law, name, value)
    ]
    if pinned:
        bound = "lies on its bound" if len(pinned) == 1 else "lie on their bounds"
        return True, f"the law describes the data; {', '.join(pinned)} {bound}"
    return True, "the law describes the data"


def _on_bound(law: Law, name: str, value: float) -> bool:
    low, high = law.bounds(name)
    reach = BOUNDARY * (high - low) if np.isfinite(high - low) else BOUNDARY
    return bool(value - low < reach or high - value < reach)


def _lack_of_fit(points: _Points, predicted: Floats) -> float:
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


def _scatter_and_misfit(
    law: Law, points: _Points, predicted: Floats, context: Context
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Standard deviations in accuracy around each knot: between trainings of one size, and of the
    law from the means over trainings.

    Each model's deviation from the law is averaged over the steps nearest to the knot. Where no
    size was trained twice, a training's luck and a law's error look alike: the deviation of the
    models is then the scatter, and the mean over all of them the misfit.
    """
    deviation = _around_knots(points, points.observed - predicted, context)
    models, parameters = len(deviation), law.size_parameters
    size = points.x[np.unique(points.model, return_index=True)[1]]
    _, group, members = np.unique(size, return_inverse=True, return_counts=True)
    if len(members) == models:
        squares = (deviation**2).sum(0) / max(1, models - parameters)
        left = deviation.mean(0) ** 2 - squares / models
        return _roots(squares), _roots(left)
    mean = np.stack([np.bincount(group, column) for column in deviation.T], 1) / members[:, None]
    squares = ((deviation - mean[group]) ** 2).sum(0) / (models - len(members))
    free = max(1, len(members) - parameters)  # sizes that the fit has not followed
    left = (mean**2).sum(0) / free - squares * np.mean(1 / members)
    return _roots(squares), _roots(left)


def _around_knots(points: _Points, values: Floats, context: Context) -> Floats:
    """Means over the steps nearest to each knot (models, knots)."""
    knots = np.array(context.knots)
    models = int(points.model.max()) + 1
    nearest = np.abs(points.steps[:, None] - knots).argmin(1)
    cell = points.model * len(knots) + nearest
    total = np.bincount(cell, values, models * len(knots))
    count = np.bincount(cell, minlength=models * len(knots))
    return np.asarray((total / np.maximum(count, 1)).reshape(models, len(knots)))


def _roots(squares: Floats) -> tuple[float, ...]:
    return tuple(np.sqrt(np.maximum(squares, 0)).tolist())
