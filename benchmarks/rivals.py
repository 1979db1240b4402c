"""What `sizer` has to beat: competitors of the league, and the interface that they share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Protocol

import numpy as np
from ladders import Curves, Floats, accuracy_at, mean_accuracy
from scipy.special import expit, logit, stdtrit

LARGEST_NAMED = 10.0  # times the largest measured size
SOUGHT = (0.1, 1000.0)  # of the smallest and the largest measured size
CONFIDENCE = 0.9
Interval = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Answer:
    """Parameters for an accuracy at a step.

    low, best, high: where the mean over trainings reaches it, with its 90 % interval. recommended:
    the size whose next training reaches it with 90 %. bound: a lower bound at 95 %. None: unknown,
    or no such bound.
    """

    named: bool
    low: float | None = None
    best: float | None = None
    high: float | None = None
    recommended: float | None = None
    bound: float | None = None


class Forecaster(Protocol):
    """What a competitor has learned from a ladder."""

    def accuracy(self, size: float, step: float) -> Interval:
        """Low, best, high: the 90 % interval of what the next training of this size measures."""

    def sizes(self, step: float, target: float) -> Answer:
        """The size that reaches the accuracy `target` at `step`."""


class Repeat:
    """Every size measures what the largest did; no size is named."""

    def __init__(self, curves: Curves, _image_share: float) -> None:
        largest = max(curve.model.parameters for curve in curves)
        self.curves = [curve for curve in curves if curve.model.parameters == largest]

    def accuracy(self, _size: float, step: float) -> Interval:
        return None, float(mean_accuracy(self.curves, np.array(step))), None

    def sizes(self, _step: float, _target: float) -> Answer:
        return Answer(named=False)


class Sizer:
    """The project's own estimator, as `recommend` and `predict` answer."""

    def __init__(self, curves: Curves, image_share: float) -> None:
        from sizer.prediction.predictor import predictor

        self.ladder = predictor(curves, image_share)

    def accuracy(self, size: float, step: float) -> Interval:
        from sizer.prediction.accuracy import training_accuracy

        training = training_accuracy(self.ladder.at(step), size, CONFIDENCE)
        return training.low, training.best, training.high

    def sizes(self, step: float, target: float) -> Answer:
        """A low of 0, any size, is no bound; what is called unreachable is above all sought."""
        from sizer.prediction.advice import answer
        from sizer.prediction.question import Requirement
        from sizer.prediction.sizes import SEARCH

        wanted = Requirement(step, target, CONFIDENCE)
        verdict, sizes = answer(self.ladder.at(step), wanted)
        if sizes is None:
            return Answer(named=False, bound=SEARCH * self.ladder.sizes[-1])
        low, named = sizes.low or None, verdict == "recommended"
        return Answer(named, low, sizes.best, sizes.high, sizes.recommended, low)


Mean = Callable[[Floats, Floats], Floats]  # parameters (k,) and x = ln(N / smallest) to accuracy
Fit = Callable[[Floats, Floats], tuple[Mean, Floats]]  # x and accuracies to the best parameters


@dataclass(frozen=True)
class Fitted:
    """A mean function with its parameters, and what the residuals say of its error.

    covariance: of the parameters, over error squared. error: standard deviation of the residuals,
    None where no degree of freedom is left to tell it.
    """

    mean: Mean
    values: Floats
    covariance: Floats
    error: float | None
    freedom: int

    def at(self, x: Floats) -> Floats:
        return self.mean(self.values, x)

    def errors(self, x: Floats) -> tuple[Floats, Floats] | None:
        """Standard errors of the mean, and of a next training's measurement."""
        if self.error is None:
            return None
        slopes = jacobian(self.mean, self.values, x)
        leverage = np.maximum(np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes), 0)
        return self.error * np.sqrt(leverage), self.error * np.sqrt(leverage + 1)


