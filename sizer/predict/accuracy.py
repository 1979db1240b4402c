"""`predict`: the accuracy that a size will have."""

from dataclasses import dataclass

import numpy as np

from sizer.calibration import Calibration
from sizer.errors import PredictionError
from sizer.predict.forecast import Forecast
from sizer.predict.predictor import Predictor
from sizer.predict.question import (
    check_confidence,
    check_size,
    check_step,
    ladder_of,
    refusal,
)


@dataclass(frozen=True, slots=True)
class AccuracyRange:
    """An accuracy with its two-sided interval, fractions."""

    low: float
    best: float
    high: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The accuracy of a size at one noise step.

    accuracy: of the mean over trainings. next_training: of what one more training measures on as
    many images. extrapolation_ratio: of the size over the largest trained.
    """

    parameters: int
    noise_step: float
    confidence: float
    accuracy: AccuracyRange
    next_training: AccuracyRange
    extrapolation_ratio: float
    warnings: tuple[str, ...] = ()


def predict(
    calibration: Calibration, *, parameters: float, step: float, confidence: float = 0.9
) -> Prediction:
    """The accuracy that `parameters` will have at a noise step.

    Raises UsageError for a size that is none or more than 1,000 times the ladder, or a step or a
    confidence out of range; PredictionError where nothing was measured at that noise.
    """
    check_size(calibration, parameters)
    check_step(step)
    check_confidence(confidence)
    reason = refusal(calibration, step)
    if reason is not None:
        raise PredictionError(reason)
    ladder = ladder_of(calibration)
    return predicted(ladder, round(parameters), step, confidence)


def predicted(ladder: Predictor, size: int, step: float, confidence: float) -> Prediction:
    """The prediction for one size, which may be asked about."""
    forecast = ladder.at(step)
    mean, training = accuracy_at(forecast, size, confidence)
    return Prediction(
        parameters=size,
        noise_step=step,
        confidence=confidence,
        accuracy=mean,
        next_training=training,
        extrapolation_ratio=size / ladder.sizes[-1],
        warnings=(*failures_said(ladder), *_distance_said(ladder, size)),
    )


def accuracy_at(
    forecast: Forecast, size: float, confidence: float
) -> tuple[AccuracyRange, AccuracyRange]:
    """Of the mean over trainings, and of the next training."""
    seen = forecast.at(np.array([float(size)]))
    best = float(seen.expected()[0])
    shares = ((1 - confidence) / 2, (1 + confidence) / 2)
    ranges = []
    for training in (False, True):
        low, high = seen.quantiles(shares, training)[:, 0].tolist()
        ranges.append(AccuracyRange(min(low, best), best, max(high, best)))
    return ranges[0], ranges[1]


def failures_said(ladder: Predictor) -> tuple[str, ...]:
    """A warning for each training that failed."""
    return tuple(
        f"{name}: its training failed, far below what its twins and neighbours let expect; it "
        "counts for nothing here: train it again"
        for name in ladder.failed
    )


def _distance_said(ladder: Predictor, size: int) -> tuple[str, ...]:
    smallest, largest = ladder.sizes[0], ladder.sizes[-1]
    if size > largest:
        return (f"{size / largest:.1f} times the largest trained size, {largest:,} parameters",)
    if size < smallest:
        return (f"below the smallest trained size, {smallest:,} parameters",)
    return ()
