"""Many questions at once: what every requirement takes, and what one size does under any noise."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.calibration import Calibration
from sizer.prediction.accuracy import AccuracyRange, mean_accuracy
from sizer.prediction.advice import NAMED_RATIO, Verdict, answer
from sizer.prediction.forecast import Forecast
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import Requirement, askable_steps, ladder_of, refusal

Floats = NDArray[np.float64]
MOST_STEPS, MOST_TARGETS = 17, 31  # of the map
ABOVE = 1.08  # times the highest accuracy, the targets end
DENSE = 25  # steps of an outlook
BISECTIONS = 9  # to the largest step of a reach: within a five-hundredth of all


@dataclass(frozen=True, slots=True)
class MapCell:
    """One requirement: its verdict, and the size to train for it, where one is as sure as asked;
    one that is less sure counts as bounded.
    """

    verdict: Verdict
    recommended: int | None


@dataclass(frozen=True, slots=True)
class RequirementMap:
    """What each requirement takes: cells[i][j] is for targets[i] at steps[j], both ascending.

    largest: the largest trained size, beyond which answers are extrapolated. schedule: of the
    noise, by its name, None where its unit is another.
    """

    confidence: float
    steps: tuple[float, ...]
    targets: tuple[float, ...]
    cells: tuple[tuple[MapCell, ...], ...]
    largest: int = 0
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one size does at each noise step: the mean accuracy over trainings with its two-sided
    interval, and what the next training reaches, one-sided, all with one confidence.
    """

    parameters: int
    confidence: float
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    next_training: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """The most a size can do: its accuracy at the noise step asked about, and the largest step at
    which its next training still has the accuracy asked for, None where at no step. confidence: of
    both, and of its fitting the device. schedule: of the noise, by its name, None where its unit is
    another.
    """

    parameters: int
    confidence: float
    accuracy: AccuracyRange
    noise_step: float | None
    schedule: str | None = None


def reach(calibration: Calibration, requirement: Requirement, size: int) -> Reach | None:
    """What `size` parameters do; None where nothing is known at the step."""
    if refusal(calibration, requirement.noise_step) is not None:
        return None
    ladder = ladder_of(calibration)

    def reaches(step: float) -> bool:
        wanted = replace(requirement, noise_step=step)
        sizes = answer(ladder.at(step), wanted)[1] if ladder.spanning(step) else None
        if sizes is None or not sizes.as_sure_as(requirement.confidence):
            return False
        return sizes.recommended is not None and sizes.recommended <= size

    accuracy = mean_accuracy(ladder.at(requirement.noise_step), size, requirement.confidence)
    largest = _largest_step(reaches, *askable_steps(calibration))
    return Reach(size, requirement.confidence, accuracy, largest, calibration.schedule)


def _largest_step(reaches: Callable[[float], bool], first: float, last: float) -> float | None:
    """The largest step that is reached, by bisection: noise takes accuracy away."""
    if not reaches(first):
        return None
    if reaches(last):
        return last
    for _ in range(BISECTIONS):
        middle = (first + last) / 2
        first, last = (middle, last) if reaches(middle) else (first, middle)
    return first


def outlook(calibration: Calibration, size: int, confidence: float) -> Outlook:
    """What a size does over all noise that may be asked about."""
    ladder = ladder_of(calibration)
    steps = list(_steps(calibration, ladder, DENSE))
    shares = ((1 - confidence) / 2, (1 + confidence) / 2)
    curves = []
    for step in steps:
        seen = ladder.at(step).at(np.array([float(size)]))
        low, high = seen.quantiles(shares)[:, 0]
        next_training = seen.quantiles((1 - confidence,), training=True)[0, 0]
        curves.append((seen.expected()[0], low, high, next_training))
    columns = np.clip(np.array(curves).T, 0, 1)
    return Outlook(size, confidence, tuple(steps), *(tuple(column.tolist()) for column in columns))


def accuracies(
    calibration: Calibration, size: int, steps: Iterable[float], confidence: float
) -> tuple[AccuracyRange | None, ...]:
    """Of the mean over trainings of a size, at each step; None where nothing is known."""
    ladder = ladder_of(calibration)
    return tuple(
        None
        if refusal(calibration, step) is not None
        else mean_accuracy(ladder.at(step), size, confidence)
        for step in steps
    )


def requirement_map(calibration: Calibration, confidence: float) -> RequirementMap | None:
    """What `advise` answers at round steps and targets, from chance to just above every ceiling.

    None where no noise may be asked about.
    """
    first, last = askable_steps(calibration)
    if not first < last:
        return None
    ladder = ladder_of(calibration)
    steps = [step for step in _round_values(first, last, MOST_STEPS) if ladder.spanning(step)]
    top = np.array([NAMED_RATIO * ladder.sizes[-1]])
    highest = max(float(ladder.at(step).at(top).expected()[0]) for step in steps)
    possible = _round_values(0.0, min(1.0, highest * ABOVE), MOST_TARGETS)
    targets = [target for target in possible if calibration.chance < target < 1]
    columns = [_column(ladder.at(step), step, targets, confidence) for step in steps]
    return RequirementMap(
        confidence=confidence,
        steps=tuple(steps),
        targets=tuple(targets),
        cells=tuple(zip(*columns, strict=True)),
        largest=calibration.sizes[-1],
        schedule=calibration.schedule,
    )


def _column(
    forecast: Forecast, step: float, targets: list[float], confidence: float
) -> list[MapCell]:
    cells = []
    for target in targets:
        verdict, sizes = answer(forecast, Requirement(step, target, confidence))
        if verdict == "recommended" and sizes is not None and not sizes.as_sure_as(confidence):
            verdict = "bounded"
        named = sizes.recommended if sizes and verdict == "recommended" else None
        cells.append(MapCell(verdict, named))
    return cells


def _steps(calibration: Calibration, ladder: Predictor, count: int) -> Iterator[float]:
    """Evenly spaced steps that may be asked about, ascending."""
    for step in np.linspace(*askable_steps(calibration), count).tolist():
        if ladder.spanning(step):
            yield step


def _round_values(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within bounds, at most so many."""
    least = (high - low) / (most - 1)
    power = 10.0 ** np.floor(np.log10(least))
    apart = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    first, last = np.ceil(low / apart - 1e-9), np.floor(high / apart + 1e-9)
    values = np.round(np.arange(first, last + 1) * apart, 12) + 0.0  # without minus zero
    return [float(value) for value in values]
