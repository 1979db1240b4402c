"""What `sizer` has to beat: competitors of the league, and the interface that they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ladders import Floats, accuracy_at
from scipy.special import stdtrit

LARGEST_NAMED = 10.0  # times the largest measured size
SOUGHT = (0.1, 1000.0)  # of the smallest and the largest measured size
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


@dataclass(frozen=True)
class Repeat:
    """Every size measures what the largest did; it names no size."""

    curves: Sequence

    def accuracy(self, size: float, step: float) -> Interval:
        largest = max(curve.model.parameters for curve in self.curves)
        repeated = [
            accuracy_at(curve, np.array(step))
            for curve in self.curves
            if curve.model.parameters == largest
        ]
        return None, float(np.mean(repeated)), None

    def sizes(self, step: float, target: float) -> Answer:
        return Answer(named=False)


def repeat(curves: Sequence, image_share: float = 1.0) -> Forecaster:
    return Repeat(curves)


@dataclass(frozen=True)
class Fitted:
    """A mean function of x = ln(N / smallest) fitted to one step, by least squares.

    mean: (x) to accuracies. jacobian: its derivatives, (points, parameters). error: standard
    deviation of the residuals, None where none are left to tell it.
    """

    mean: Callable[[Floats], Floats]
    jacobian: Callable[[Floats], Floats]
    inverse: Floats
    error: float | None
    freedom: int

    def bands(self, x: Floats, new_training: bool) -> Floats | None:
        """Standard errors of the mean, or of one more training's measurement."""
        if self.error is None:
            return None
        derivative = self.jacobian(x)
        spread = np.einsum("ij,jk,ik->i", derivative, self.inverse, derivative)
        return np.asarray(self.error * np.sqrt(np.maximum(spread, 0) + new_training))


Fit = Callable[[Floats, Floats], tuple[Callable[[Floats, Floats], Floats], Floats]]


class PerStep:
    """Fits a mean function to the models' accuracies at every step asked, for itself."""

    def __init__(self, curves: Sequence, fit: Fit) -> None:
        self.curves = curves
        self.fit = fit
        self.parameters = np.array([curve.model.parameters for curve in curves], float)
        self.fits: dict[float, Fitted] = {}

    def at(self, step: float) -> Fitted:
        if step not in self.fits:
            x = np.log(self.parameters / self.parameters.min())
            y = np.array([accuracy_at(curve, np.array(step)) for curve in self.curves])
            self.fits[step] = fitted(self.fit, x, y)
        return self.fits[step]

    def accuracy(self, size: float, step: float) -> Interval:
        x = np.log([size / self.parameters.min()])
        best = float(self.at(step).mean(x)[0])
        error = self.at(step).bands(x, new_training=True)
        if error is None:
            return None, best, None
        reach = float(stdtrit(self.at(step).freedom, 0.95) * error[0])
        return best - reach, best, best + reach

    def sizes(self, step: float, target: float) -> Answer:
        smallest, largest = self.parameters.min(), self.parameters.max()
        sought = np.geomspace(SOUGHT[0] * smallest, SOUGHT[1] * largest, 2000)
        x = np.log(sought / smallest)
        mean = self.at(step).mean(x)
        best = first_reaching(sought, mean, target)
        named = best is not None and best <= LARGEST_NAMED * float(largest)
        error = self.at(step).bands(x, new_training=False)
        if error is None:
            return Answer(named, best=best)
        reach = stdtrit(self.at(step).freedom, 0.95) * error
        low = first_reaching(sought, mean + reach, target)
        high = first_reaching(sought, mean - reach, target)
        one_sided = stdtrit(self.at(step).freedom, 0.9)
        next_training = one_sided * self.at(step).bands(x, new_training=True)
        recommended = first_reaching(sought, mean - next_training, target)
        return Answer(named, low, best, high, recommended if named else None, low)


def first_reaching(sizes: Floats, accuracy: Floats, target: float) -> float | None:
    """The smallest of the sizes that reaches the target."""
    reached = accuracy >= target
    return float(sizes[reached.argmax()]) if reached.any() else None


def fitted(fit: Fit, x: Floats, y: Floats) -> Fitted:
    """Residuals give the error, the Jacobian at the best parameters its propagation."""
    function, values = fit(x, y)

    def jacobian(points: Floats) -> Floats:
        steps = 1e-5 * np.maximum(np.abs(values), 1e-2)
        columns = [
            (function(values + shift, points) - function(values - shift, points)) / (2 * step)
            for shift, step in zip(np.diag(steps), steps, strict=True)
        ]
        return np.stack(columns, axis=1)

    freedom = len(y) - len(values)
    residuals = y - function(values, x)
    error = float(np.sqrt(residuals @ residuals / freedom)) if freedom > 0 else None
    inverse = np.linalg.pinv(jacobian(x).T @ jacobian(x))
    return Fitted(lambda points: function(values, points), jacobian, inverse, error, freedom)


def power_with_ceiling(values: Floats, x: Floats) -> Floats:
    """A - B exp(-rate x)."""
    return np.asarray(values[0] - values[1] * np.exp(-values[2] * x))


def fit_power(x: Floats, y: Floats) -> tuple[Callable[[Floats, Floats], Floats], Floats]:
    """Ceiling and gain are linear at every rate; the rate is the best of a grid, then refined."""
    from scipy.optimize import minimize_scalar

    def solve(log_rate: float) -> tuple[float, Floats]:
        design = np.stack([np.ones_like(x), -np.exp(-np.exp(log_rate) * x)], axis=1)
        linear = np.linalg.lstsq(design, y, rcond=None)[0]
        return float(np.sum((y - design @ linear) ** 2)), linear

    grid = np.linspace(np.log(0.01), np.log(3), 40)
    start = int(np.argmin([solve(rate)[0] for rate in grid]))
    bounds = grid[max(0, start - 1)], grid[min(len(grid) - 1, start + 1)]
    log_rate = minimize_scalar(lambda rate: solve(rate)[0], bounds=bounds, method="bounded").x
    return power_with_ceiling, np.array([*solve(log_rate)[1], np.exp(log_rate)])


def power(curves: Sequence, image_share: float = 1.0) -> Forecaster:
    return PerStep(curves, fit_power)


class Sizer:
    """The project's own estimator."""

    def __init__(self, curves: Sequence, image_share: float) -> None:
        from sizer.predict import Predictor

        self.predictor = Predictor(curves, image_share=image_share)
        self.largest = max(curve.model.parameters for curve in curves)

    def accuracy(self, size: float, step: float) -> Interval:
        return self.predictor.at(step).next_training(size)

    def sizes(self, step: float, target: float) -> Answer:
        low, best, high, recommended = self.predictor.at(step).sizes(target, confidence=0.9)
        named = best is not None and best <= LARGEST_NAMED * self.largest
        return Answer(named, low, best, high, recommended if named else None, low)


COMPETITORS: dict[str, Callable[[Sequence, float], Forecaster]] = {
    "sizer": Sizer,
    "repeat": repeat,
    "power": power,
}