def fitted(fit: Fit, x: Floats, y: Floats) -> Fitted:
    """Least squares, its errors by the Jacobian at the best parameters."""
    mean, values = fit(x, y)
    slopes = jacobian(mean, values, x)
    freedom = len(y) - len(values)
    residuals = y - mean(values, x)
    error = float(np.sqrt(residuals @ residuals / freedom)) if freedom > 0 else None
    return Fitted(mean, values, np.linalg.pinv(slopes.T @ slopes), error, freedom)


def jacobian(mean: Mean, values: Floats, x: Floats) -> Floats:
    """Derivatives by the parameters, (points, parameters), by central differences."""
    steps = 1e-5 * np.maximum(np.abs(values), 0.01)
    shifts = zip(np.diag(steps), steps, strict=True)
    columns = [
        (mean(values + shift, x) - mean(values - shift, x)) / (2 * step) for shift, step in shifts
    ]
    return np.stack(columns, axis=1)


class PerStep:
    """A mean function fitted to the models' accuracies at each step asked, by itself."""

    def __init__(self, fit: Fit, curves: Curves, _image_share: float) -> None:
        self.fit = fit
        self.curves = curves
        self.parameters = np.array([curve.model.parameters for curve in curves], float)
        self.fits: dict[float, Fitted] = {}

    def at(self, step: float) -> Fitted:
        if step not in self.fits:
            measured = [accuracy_at(curve, np.array(step)) for curve in self.curves]
            self.fits[step] = fitted(self.fit, self.x(self.parameters), np.array(measured))
        return self.fits[step]

    def x(self, sizes: Floats) -> Floats:
        return np.asarray(np.log(sizes / self.parameters.min()))

    def accuracy(self, size: float, step: float) -> Interval:
        known, x = self.at(step), self.x(np.array([size]))
        best, errors = float(known.at(x)[0]), known.errors(x)
        if errors is None:
            return None, best, None
        reach = float(stdtrit(known.freedom, (1 + CONFIDENCE) / 2) * errors[1][0])
        return best - reach, best, best + reach

    def sizes(self, step: float, target: float) -> Answer:
        """By test inversion; best: the smallest size whose mean reaches the target."""
        largest = float(self.parameters.max())
        sought = np.geomspace(SOUGHT[0] * self.parameters.min(), SOUGHT[1] * largest, 2000)
        known, x = self.at(step), self.x(sought)
        mean, errors = known.at(x), known.errors(x)
        best = first(mean >= target)
        named = best is not None and sought[best] <= LARGEST_NAMED * largest
        if errors is None:
            return Answer(named, best=size_at(sought, best))
        two_sided, one_sided = stdtrit(known.freedom, ((1 + CONFIDENCE) / 2, CONFIDENCE))
        start = len(x) - 1 if best is None else best
        low = after_last(mean + two_sided * errors[0] < target, start)
        high = first(mean - two_sided * errors[0] >= target, start)
        recommended = first(mean - one_sided * errors[1] >= target, start) if named else None
        at = partial(size_at, sought)
        return Answer(named, at(low), at(best), at(high), at(recommended), at(low))


def first(where: Floats, start: int = 0) -> int | None:
    """The first index from `start` on that holds."""
    return start + int(where[start:].argmax()) if where[start:].any() else None


def after_last(where: Floats, end: int) -> int:
    """The index after the last one up to `end` that holds, at most `end`."""
    holding = np.flatnonzero(where[: end + 1])
    return min(end, int(holding[-1]) + 1) if len(holding) else 0


def size_at(sizes: Floats, index: int | None) -> float | None:
    return None if index is None else float(sizes[index])


def log_linear(values: Floats, x: Floats) -> Floats:
    return np.asarray(values[0] + values[1] * x)


def fit_log_linear(x: Floats, y: Floats) -> tuple[Mean, Floats]:
    """Accuracy as a straight line in ln N."""
    return log_linear, np.polyfit(x, y, 1)[::-1]


def logit_linear(values: Floats, x: Floats) -> Floats:
    return np.asarray(expit(values[0] + values[1] * x))


