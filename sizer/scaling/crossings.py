"""From noise curves to level crossings and transition widths: the level-set method of the paper.

A curve is made monotone (isotonic regression), then cut at levels of the order parameter. A level
that the measured range does not cross is censored, never extrapolated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizer.errors import UsageError
from sizer.estimate import CONFIDENCE, Estimate
from sizer.noise import NoiseSchedule
from sizer.progress import Progress, ignore_progress
from sizer.scaling.choices import Control, LevelSet, OrderParameter
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
Pair = tuple[float, float]
Censoring = Literal["below", "above"]
ControlOfStep = Callable[[Floats], Floats]

# equally distant from one half, as in the paper's section IV
EQUIDISTANT: tuple[Pair, ...] = ((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6))
# the logarithmic nest of its Fig. 1: 2^-i from either end, i = 2..5
LOGARITHMIC: tuple[Pair, ...] = tuple((2.0**-i, 1 - 2.0**-i) for i in range(2, 6))
REPLICATES = 200
BLOCK = 2**20  # counts that are resampled at a time
CENSORED_SHARE = 0.05  # of the replicates, above which an interval has no bound


@dataclass(frozen=True, slots=True)
class LevelCrossing:
    """Where a curve crosses a level, in the control variable.

    censored: `below` if the level was already passed at the first measured step, `above` if it
    was not reached by the last; `at` then holds None.
    """

    model: str
    level: float
    at: Estimate
    censored: Censoring | None = None


@dataclass(frozen=True, slots=True)
class Width:
    """Distance between the crossings of a pair of levels; None where either is censored."""

    model: str
    parameters: int
    levels: Pair
    width: Estimate


@dataclass(frozen=True, slots=True)
class Cut:
    """How curves are cut: which accuracy, against which noise variable, at which levels."""

    order_parameter: OrderParameter = "normalised"
    control: Control = "step"
    levels: LevelSet = "equidistant"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Levels between which widths are taken, lower and upper."""
        return EQUIDISTANT if self.levels == "equidistant" else LOGARITHMIC


def control_of_step(control: Control, schedule: NoiseSchedule | None) -> ControlOfStep:
    """The control variable as a function of step (n,); of a schedule where it takes one.

    Raises UsageError, when it is called, where there is no schedule to take.
    """

    def needs_schedule(_steps: Floats) -> Floats:
        raise UsageError(f"--control {control} needs steps of a noise schedule; take step")

    functions: dict[Control, ControlOfStep] = {
        "step": np.asarray,
        "log-step": np.log,
        "beta": schedule.beta if schedule else needs_schedule,
        "log-snr": schedule.log_snr if schedule else needs_schedule,
    }
    return functions[control]


def order_parameter(accuracy: Floats, chance: float, kind: OrderParameter) -> Floats:
    """Accuracy as an order parameter; the last axis is noise, its first entry the cleanest.

    raw: acc. chance-corrected: (acc - c) / (1 - c). normalised: (acc - c) / (acc_clean - c),
    because small models never reach 0.9 raw.
    """
    if kind == "raw":
        return accuracy
    clean = accuracy[..., :1] if kind == "normalised" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((accuracy - chance) / (clean - chance))


def cut_curves(
    curves: Sequence[NoiseCurve],
    cut: Cut = Cut(),
    schedule: NoiseSchedule | None = None,
    progress: Progress = ignore_progress,
) -> tuple[tuple[LevelCrossing, ...], tuple[Width, ...]]:
    """Crossings of all levels, ascending, and widths of all pairs of them, on every curve."""
    levels = sorted({level for pair in cut.pairs for level in pair})
    control = control_of_step(cut.control, schedule)
    crossed: list[LevelCrossing] = []
    wide: list[Width] = []
    for i, curve in enumerate(curves):
        progress(i, len(curves))
        at = _crossings(curve, levels, cut.order_parameter, control)
        crossed += _level_crossings(curve, levels, at)
        wide += _widths(curve, levels, cut.pairs, at)
    progress(len(curves), len(curves))
    return tuple(crossed), tuple(wide)


def crossings(
    curve: NoiseCurve,
    levels: Sequence[float],
    kind: OrderParameter = "normalised",
    control: ControlOfStep = np.asarray,
) -> list[LevelCrossing]:
    """Where the curve crosses each level, with a 90 % interval from resampled counts."""
    return _level_crossings(curve, levels, _crossings(curve, levels, kind, control))


def widths(
    curve: NoiseCurve,
    pairs: Sequence[Pair] = EQUIDISTANT,
    kind: OrderParameter = "normalised",
    control: ControlOfStep = np.asarray,
) -> list[Width]:
    """Distance |t(a_up) - t(a_low)| of each level pair, with a 90 % interval."""
    levels = [level for pair in pairs for level in pair]
    return _widths(curve, levels, pairs, _crossings(curve, levels, kind, control))


def _level_crossings(curve: NoiseCurve, levels: Sequence[float], at: Floats) -> list[LevelCrossing]:
    return [
        LevelCrossing(curve.model.name, level, estimate, _censoring(where))
        for level, estimate, where in zip(levels, _estimates(at), at[0], strict=True)
    ]


