"""Ladders that the league asks about, and the arithmetic of their measured curves."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.inference.records import ModelInfo
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
Curves = tuple[NoiseCurve, ...]


@dataclass(frozen=True)
class Ladder:
    """Measured models. image_share: of the counting variance, what all models have in common.

    last_step: the largest noise step that may be asked about, None where any may.
    """

    name: str
    curves: Curves
    image_share: float = 1.0
    last_step: float | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Parameters, ascending."""
        return tuple(sorted({curve.model.parameters for curve in self.curves}))

    @property
    def steps(self) -> Floats:
        """Steps that all models share, ascending."""
        shared = set.intersection(*(set(curve.steps) for curve in self.curves))
        return np.array(sorted(shared))

    def without(self, sizes: Iterable[int]) -> "Ladder":
        left_out = set(sizes)
        kept = (curve for curve in self.curves if curve.model.parameters not in left_out)
        return replace(self, curves=tuple(kept))

    def of_size(self, size: int) -> Curves:
        return tuple(curve for curve in self.curves if curve.model.parameters == size)


def accuracy_at(curve: NoiseCurve, steps: Floats) -> Floats:
    """Measured accuracy, between the measured steps by a monotone cubic (PCHIP)."""
    measured = np.divide(curve.correct, curve.trials)
    if len(curve.steps) == 1:
        return np.full(np.shape(steps), measured[0])
    from scipy.interpolate import PchipInterpolator

    inside = np.clip(steps, curve.steps[0], curve.steps[-1])
    return np.asarray(PchipInterpolator(curve.steps, measured)(inside))


def mean_accuracy(curves: Sequence[NoiseCurve], steps: Floats) -> Floats:
    """Mean over trainings."""
    return np.asarray(np.mean([accuracy_at(curve, steps) for curve in curves], axis=0))


def steps_of_fall(ladder: Ladder, count: int, deepest: float) -> Floats:
    """Whole steps at which equal shares of the mean curve's accuracy above chance are lost.

    From 0.03 lost to `deepest`, or to what is lost at the last step that may be asked about.
    """
    last = min(curve.steps[-1] for curve in ladder.curves)
    last = last if ladder.last_step is None else min(last, ladder.last_step)
    first = max(curve.steps[0] for curve in ladder.curves)
    grid = np.linspace(first, last, 1001)
    above = mean_accuracy(ladder.curves, grid) - ladder.curves[0].chance
    lost = np.maximum.accumulate(1 - above / above[0])
    shares = np.linspace(0.03, min(deepest, lost[-1]), count)
    return np.asarray(np.interp(shares, lost, grid).round())


def read_calibration(path: Path) -> Ladder:
    """A calibration file, without what was fitted to it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cells: dict[str, list[tuple[float, int, int]]] = {}
    for cell in content["cells"]:
        cells.setdefault(cell["model"], []).append((cell["step"], cell["correct"], cell["trials"]))
    curves = tuple(
        noise_curve(model["name"], model["parameters"], content["chance"], cells[model["name"]])
        for model in content["models"]
    )
    trained = re.fullmatch(r"noise \d+\.\.(\d+)", content["models"][0]["training"] or "")
    last = float(trained[1]) if trained else None
    return Ladder(path.stem, curves, content["image_share"], last)


def read_table(path: Path) -> Ladder:
    """A table of `model,parameters,step,correct,trials,chance`."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    models = {row["model"]: int(row["parameters"]) for row in rows}
    cells: dict[str, list[tuple[float, int, int]]] = {}
    for row in rows:
        cell = float(row["step"]), int(row["correct"]), int(row["trials"])
        cells.setdefault(row["model"], []).append(cell)
    chance = float(rows[0]["chance"])
    curves = (noise_curve(name, size, chance, cells[name]) for name, size in models.items())
    return Ladder(path.stem, tuple(curves))


def noise_curve(
    name: str, parameters: int, chance: float, cells: Iterable[tuple[float, int, int]]
) -> NoiseCurve:
    """A curve from its cells: step, correct, trials."""
    steps, correct, trials = zip(*sorted(cells), strict=True)
    return NoiseCurve(ModelInfo(name, "", parameters), chance, steps, correct, trials)