def fit_logit_linear(x: Floats, y: Floats) -> tuple[Mean, Floats]:
    """The logit of accuracy as a straight line in ln N, least squares in accuracy."""
    start = np.polyfit(x, logit(np.clip(y, 1e-4, 1 - 1e-4)), 1)[::-1]
    return logit_linear, refined(logit_linear, start, x, y)


def refined(
    mean: Mean,
    start: Floats,
    x: Floats,
    y: Floats,
    low: Floats | float = -np.inf,
    high: Floats | float = np.inf,
) -> Floats:
    """Least squares from a start, between bounds of the parameters."""
    from scipy.optimize import least_squares

    def residuals(values: Floats) -> Floats:
        return mean(values, x) - y

    return np.asarray(least_squares(residuals, start, bounds=(low, high), max_nfev=100).x)


def power(values: Floats, x: Floats) -> Floats:
    """A - B N^-rate."""
    return np.asarray(values[0] - values[1] * np.exp(-values[2] * x))


def fit_power(x: Floats, y: Floats) -> tuple[Mean, Floats]:
    """A power law with a ceiling; ceiling and gain are linear at each of many rates."""

    def solved(rate: float) -> tuple[float, Floats]:
        terms = np.stack([np.ones_like(x), -np.exp(-rate * x)], axis=1)
        linear = np.linalg.lstsq(terms, y, rcond=None)[0]
        return float(np.sum((y - terms @ linear) ** 2)), np.array([*linear, rate])

    rates = np.geomspace(0.01, 3, 40)
    start = min((solved(rate) for rate in rates), key=lambda fit: fit[0])[1]
    low, high = np.array([-np.inf, -np.inf, 0.005]), np.array([np.inf, np.inf, 5])
    return power, refined(power, start, x, y, low, high)


def broken(values: Floats, x: Floats) -> Floats:
    """One minus a + b N^-c0 (1 + (N/d)^(1/f))^(-c1 f); the error falls as N^-before, N^-after.

    Parameters: a, b, before = c0, after = c0 + c1, ln d and f, in units of x.
    """
    floor, height, before, after, place, sharpness = values
    past = sharpness * np.logaddexp(0, (x - place) / sharpness)
    return np.asarray(1 - floor - height * np.exp(-before * x - (after - before) * past))


def fit_broken(x: Floats, y: Floats) -> tuple[Mean, Floats]:
    """A smoothly broken power law of the error with one break, from the best of many starts.

    Caballero et al. 2022, arXiv:2210.14891, Eq. 1 with n = 1, all parameters at least zero. Floor
    and height are the best ones at each start; the two best starts are refined.
    """
    from scipy.optimize import nnls

    span = float(x.max())

    def start(*shape: float) -> tuple[float, Floats]:
        term = 1 - broken(np.array([0, 1, *shape]), x)
        linear, distance = nnls(np.stack([np.ones_like(x), term], axis=1), 1 - y)
        return distance, np.array([*linear, *shape])

    rates, places = (0.05, 0.2, 0.5), (0.3 * span, 0.6 * span, 0.9 * span)
    starts = [start(*shape) for shape in product(rates, rates, places, (0.1, 0.5))]
    low = np.array([0, 0, 0, 0, 0, 0.02])
    high = np.array([1, np.inf, 3, 3, 1.5 * span, 3])
    fits = [
        refined(broken, np.clip(values, low + 1e-9, high - 1e-9), x, y, low, high)
        for _, values in sorted(starts, key=lambda fit: fit[0])[:2]
    ]
    return broken, min(fits, key=lambda values: float(np.sum((broken(values, x) - y) ** 2)))


COMPETITORS: dict[str, Callable[[Curves, float], Forecaster]] = {
    "sizer": Sizer,
    "repeat": Repeat,
    "power": partial(PerStep, fit_power),
    "log-linear": partial(PerStep, fit_log_linear),
    "logit-linear": partial(PerStep, fit_logit_linear),
    "broken power": partial(PerStep, fit_broken),
}