def _widths(
    curve: NoiseCurve, levels: Sequence[float], pairs: Sequence[Pair], at: Floats
) -> list[Width]:
    lower, upper = (at[:, [levels.index(pair[end]) for pair in pairs]] for end in (0, 1))
    with np.errstate(invalid="ignore"):  # both ends censored: no distance
        distance = np.abs(upper - lower)
    return [
        Width(curve.model.name, curve.size, pair, estimate)
        for pair, estimate in zip(pairs, _estimates(distance), strict=True)
    ]


def width_tolerance(widths: Sequence[Width]) -> float | None:
    """Half of the 90 % interval of a width, as a share of it: of the model worst off, whose widths
    are taken together by the mean over its pairs of levels.

    It bounds, for each model, the 90 % counting error of the mean logarithm of its widths, which is
    what the exponent is fitted to. Censored widths do not count; None where no width is left, or
    one has no interval.
    """
    shares: dict[str, list[float]] = {}
    for width in widths:
        value, low, high = width.width.value, width.width.low, width.width.high
        if value is None:
            continue
        if low is None or high is None or value == 0:
            return None
        shares.setdefault(width.model, []).append((high - low) / 2 / value)
    return max((float(np.mean(share)) for share in shares.values()), default=None)


def _crossings(
    curve: NoiseCurve, levels: Sequence[float], kind: OrderParameter, control: ControlOfStep
) -> Floats:
    """Crossings of the curve, and of resampled counts below it (1 + replicates, levels).

    A level below which the curve starts gives -inf, one it never reaches +inf. A point whose
    control variable is infinite (log t at step 0) sets the clean accuracy alone.
    """
    correct, trials = np.array(curve.correct), np.array(curve.trials)
    with np.errstate(divide="ignore"):
        position = control(np.array(curve.steps))
    finite = np.isfinite(position)
    random = np.random.default_rng(0)
    block = max(1, BLOCK // len(trials))

    def cut_rows(counts: NDArray[np.int64]) -> Floats:
        order = order_parameter(_falling(counts, trials), curve.chance, kind)[:, finite]
        return np.stack([_cut(order, position[finite], level) for level in levels], axis=1)

    cuts = [cut_rows(correct[None])]
    for first in range(0, REPLICATES, block):
        rows = min(block, REPLICATES - first)
        cuts.append(cut_rows(random.binomial(trials, correct / trials, (rows, len(trials)))))
    return np.concatenate(cuts)


def _falling(correct: NDArray[np.int64], trials: NDArray[np.int64]) -> Floats:
    """The nearest falling accuracy to each row of counts (rows, points): isotonic regression.

    All rows are one long curve for it, each so far below the one before that none disturbs
    another; of what it pools, the accuracy is counted anew.
    """
    from scipy.optimize import isotonic_regression

    below = 2.0 * np.arange(len(correct))[:, None]
    weights = np.tile(trials, len(correct))
    curve = (correct / trials - below).ravel()
    blocks = isotonic_regression(curve, weights=weights, increasing=False).blocks
    first, length = blocks[:-1], np.diff(blocks)
    pooled = np.add.reduceat(correct.ravel(), first) / np.add.reduceat(weights, first)
    return np.asarray(np.repeat(pooled, length).reshape(correct.shape))


def _cut(order: Floats, position: Floats, level: float) -> Floats:
    """Where each falling row (rows, points) has the level, linear between its points."""
    after = (order >= level).sum(axis=1)  # the first point below the level
    at = np.where(after == 0, -np.inf, np.inf)
    at[~np.isfinite(order).all(axis=1)] = np.inf  # no better than chance without noise: no scale
    row = np.flatnonzero((after > 0) & (after < order.shape[1]) & np.isfinite(order).all(axis=1))
    right, left = after[row], after[row] - 1
    high, low = order[row, left], order[row, right]
    share = (high - level) / (high - low)
    at[row] = position[left] + share * (position[right] - position[left])
    return at


def _censoring(at: float) -> Censoring | None:
    if np.isfinite(at):
        return None
    return "above" if at > 0 else "below"


def _estimates(at: Floats) -> list[Estimate]:
    """The first row of `at` with percentile intervals of the others, widened to hold it.

    No interval where resampled curves often leave the measured range.
    """
    replicates = np.sort(np.where(np.isfinite(at[1:]), at[1:], np.inf), axis=0)
    usable = np.isfinite(replicates).sum(axis=0)
    low, high = (
        _quantiles(replicates, usable, share)
        for share in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    )
    bounded = usable >= (1 - CENSORED_SHARE) * len(replicates)
    return [
        Estimate(None)
        if not np.isfinite(value)
        else Estimate(float(value), min(value, lower), max(value, upper))
        if known
        else Estimate(float(value))
        for value, lower, upper, known in zip(
            at[0].tolist(), low.tolist(), high.tolist(), bounded.tolist(), strict=True
        )
    ]


def _quantiles(ascending: Floats, counts: NDArray[np.int64], share: float) -> Floats:
    """Quantile of the first `counts` values of each column, linear between neighbours."""
    place = share * np.maximum(counts - 1, 0)
    lower = np.floor(place).astype(int)
    upper = np.minimum(lower + 1, np.maximum(counts - 1, 0))
    columns = np.arange(ascending.shape[1])
    low, high = ascending[lower, columns], ascending[upper, columns]
    with np.errstate(invalid="ignore"):  # no value in the column
        return np.asarray(low + (place - lower) * (high - low))
