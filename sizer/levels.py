"""From noise curves to level crossings and transition widths: the level-set method of the paper.

A curve is made monotone (isotonic regression), then cut at levels of the order parameter. A level
that the measured range does not cross is censored, never extrapolated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from sizer.errors import MeasurementError
from sizer.results import (
    Censoring,
    Control,
    Estimate,
    LevelCrossing,
    NoiseCurve,
    OrderParameter,
    Width,
)

Floats = NDArray[np.float64]
Pair = tuple[float, float]

# equally distant from one half, as in the paper's section IV
EQUIDISTANT: tuple[Pair, ...] = ((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6))
# the logarithmic nest of its Fig. 1: 2^-i from either end, i = 2..5
LOGARITHMIC: tuple[Pair, ...] = tuple((2.0**-i, 1 - 2.0**-i) for i in range(2, 6))
CONFIDENCE = 0.9
REPLICATES = 200
CENSORED_SHARE = 0.05  # of the replicates, above which an interval has no bound


@dataclass(frozen=True)
class LevelSettings:
    """How curves are cut: the order parameter, and the control variable as a function of step."""

    order_parameter: OrderParameter = "normalised"
    control: Control = "step"
    control_of_step: Callable[[Floats], Floats] = np.asarray


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


def crossings(
    curve: NoiseCurve, levels: Sequence[float], settings: LevelSettings
) -> tuple[LevelCrossing, ...]:
    """Where the curve crosses each level, with a 90 % interval from resampled counts."""
    at, replicates = _crossings(curve, levels, settings)
    return tuple(
        LevelCrossing(
            curve.model.name, level, _estimate(where, replicates[:, i]), _censoring(where)
        )
        for i, (level, where) in enumerate(zip(levels, at.tolist(), strict=True))
    )


def widths(
    curves: Sequence[NoiseCurve],
    pairs: Sequence[Pair] = EQUIDISTANT,
    settings: LevelSettings = LevelSettings(),
) -> tuple[Width, ...]:
    """Distance |t(a_up) - t(a_low)| of each level pair on each curve."""
    levels = [level for pair in pairs for level in pair]
    found = []
    for curve in curves:
        at, replicates = _crossings(curve, levels, settings)
        for i, pair in enumerate(pairs):
            with np.errstate(invalid="ignore"):  # both ends censored: no distance
                distance = abs(at[2 * i + 1] - at[2 * i])
                spread = np.abs(replicates[:, 2 * i + 1] - replicates[:, 2 * i])
            width = _estimate(float(distance), spread)
            found.append(Width(curve.model.name, curve.model.parameters, pair, width))
    return tuple(found)


def precision(found: Sequence[Width]) -> float | None:
    """Half of the 90 % interval of a width, as a share of it: of the model worst off, whose widths
    are taken together by the mean over its pairs of levels.

    It bounds, for each model, the 90 % counting error of the mean logarithm of its widths, which is
    what the exponent is fitted to. Censored widths do not count; None where no width is left, or
    one has no interval.
    """
    shares: dict[str, list[float]] = {}
    for one in found:
        value, low, high = one.width.value, one.width.low, one.width.high
        if value is None:
            continue
        if low is None or high is None or value == 0:
            return None
        shares.setdefault(one.model, []).append((high - low) / 2 / value)
    return max((float(np.mean(share)) for share in shares.values()), default=None)


def _crossings(
    curve: NoiseCurve,
    levels: Sequence[float],
    settings: LevelSettings,
    replicates: int = REPLICATES,
) -> tuple[Floats, Floats]:
    """Crossings (levels,) and those of resampled counts (replicates, levels).

    A level below which the curve starts gives -inf, one it never reaches +inf.
    """
    if len(curve.steps) < 2:
        raise MeasurementError(f"{curve.model.name}: needs two noise steps or more; measure more")
    correct, trials = np.array(curve.correct), np.array(curve.trials)
    with np.errstate(divide="ignore"):
        control = settings.control_of_step(np.array(curve.steps))
    random = np.random.default_rng(0)
    resampled = random.binomial(trials, correct / trials, (replicates, len(trials)))
    rows = np.array(
        [
            _cut(counts / trials, trials, curve.chance, control, levels, settings.order_parameter)
            for counts in (correct, *resampled)
        ]
    )
    return rows[0], rows[1:]


def _cut(
    accuracy: Floats,
    trials: NDArray[np.int64],
    chance: float,
    control: Floats,
    levels: Sequence[float],
    kind: OrderParameter,
) -> Floats:
    """Crossings of one curve, linear between its points.

    A point whose control variable is infinite (log t at step 0) sets the clean accuracy alone.
    """
    falling = isotonic_regression(accuracy, weights=trials, increasing=False).x
    order = order_parameter(np.asarray(falling), chance, kind)[np.isfinite(control)]
    position = control[np.isfinite(control)]
    if not np.all(np.isfinite(order)):  # no better than chance without noise: no scale to cut
        return np.full(len(levels), np.inf)
    after = np.searchsorted(-order, -np.asarray(levels), side="right")  # first point below a level
    at = np.where(after == 0, -np.inf, np.inf)
    inside = (after > 0) & (after < len(order))
    right, left = after[inside], after[inside] - 1
    share = (order[left] - np.asarray(levels)[inside]) / (order[left] - order[right])
    at[inside] = position[left] + share * (position[right] - position[left])
    return at


def _censoring(at: float) -> Censoring | None:
    if np.isfinite(at):
        return None
    return "above" if at > 0 else "below"


def _estimate(value: float, replicates: Floats) -> Estimate:
    """Percentile interval, widened to hold the value.

    No interval where resampled curves often leave the measured range.
    """
    if not np.isfinite(value):
        return Estimate(None)
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < (1 - CENSORED_SHARE) * len(replicates):
        return Estimate(value)
    low, high = np.quantile(usable, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, min(value, float(low)), max(value, float(high)))
