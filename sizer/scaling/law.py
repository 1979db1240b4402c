"""What a scaling law is: accuracy as a function of size N and noise step t.

Sizes enter as x = ln(N / N0), N0 the geometric mean of the fitted sizes, which keeps the
parameters of a law nearly uncorrelated and of order one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sizer.noise import schedule_named
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
Surface = Callable[[Floats], Floats]  # a law's parameters to its accuracy at certain points
DERIVATIVE_STEP = 1e-5  # relative, of central differences
LARGEST_LOG = 100.0  # of a noise step, in any unit: beyond it, ratios of steps overflow
UNBOUNDED = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Context:
    """What a law needs beside its parameters.

    knots: steps at which smooth coefficients are defined. reference_size: N0, parameters. noise:
    of steps (n,), the standard deviation of the noise over that of the image, or what the steps are
    where they are of no schedule.
    """

    chance: float
    knots: tuple[float, ...]
    reference_size: float
    noise: Callable[[Floats], Floats] = np.asarray


def noise_ratio(schedule: str | None) -> Callable[[Floats], Floats]:
    """What `Context.noise` is for the steps of a schedule, by its name."""
    if schedule is None:
        return np.asarray
    log_snr = schedule_named(schedule).log_snr
    return lambda steps: np.asarray(np.exp(-log_snr(steps) / 2))


@dataclass(frozen=True, slots=True)
class Points:
    """All counts of a ladder as flat arrays (n,); `model` numbers the trained models."""

    x: Floats
    steps: Floats
    correct: Floats
    trials: Floats
    model: NDArray[np.int64]

    @property
    def observed(self) -> Floats:
        """Measured accuracy, (n,)."""
        return np.asarray(self.correct / self.trials)


@dataclass(frozen=True, slots=True)
class Law:
    """A named surface; each is one file of `sizer.scaling.laws`.

    names: its parameters, in order, given the number of knots.
    at: (x, steps, context), x and steps (n,), to the accuracy there as a function of the
    parameters (k,), or of many sets of them (k, m) to (m, n). What does not depend on the
    parameters is worked out once.
    starts: sets of parameters (k,) from which a fit to points may begin, in any order.
    bounds: between which a parameter is sought, where it is not any number.
    """

    name: str
    equation: str
    names: Callable[[int], tuple[str, ...]]
    at: Callable[[Floats, Floats, Context], Surface]
    starts: Callable[[Points, Context], list[Floats]]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def limits(self, names: Sequence[str]) -> Floats:
        """Lower and upper bounds of these parameters, (k, 2)."""
        return np.array([self.bounds.get(name, UNBOUNDED) for name in names])


def points_of(curves: Sequence[NoiseCurve], reference_size: float) -> Points:
    lengths = [len(curve.steps) for curve in curves]
    return Points(
        x=np.repeat(np.log([curve.size / reference_size for curve in curves]), lengths),
        steps=np.concatenate([np.array(curve.steps, dtype=float) for curve in curves]),
        correct=np.concatenate([np.array(curve.correct, dtype=float) for curve in curves]),
        trials=np.concatenate([np.array(curve.trials, dtype=float) for curve in curves]),
        model=np.repeat(np.arange(len(curves)), lengths),
    )


def derivatives(function: Surface, values: Floats) -> Floats:
    """Central differences of a function of (k,) to (n,), shape (n, k).

    It is called once, with many sets of values (k, m) at the same time.
    """
    reach = DERIVATIVE_STEP * np.maximum(1e-3, np.abs(values))
    moved = values[:, None] + np.hstack([np.diag(reach), -np.diag(reach)])
    up, down = np.split(function(moved), 2)
    return np.asarray(((up - down) / (2 * reach[:, None])).T)


def positive(log: Floats) -> Floats:
    """The exponential, neither zero nor infinite wherever a search for the best values wanders."""
    return np.asarray(np.exp(np.clip(log, -LARGEST_LOG, LARGEST_LOG)))


def middle_and_width(points: Points, chance: float) -> tuple[float, float]:
    """Steps from which the mean curve has half of its height, and from there to a quarter."""
    half, quarter = (_mean_crossing(points, chance, level) for level in (0.5, 0.25))
    return half, max(quarter - half, 1e-3 * half)


def _mean_crossing(points: Points, chance: float, level: float) -> float:
    """Step at which the accuracy, averaged over models, has fallen to a share of its start.

    Positive, though a curve that starts below chance has fallen at once.
    """
    steps, place = np.unique(points.steps, return_inverse=True)
    mean = np.bincount(place, points.observed) / np.bincount(place) - chance
    below = np.flatnonzero(mean < level * mean[0])
    if not below.size:
        return float(steps[-1])
    after = max(1, int(below[0]))
    share = (mean[after - 1] - level * mean[0]) / max(mean[after - 1] - mean[after], 1e-12)
    return float(steps[after - 1] + np.clip(share, 0.1, 1) * (steps[after] - steps[after - 1]))
