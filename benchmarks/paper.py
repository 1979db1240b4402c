"""The paper's Fig. 4 on measured ladders: exponents of the width by level pair and by control.

python benchmarks/paper.py calibration/cifar100-clean.json
"""

import argparse
from itertools import product
from pathlib import Path
from typing import get_args

from sizer.errors import SizerError
from sizer.files import read_calibration
from sizer.pipeline import CutChoice, fit_file
from sizer.report import interval, number, width_rows
from sizer.results import Calibration, Control, LevelSet


def rows(path: Path, control: Control, levels: LevelSet) -> list[tuple[str, ...]]:
    """Control, level pair, exponent with its 90 % interval, and the number of widths."""
    try:
        found = fit_file(path, CutChoice("normalised", control, levels))
    except SizerError as error:
        return [(control, levels, str(error), "-")]
    return [(control, *row) for row in width_rows(found)]


def collapse(calibration: Calibration) -> str:
    found = calibration.collapse
    if found is None:
        return "no collapse"
    return (
        f"collapse: t_c {interval(found.critical_step)}, 1/nu {interval(found.inverse_nu)}, "
        f"lambda {interval(found.lambda_)}, quality {number(found.quality)}: {found.verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calibrations", nargs="+", type=Path)
    for path in parser.parse_args().calibrations:
        print(
            f"\n{path.stem}\n\n| control | levels | exponent (90 %) | widths |\n|---|---|---|---|"
        )
        for control, levels in product(get_args(Control), get_args(LevelSet)):
            for row in rows(path, control, levels):
                print(f"| {' | '.join(row)} |", flush=True)
        print(f"\n{collapse(read_calibration(path))}")


if __name__ == "__main__":
    main()
