"""Which cells to measure next, from the curves so far: pure functions of results.

Only what was measured decides: a plan that was stopped goes on as if it had not been. Steps are
whole numbers.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression

from sizer.scaling.crossings import LevelCrossing, Width
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
UNIT = 500  # images by which a measurement grows: a multiple of the length of any block
GROWTH = 4  # at most, from one round to the next: what few images promise is uncertain
FALL = 1 / 8  # of the mean curve's whole fall, between two steps that all models share
INTERPOLATED = 0.05  # of a width, at most, between the measured steps on both sides of a crossing


def shared_steps(curves: Sequence[NoiseCurve]) -> tuple[float, ...]:
    """The steps of curves measured at the same steps, and more where the mean curve falls fast.

    No two neighbours are then further apart than an eighth of the fall, as far as a straight line
    between the measured ones tells.
    """
    accuracy = np.mean([np.divide(curve.correct, curve.trials) for curve in curves], axis=0)
    falling = np.minimum.accumulate(accuracy)
    whole = max(float(falling[0] - falling[-1]), 1e-12)
    steps = curves[0].steps
    parts = [max(1, ceil(fall / whole / FALL - 1e-9)) for fall in -np.diff(falling)]
    between = [
        round(low + (high - low) * i / count)
        for (low, high), count in zip(pairwise(steps), parts, strict=True)
        for i in range(1, count)
    ]
    return tuple(sorted({*steps, *map(float, between)}))


def steps_around(
    curve: NoiseCurve,
    crossings: Sequence[LevelCrossing],
    widths: Sequence[Width],
    control_of_step: Callable[[Floats], Floats],
) -> tuple[float, ...]:
    """New steps that close in on the crossings of a curve; none once all are closed in on.

    Two steps that are 5 % of the width of the crossing's own pair of levels apart, one on either
    side. The curve then tells whether the crossing is between them: ask again until it is.
    """
    limit = {
        level: INTERPOLATED * width.width.value
        for width in widths
        if width.model == curve.model.name and width.width.value is not None
        for level in width.levels
    }
    steps = np.array(curve.steps)
    with np.errstate(divide="ignore"):
        control = control_of_step(steps)
    finite = np.isfinite(control)
    falling = isotonic_regression(
        np.divide(curve.correct, curve.trials), weights=curve.trials, increasing=False
    ).x
    wanted: set[float] = set()
    for crossing in crossings:
        at = crossing.at.value
        if crossing.model == curve.model.name and at is not None and crossing.level in limit:
            points = steps[finite], falling[finite], control[finite]
            wanted |= _closer(*points, at, limit[crossing.level])
    return tuple(sorted(wanted))


def _closer(steps: Floats, falling: Floats, control: Floats, at: float, limit: float) -> set[float]:
    """Whole steps between those on both sides of `at`, none if those are near enough.

    `at` is where a straight line between the two crosses; the new steps go where a smooth curve
    through all points is as high. The control variable rises or falls with the step.
    """
    sign = 1.0 if control[-1] > control[0] else -1.0
    after = int(np.searchsorted(sign * control, sign * at, side="left"))
    if after == 0 or control[after] == at:
        return set()
    low, high = float(steps[after - 1]), float(steps[after])
    distance = abs(float(control[after] - control[after - 1]))
    if high - low <= 1 or distance <= limit:
        return set()
    share = abs(at - float(control[after - 1])) / distance
    height = falling[after - 1] + share * (falling[after] - falling[after - 1])
    inside = np.arange(low, high + 1)
    where = float(np.interp(-height, -PchipInterpolator(steps, falling)(inside), inside))
    reach = max(1, floor((high - low) * limit / distance))
    if where - low <= reach:
        return {low + reach}
    if high - where <= reach:
        return {high - reach}
    first = float(round(where - reach / 2))
    return {first, first + reach}


def images_next(used: int, available: int, reached: float | None, wanted: float) -> int:
    """How many images the next round uses: `used` again if the tolerance is reached.

    reached: of the images used, None if it is not known; it falls with their square root.
    """
    if wanted == 0:
        return available
    if reached is not None and reached <= wanted:
        return used
    share = GROWTH if reached is None else min((reached / wanted) ** 2, GROWTH)
    return min(available, UNIT * max(ceil(used * share / UNIT), used // UNIT + 1))
