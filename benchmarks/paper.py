"""The paper's Fig. 4 on measured ladders: exponents of the width, and which control is straightest.

python benchmarks/paper.py calibration/cifar100-clean.json
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np

from sizer.calibration import Calibration, load
from sizer.errors import SizerError
from sizer.noise import schedule_named
from sizer.report.calibration import width_rows
from sizer.report.format import interval, number
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


def collapse(calibration: Calibration) -> str:
    found = calibration.collapse
    if found is None:
        return "no collapse"
    return (
        f"collapse: t_c {interval(found.critical_step)}, 1/nu {interval(found.inverse_nu)}, "
        f"lambda {interval(found.lambda_)}, quality {number(found.quality)}: {found.verdict}"
    )


def show(headings: Sequence[str], table: Sequence[Sequence[str]]) -> None:
    for line in (headings, ["---"] * len(headings), *table):
        print(f"| {' | '.join(line)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calibrations", nargs="+", type=Path)
    for path in parser.parse_args().calibrations:
        calibration = load(path)
        print(f"\n{path.stem}\n")
        every = product(get_args(Control), get_args(LevelSet))
        show(
            ("control", "levels", "exponent (90 %)", "widths"),
            [row for control, levels in every for row in rows(calibration, control, levels)],
        )
        show(
            (
                *("control", "effect of size", "R²", "about the law", "between seeds"),
                *("about / seeds", "effect / seeds"),
            ),
            [straight_row(calibration, control) for control in get_args(Control)],
        )
        print(collapse(calibration))


if __name__ == "__main__":
    main()
