"""What a calibration without its largest sizes says of them, beside what was measured of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.advise.answer import EARNED, advise
from sizer.advise.prospect import BELOW, acceptable, prospect, sizes_sought
from sizer.advise.reach import askable_steps
from sizer.calibration import Calibration
from sizer.results import (
    AccuracyScore,
    Advice,
    BacktestScore,
    Estimate,
    HoldOut,
    LawScore,
    PredictedAccuracy,
    PredictedSize,
    Requirement,
    SizeScore,
)
from sizer.scaling.backtests import first_reaching
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
CONFIDENCE = 0.9
KEPT = 0.1  # of the clean accuracy above chance: with less, a model counts as guessing
SIZE_BUYS = 0.02  # accuracy per decade of size, below which no size can be told from accuracy
DECADE = 10.0  # of size: over which that is measured, and what a denied size counts as
HALF = 0.5  # of the intervals: where fewer hold, the prediction failed
DENSE = 400  # sizes of the grid on which the measured curves are inverted


def look_back(
    refitted: Calibration, curves: Sequence[NoiseCurve], laws: Sequence[LawScore]
) -> HoldOut:
    """The answers of a calibration of the smaller models, beside the curves of the whole ladder.

    curves: of all models; those larger than what was fitted are what is predicted. laws: each law
    against them by itself.
    """
    sizes = sorted({curve.model.parameters for curve in curves})
    held = tuple(size for size in sizes if size > refitted.fit.size_range[1])
    accuracies = tuple(
        point
        for curve in curves
        if curve.model.parameters in held
        for point in _accuracies(refitted, curve)
    )
    predicted = _sizes(refitted, curves, held)
    scores = _scores(refitted, held, accuracies, predicted)
    return HoldOut(
        fitted=tuple(size for size in sizes if size not in held),
        held=held,
        verdict=_verdict(refitted, scores[-1]),
        laws=tuple(laws),
        scores=scores,
        accuracies=accuracies,
        sizes=predicted,
    )


def _accuracies(refitted: Calibration, curve: NoiseCurve) -> list[PredictedAccuracy]:
    steps, size = np.array(curve.steps), float(curve.model.parameters)
    share = np.divide(curve.correct, curve.trials)
    seen = prospect(acceptable(refitted), np.full(len(steps), size), steps)
    low, high = seen.measured(CONFIDENCE, np.array(curve.trials, dtype=float))
    left = share - curve.chance <= KEPT * (share[0] - curve.chance)
    return [
        PredictedAccuracy(
            model=curve.model.name,
            parameters=curve.model.parameters,
            step=curve.steps[i],
            predicted=Estimate(float(seen.mean[i]), float(low[i]), float(high[i])),
            measured=float(share[i]),
            guessing=bool(left[i]),
        )
        for i in range(len(steps))
    ]


@dataclass(frozen=True, slots=True)
class _Measured:
    """Accuracy against size at one step, as measured: monotone, between the sizes PCHIP in ln N."""

    sizes: Floats
    reached: Floats

    @classmethod
    def at(cls, curves: Sequence[NoiseCurve], step: float) -> "_Measured":
        """From the mean over trainings; between the steps of a model on straight lines."""
        from scipy.interpolate import PchipInterpolator
        from scipy.optimize import isotonic_regression

        own = [np.interp(step, c.steps, np.divide(c.correct, c.trials)) for c in curves]
        each = np.array([curve.model.parameters for curve in curves])
        sizes, group, count = np.unique(each, return_inverse=True, return_counts=True)
        rising = isotonic_regression(np.bincount(group, own) / count, weights=count).x
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
    refitted: Calibration, curves: Sequence[NoiseCurve], held: Sequence[int]
) -> tuple[PredictedSize, ...]:
    """An answer for each held-out size and for the middle of the way to it, at every step that
    may be asked about, that all models span, and where size still buys accuracy: over the decade
    up to it, and over the next smaller size.
    """
    allowed = askable_steps(refitted)
    first = max(allowed[0], *(curve.steps[0] for curve in curves))
    last = min(allowed[1], *(curve.steps[-1] for curve in curves))
    own = [curve for curve in curves if curve.model.parameters in held]
    steps = sorted({step for curve in own for step in curve.steps if first <= step <= last})
    found = []
    for step in steps:
        measured = _Measured.at(curves, step)
        for before, size in zip((refitted.fit.size_range[1], *held), held, strict=False):
            if measured.bought(size) <= SIZE_BUYS:
                continue
            trainings = [curve for curve in own if curve.model.parameters == size]
            for wanted in (np.sqrt(before * size), size):
                target = measured.accuracy(wanted)
                needed = measured.needed(target)
                if needed > before and refitted.chance < target < 1:
                    found.append(_size(refitted, step, target, needed, trainings))
    return tuple(found)


def _size(
    refitted: Calibration,
    step: float,
    target: float,
    needed: int,
    trainings: Sequence[NoiseCurve],
) -> PredictedSize:
    """trainings: those of the held-out size that the target belongs to."""
    advice = advise(refitted, Requirement(step, target, CONFIDENCE))
    sizes = sizes_sought(refitted.fit)
    seen = prospect(acceptable(refitted), sizes, step)
    images = float(min(min(curve.trials) for curve in trainings))
    low, high = seen.measured(CONFIDENCE, images, len(trainings))
    return PredictedSize(
        step=step,
        target=target,
        needed=needed,
        held_out=trainings[0].model.parameters,
        verdict=advice.verdict,
        reason=advice.reason,
        predicted=_answered(advice),
        training=Estimate(
            first_reaching(sizes, seen.mean, target),
            first_reaching(sizes, high, target),
            first_reaching(sizes, low, target),
        ),
    )


def _answered(advice: Advice) -> Estimate | None:
    found = advice.parameters
    if advice.verdict != "recommended" or found is None:
        return None
    return Estimate(found.best, found.low, found.high)


def _scores(
    refitted: Calibration,
    held: Sequence[int],
    accuracies: Sequence[PredictedAccuracy],
    sizes: Sequence[PredictedSize],
) -> tuple[BacktestScore, ...]:
    smallest, largest = refitted.fit.size_range
    each = [
        _score(
            size / largest,
            [point for point in accuracies if point.parameters == size],
            [answer for answer in sizes if answer.held_out == size],
            smallest / BELOW,
        )
        for size in held
    ]
    scores = [replace(score, parameters=size) for score, size in zip(each, held, strict=True)]
    if len(held) > 1:
        scores.append(_score(held[-1] / largest, accuracies, sizes, smallest / BELOW))
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
    missed = np.array([(point.predicted.value or 0.0) - point.measured for point in points])
    return AccuracyScore(
        points=len(points),
        rms=float(np.sqrt(np.mean(missed**2))),
        worst=float(missed[np.argmax(np.abs(missed))]),
        held=float(np.mean([_holds(point.predicted, point.measured) for point in points])),
    )


def _size_score(asked: Sequence[PredictedSize], least: float) -> SizeScore:
    """least: parameters that stand for an answer of 0."""
    refused = [answer for answer in asked if answer.verdict == "untrusted"]
    told = [answer for answer in asked if answer.verdict != "untrusted"]
    off = np.array([_decades_off(answer, least) for answer in told])
    return SizeScore(
        asked=len(asked),
        refused=len(refused),
        denied=sum(answer.verdict == "unreachable" for answer in asked),
        open_ended=sum(
            answer.predicted is not None and answer.predicted.high is None for answer in told
        ),
        factor_rms=float(DECADE ** np.sqrt(np.mean(off**2))) if told else None,
        factor_median=float(DECADE ** np.median(off)) if told else None,
        factor_worst=float(DECADE ** off.max()) if told else None,
        held=_share(
            [one.predicted is not None and _holds(one.predicted, one.needed) for one in told]
        ),
        held_training=_share([_holds(one.training, one.needed) for one in told]),
    )


def _decades_off(answer: PredictedSize, least: float) -> float:
    if answer.predicted is None:
        return 1.0
    return float(abs(np.log10(max(answer.predicted.value or 0.0, least) / answer.needed)))


def _share(held: Sequence[bool]) -> float | None:
    return float(np.mean(held)) if held else None


def _holds(interval: Estimate, truth: float) -> bool:
    """Whether an interval holds the truth; a size's upper end that does not exist holds any.

    A lower end of None is a size that even the upper bound of the accuracy never reaches.
    """
    if interval.low is None:
        return False
    return interval.low <= truth and (interval.high is None or truth <= interval.high)


def _verdict(refitted: Calibration, score: BacktestScore) -> str:
    """In words, over all that was held out."""
    if not refitted.fit.trusted:
        return f"refused: {refitted.fit.verdict}"
    told = score.informative or score.accuracy
    good = told.rms <= EARNED and told.held >= HALF
    return (
        f"{'predicted within' if good else 'not predicted, off by'} {told.rms:.3f} in accuracy "
        f"(RMS where it is more than guessing) up to {score.ratio:.1f} times the largest fitted "
        f"size; {told.held:.0%} of the {CONFIDENCE:.0%} intervals hold"
    )
