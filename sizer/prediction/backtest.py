"""What a calibration without its largest sizes says of them, beside what was measured of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.calibration import Calibration, load
from sizer.errors import MeasurementError, UsageError
from sizer.estimate import CONFIDENCE
from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.advice import answer
from sizer.prediction.hold_outs import (
    AccuracyScore,
    BacktestScore,
    HoldOut,
    LadderBacktest,
    PredictedAccuracy,
    PredictedSize,
    SizeScore,
)
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import Requirement, askable_steps, ladder_of
from sizer.prediction.sizes import BELOW
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.backtests import first_reaching
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
HOLD_OUTS = (1, 2, 3)  # largest sizes left out, in turn
LEAST_LEFT = 3  # sizes to predict from
KEPT = 0.1  # of the clean accuracy above chance: with less, a model counts as guessing
SIZE_BUYS = 0.02  # accuracy per decade of size, below which no size can be told from accuracy
DECADE = 10.0  # of size: over which that is measured, and what a denied size counts as
DENSE = 400  # sizes of the grid on which the measured curves are inverted
MOST_STEPS = 40  # noise steps of a back-test


def backtest(
    calibration: Calibration | str | Path,
    *,
    hold_out: int | None = None,
    progress: ReportProgress = no_progress,
) -> LadderBacktest:
    """Leave out the `hold_out` largest sizes and predict them; None: 1, 2 and 3 in turn.

    Raises MeasurementError where the ladder has too few sizes, UsageError where too few are left.
    """
    calibration = load(calibration)
    counts = _hold_outs(len(calibration.sizes), hold_out)
    report = progress("leaving out the largest sizes")
    done: list[HoldOut] = []
    for count in counts:
        report(len(done), len(counts))
        done.append(_held_out(calibration, count))
    report(len(counts), len(counts))
    return LadderBacktest(calibration.chance, calibration.schedule, tuple(done))


def _hold_outs(sizes: int, wanted: int | None) -> tuple[int, ...]:
    most = sizes - LEAST_LEFT
    if most < 1:
        raise MeasurementError(
            f"{sizes} different sizes; a back-test needs {LEAST_LEFT + 1} or more: add models"
        )
    if wanted is None:
        return tuple(count for count in HOLD_OUTS if count <= most)
    if wanted > most:
        raise UsageError(
            f"--hold-out {wanted} leaves {max(0, sizes - wanted)} of {sizes} sizes, and a "
            f"prediction needs {LEAST_LEFT}: hold out at most {most}"
        )
    return (wanted,)


def _held_out(calibration: Calibration, count: int) -> HoldOut:
    ladder, sizes = ladder_of(calibration), calibration.sizes
    fitted, held = sizes[:-count], sizes[-count:]
    smaller = ladder.without(held)
    steps = _asked_steps(calibration)
    accuracies = tuple(
        point
        for curve in ladder.curves
        if curve.size in held
        for point in _accuracies(smaller, curve, steps)
    )
    predicted = _sizes(calibration, ladder, smaller, held, steps)
    scores = _scores(smaller, held, accuracies, predicted)
    return HoldOut(
        fitted=fitted,
        held=held,
        verdict=_verdict(scores[-1]),
        laws=tuple(test for test in calibration.backtests if test.hold_out == count),
        scores=scores,
        accuracies=accuracies,
        sizes=predicted,
    )


def _asked_steps(calibration: Calibration) -> list[float]:
    """The measured steps, or as many of them as a person wants to read."""
    steps = list(calibration.shared_steps)
    if len(steps) <= MOST_STEPS:
        return steps
    places = np.linspace(0, len(steps) - 1, MOST_STEPS).round().astype(int)
    return [steps[place] for place in places]


def _accuracies(
    smaller: Predictor, curve: NoiseCurve, steps: Sequence[float]
) -> list[PredictedAccuracy]:
    guessing = KEPT * (curve.accuracy[0] - curve.chance)
    points = []
    for step in steps:
        if not curve.steps[0] <= step <= curve.steps[-1] or not smaller.spanning(step):
            continue
        measured = curve.accuracy_at(step)
        points.append(
            PredictedAccuracy(
                model=curve.model.name,
                parameters=curve.size,
                step=step,
                predicted=training_accuracy(smaller.at(step), curve.size, CONFIDENCE),
                measured=measured,
                guessing=bool(measured - curve.chance <= guessing),
            )
        )
    return points


@dataclass(frozen=True, slots=True)
class _Measured:
    """Accuracy against size at one step, as measured: monotone, between the sizes PCHIP in ln N."""

    sizes: Floats
    reached: Floats

    @classmethod
    def at(cls, ladder: Predictor, step: float) -> "_Measured":
        """From the mean over trainings."""
        from scipy.interpolate import PchipInterpolator
        from scipy.optimize import isotonic_regression

        seen = ladder.observed(step)
        sizes, group, count = np.unique(seen.sizes, return_inverse=True, return_counts=True)
        rising = isotonic_regression(np.bincount(group, seen.accuracy) / count, weights=count).x
        dense = np.unique(np.append(np.geomspace(sizes[0], sizes[-1], DENSE), sizes))
        reached = PchipInterpolator(np.log(sizes), rising)(np.log(dense))
        return cls(dense, np.asarray(reached))

    def accuracy(self, size: float) -> float:
        return float(np.interp(np.log(size), np.log(self.sizes), self.reached))

    def needed(self, accuracy: float) -> int:
        """The smallest measured size that reaches what some measured size does, to a parameter."""
        return round(first_reaching(self.sizes, self.reached, accuracy) or self.sizes[0])

    def bought(self, size: float) -> float:
        """Accuracy per decade over the decade up to a size, or as much of one as was measured."""
        below = max(self.sizes[0], size / DECADE)
        gained = self.accuracy(size) - self.accuracy(below)
        return gained / float(np.log(size / below) / np.log(DECADE))


def _sizes(
    calibration: Calibration,
    ladder: Predictor,
    smaller: Predictor,
    held: Sequence[int],
    steps: Sequence[float],
) -> tuple[PredictedSize, ...]:
    """An answer for each held-out size and for the middle of the way to it, at every step that
    may be asked about, and where size still buys accuracy.
    """
    first, last = askable_steps(calibration)
    predicted = []
    for step in steps:
        whole = len(ladder.spanning(step)) == len(ladder.curves)
        if not first <= step <= last or not whole or not smaller.spanning(step):
            continue
        measured = _Measured.at(ladder, step)
        for before, size in zip((smaller.sizes[-1], *held), held, strict=False):
            if measured.bought(size) <= SIZE_BUYS:
                continue
            for wanted in (np.sqrt(before * size), size):
                target = measured.accuracy(wanted)
                needed = measured.needed(target)
                if needed > before and calibration.chance < target < 1:
                    predicted.append(_size(smaller, step, target, needed, size))
    return tuple(predicted)


def _size(
    smaller: Predictor, step: float, target: float, needed: int, held_out: int
) -> PredictedSize:
    verdict, sizes = answer(smaller.at(step), Requirement(step, target, CONFIDENCE))
    return PredictedSize(step, target, needed, held_out, verdict, sizes)


def _scores(
    smaller: Predictor,
    held: Sequence[int],
    accuracies: Sequence[PredictedAccuracy],
    sizes: Sequence[PredictedSize],
) -> tuple[BacktestScore, ...]:
    least, largest = smaller.sizes[0] / BELOW, smaller.sizes[-1]
    scores = [
        replace(
            _score(
                size / largest,
                [point for point in accuracies if point.parameters == size],
                [answer for answer in sizes if answer.held_out == size],
                least,
            ),
            parameters=size,
        )
        for size in held
    ]
    if len(held) > 1:
        scores.append(_score(held[-1] / largest, accuracies, sizes, least))
    return tuple(scores)


def _score(
    ratio: float,
    accuracies: Sequence[PredictedAccuracy],
    sizes: Sequence[PredictedSize],
    least: float,
) -> BacktestScore:
    informative = [point for point in accuracies if not point.guessing]
    return BacktestScore(
        parameters=None,
        ratio=ratio,
        accuracy=_accuracy_score(accuracies),
        informative=_accuracy_score(informative) if informative else None,
        size=_size_score(sizes, least),
    )


def _accuracy_score(points: Sequence[PredictedAccuracy]) -> AccuracyScore:
    missed = np.array([point.predicted.best - point.measured for point in points])
    held = [point.predicted.low <= point.measured <= point.predicted.high for point in points]
    return AccuracyScore(
        points=len(points),
        rms=float(np.sqrt(np.mean(missed**2))),
        worst=float(missed[np.argmax(np.abs(missed))]),
        held=float(np.mean(held)),
    )


def _size_score(asked: Sequence[PredictedSize], least: float) -> SizeScore:
    """Over what was asked; least: parameters that stand for an answer of 0."""
    named = [answer for answer in asked if answer.verdict == "recommended"]
    off = np.array([_decades_off(answer, least) for answer in named])
    return SizeScore(
        asked=len(asked),
        named=len(named),
        bounded=sum(answer.verdict == "bounded" for answer in asked),
        bound_true=_share([_low(answer) <= answer.needed for answer in asked]),
        factor_rms=float(DECADE ** np.sqrt(np.mean(off**2))) if named else None,
        factor_median=float(DECADE ** np.median(off)) if named else None,
        factor_worst=float(DECADE ** off.max()) if named else None,
        held=_share([holds(answer) for answer in named]),
    )


def _decades_off(answer: PredictedSize, least: float) -> float:
    best = answer.predicted.best if answer.predicted else None
    return float(abs(np.log10(max(best or 0.0, least) / answer.needed)))


def _low(answer: PredictedSize) -> float:
    """The lower bound; a size that is said to be out of reach has none that holds."""
    if answer.predicted is None or answer.predicted.low is None:
        return np.inf
    return answer.predicted.low


def holds(answer: PredictedSize) -> bool:
    """Whether the interval holds the needed size; an upper end that does not exist holds any."""
    sizes = answer.predicted
    if sizes is None or sizes.low is None:
        return False
    return sizes.low <= answer.needed and (sizes.high is None or answer.needed <= sizes.high)


def _share(held: Sequence[bool]) -> float | None:
    return float(np.mean(held)) if held else None


def _verdict(score: BacktestScore) -> str:
    """In words, over all that was held out."""
    told = score.telling
    return (
        f"{'predicted within' if score.predicted else 'not predicted, off by'} "
        f"{told.rms:.3f} in accuracy "
        f"(RMS where it is more than guessing) up to {score.ratio:.1f} times the largest fitted "
        f"size; {told.held:.0%} of the {CONFIDENCE:.0%} intervals hold"
    )
