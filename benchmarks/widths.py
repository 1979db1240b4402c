"""Fig. 4 of the paper on measured ladders: exponents of the width, and where it is straight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

import numpy as np

from sizer.calibration import Calibration
from sizer.errors import SizerError
from sizer.noise import schedule_named
from sizer.report.calibration import width_rows
from sizer.scaling.choices import Control, LevelSet
from sizer.scaling.crossings import Cut, Width, cut_curves
from sizer.scaling.width import fit_width_law


@dataclass(frozen=True)
class Straightness:
    """How a power law of N describes widths, in ln width.

    effect: what the law changes from the smallest size to the largest. r_squared: share of the
    variance within level pairs that it explains. about: standard deviation of the widths about
    it. seeds: between trainings of one size.
    """

    effect: float
    r_squared: float
    about: float
    seeds: float


def cut(calibration: Calibration, choice: Cut) -> tuple[Width, ...]:
    schedule = schedule_named(calibration.schedule) if calibration.schedule else None
    return cut_curves(calibration.curves, choice, schedule)[1]


def rows(calibration: Calibration, control: Control, levels: LevelSet) -> list[tuple[str, ...]]:
    """Control, level pair, exponent with its 90 % interval, and the number of widths."""
    try:
        found = cut(calibration, Cut("normalised", control, levels))
    except SizerError as error:
        return [(control, levels, str(error), "-")]
    law = fit_width_law(found, control)
    return [(control, *row) for row in width_rows(replace(calibration, width_law=law))]


def straightness(widths: Sequence[Width]) -> Straightness:
    """One slope for all level pairs, each with its own height."""
    usable = [width for width in widths if width.width.value]
    log_width = np.log([width.width.value or np.nan for width in usable])
    log_size = np.log([width.parameters for width in usable])
    pair = [str(width.levels) for width in usable]
    own, size = centred(log_width, pair), centred(log_size, pair)
    slope = float(own @ size / (size @ size))
    left = own - slope * size
    training = [f"{width.levels} {width.parameters}" for width in usable]
    luck = centred(log_width, training)
    return Straightness(
        effect=slope * float(np.ptp(log_size)),
        r_squared=1 - float(left @ left / (own @ own)),
        about=float(np.sqrt(left @ left / (len(usable) - len(set(pair)) - 1))),
        seeds=float(np.sqrt(luck @ luck / (len(usable) - len(set(training))))),
    )


def centred(values: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Less the mean of each group."""
    _, group = np.unique(groups, return_inverse=True)
    return np.asarray(values - (np.bincount(group, values) / np.bincount(group))[group])


def straight_row(calibration: Calibration, control: Control) -> tuple[str, ...]:
    found = straightness(cut(calibration, Cut("normalised", control, "equidistant")))
    return (
        control,
        f"{found.effect:+.3f}",
        f"{found.r_squared:.2f}",
        f"{found.about:.3f}",
        f"{found.seeds:.3f}",
        f"{found.about / found.seeds:.1f}",
        f"{abs(found.effect) / found.seeds:.1f}",
    )


def exponents(calibration: Calibration) -> str:
    """As Markdown: of every control and set of levels."""
    every = product(get_args(Control), get_args(LevelSet))
    headings = ("control", "levels", "exponent (90 %)", "widths")
    return table(
        headings, [row for control, levels in every for row in rows(calibration, control, levels)]
    )


def straightest(calibration: Calibration) -> str:
    """As Markdown: how straight the widths are in each control."""
    headings = (
        *("control", "effect of size", "R²", "about the law", "between seeds"),
        *("about / seeds", "effect / seeds"),
    )
    return table(headings, [straight_row(calibration, control) for control in get_args(Control)])


def table(headings: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = (headings, ["---"] * len(headings), *found)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
