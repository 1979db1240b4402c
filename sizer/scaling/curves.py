"""What was measured: the accuracy of each model as a function of noise."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.estimate import GUESSING
from sizer.inference.records import ModelInfo

Floats = NDArray[np.float64]
LEAST_GROUPS, MOST_GROUPS = 24, 200  # of neighbouring steps, into which very many are taken
MOST_POINTS = 20_000  # of all curves, from which on groups are made
MOST_CELLS = 200_000  # of one ladder
SHARED_STEPS = 8  # the fewest that stand for all steps: one a knot of a law


@dataclass(frozen=True, slots=True)
class Cell:
    """What one model got right at one noise step, with macro-averaged scores where known."""

    model: str
    step: float
    correct: int
    trials: int
    macro_f1: float | None = None
    macro_precision: float | None = None
    macro_recall: float | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class NoiseCurve:
    """Counts of one model against noise, steps ascending; `chance` is a guesser's accuracy."""

    model: ModelInfo
    chance: float
    steps: tuple[float, ...]
    correct: tuple[int, ...]
    trials: tuple[int, ...]

    @property
    def size(self) -> int:
        """Parameters of the model."""
        return self.model.parameters

    @property
    def accuracy(self) -> Floats:
        """Share of the trials that were right, (steps,)."""
        return np.divide(self.correct, self.trials)

    @property
    def variance(self) -> Floats:
        """Binomial variance of the accuracy, p (1 - p) / trials, (steps,)."""
        return np.asarray(self.accuracy * (1 - self.accuracy) / self.trials)

    @property
    def guesses(self) -> bool:
        """Whether guessing explains the accuracy at the first step."""
        return bool(self.accuracy[0] <= best_guess(self.chance, self.trials[0]))

    def accuracy_at(self, step: float) -> float:
        """The accuracy at a step within the measured ones: a cubic through the two measured steps
        on each side of it, kept between its neighbours; straight where only two are there.
        """
        accuracy, last = self.accuracy, len(self.steps) - 1
        right = int(np.searchsorted(self.steps, step))
        if right > last or self.steps[right] == step or right == 0:
            return float(accuracy[min(right, last)])
        near = slice(max(0, right - 2), right + 2)
        neighbours = accuracy[right - 1 : right + 1]
        value = _through(np.array(self.steps[near]), accuracy[near], step)
        return float(np.clip(value, neighbours.min(), neighbours.max()))

    def at(self, steps: Collection[float]) -> "NoiseCurve":
        """The curve at those of its steps that are among `steps`."""
        kept = [i for i, step in enumerate(self.steps) if step in steps]
        return replace(
            self,
            steps=tuple(self.steps[i] for i in kept),
            correct=tuple(self.correct[i] for i in kept),
            trials=tuple(self.trials[i] for i in kept),
        )


def _through(steps: Floats, values: Floats, step: float) -> float:
    """Lagrange's polynomial through a few points, at a step."""
    apart = np.subtract.outer(steps, steps) + np.eye(len(steps))
    others = (step - steps) + np.zeros_like(apart)
    np.fill_diagonal(others, 1.0)
    return float((values * (others / apart).prod(axis=1)).sum())


def best_guess(chance: float, trials: int) -> float:
    """The highest accuracy that guessing explains."""
    return float(chance + GUESSING * np.sqrt(chance * (1 - chance) / trials))


def curves_of(
    models: Sequence[ModelInfo], cells: Sequence[Cell], chance: float
) -> tuple[NoiseCurve, ...]:
    """Cells gathered into one curve a model, models in order of size."""
    by_model: dict[str, list[Cell]] = {model.name: [] for model in models}
    for cell in cells:
        by_model[cell.model].append(cell)
    return tuple(
        _curve(model, sorted(by_model[model.name], key=lambda cell: cell.step), chance)
        for model in sorted(models, key=lambda model: (model.parameters, model.name))
    )


def _curve(model: ModelInfo, cells: Sequence[Cell], chance: float) -> NoiseCurve:
    return NoiseCurve(
        model=model,
        chance=chance,
        steps=tuple(cell.step for cell in cells),
        correct=tuple(cell.correct for cell in cells),
        trials=tuple(cell.trials for cell in cells),
    )


def cells_of(curves: Sequence[NoiseCurve]) -> tuple[Cell, ...]:
    """The counts of all curves, one after the other."""
    return tuple(
        Cell(curve.model.name, *counts)
        for curve in curves
        for counts in zip(curve.steps, curve.correct, curve.trials, strict=True)
    )


def at_shared_steps(curves: Sequence[NoiseCurve]) -> tuple[NoiseCurve, ...]:
    """Curves at the steps that all of them have, which is where models are compared.

    Whole, where they share too few: a table need not hold common steps.
    """
    shared = common_steps(curves)
    if len(shared) < SHARED_STEPS:
        return tuple(curves)
    return tuple(curve.at(shared) for curve in curves)


def common_steps(curves: Sequence[NoiseCurve]) -> set[float]:
    """The steps that all curves have."""
    return set.intersection(*(set(curve.steps) for curve in curves))


def mean_accuracy(curves: Sequence[NoiseCurve], steps: Floats) -> Floats:
    """Of all curves at ascending steps (n,), on straight lines between their own: (n,)."""
    total = np.zeros(len(steps))
    for curve in curves:  # one by one: all at once are curves x steps numbers
        total += np.interp(steps, curve.steps, curve.accuracy)
    return total / len(curves)


def grouped(curves: Sequence[NoiseCurve]) -> tuple[NoiseCurve, ...]:
    """The curves, where they have very many steps with the counts of neighbouring ones added up.

    A fit then takes no longer, and loses nothing: a fall is still resolved by many points.
    """
    most = most_steps(len(curves))
    return tuple(_grouped(curve, most) if len(curve.steps) > most else curve for curve in curves)


def most_steps(models: int) -> int:
    """Of each of so many models, beyond which neighbouring steps are taken together."""
    return max(LEAST_GROUPS, min(MOST_GROUPS, MOST_POINTS // models))


def _grouped(curve: NoiseCurve, count: int) -> NoiseCurve:
    """In `count` groups of neighbouring steps, each at the mean of its steps."""
    steps, correct, trials = (
        [part.sum().item() for part in np.array_split(np.array(values), count)]
        for values in (curve.steps, curve.correct, curve.trials)
    )
    lengths = [len(part) for part in np.array_split(np.arange(len(curve.steps)), count)]
    means = (total / length for total, length in zip(steps, lengths, strict=True))
    return replace(curve, steps=tuple(means), correct=tuple(correct), trials=tuple(trials))


def sizes_of(curves: Sequence[NoiseCurve]) -> list[int]:
    """The different sizes, ascending, parameters."""
    return sorted({curve.size for curve in curves})
