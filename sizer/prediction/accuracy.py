"""`predict`: the accuracy that a size will have."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sizer.calibration import Calibration, load
from sizer.errors import PredictionError
from sizer.estimate import CONFIDENCE, check_confidence
from sizer.prediction.asked_noise import AskedNoise, noise_step
from sizer.prediction.forecast import Forecast
from sizer.prediction.lending import Borrowed, borrowing
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import (
    check_size,
    check_step,
    ladder_of,
    refusal,
)
from sizer.progress import ReportProgress, no_progress
from sizer.result import Result


@dataclass(frozen=True, slots=True)
class AccuracyRange:
    """An accuracy with its two-sided interval, fractions."""

    low: float
    best: float
    high: float


@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """The accuracy of a size at one noise step.

    accuracy: of the mean over trainings. next_training: of what one more training measures on as
    many images. extrapolation_ratio: of the size over the largest trained. borrowed: what else it
    rests on. schedule: of the noise, by its name, None where its unit is another.
    """

    parameters: int
    noise_step: float
    confidence: float
    accuracy: AccuracyRange
    next_training: AccuracyRange
    extrapolation_ratio: float
    schedule: str | None = None
    borrowed: tuple[Borrowed, ...] = ()
    warnings: tuple[str, ...] = ()


def predict(
    calibration: Calibration | str | Path,
    *,
    parameters: float,
    step: float | None = None,
    sigma: float | None = None,
    snr_db: float | None = None,
    noise_from: str | Path | None = None,
    borrow: str | Path | Sequence[str | Path] = (),
    confidence: float = CONFIDENCE,
    progress: ReportProgress = no_progress,
) -> Prediction:
    """The accuracy that a size (`parameters`) will have under noise.

    calibration, noise, borrow and confidence: as in `recommend`.

    Raises UsageError for a size that is none or more than 1,000 times the ladder, or a step or a
    confidence out of range; PredictionError where nothing was measured at that noise;
    MeasurementError for a calibration that cannot be borrowed of.
    """
    calibration = borrowing(load(calibration), borrow)
    check_size(calibration, parameters)
    check_confidence(confidence)
    asked, camera = noise_step(calibration, AskedNoise(step, sigma, snr_db, noise_from), progress)
    check_step(asked)
    reason = refusal(calibration, asked)
    if reason is not None:
        raise PredictionError(reason)
    prediction = predicted(ladder_of(calibration), round(parameters), asked, confidence)
    warnings = (*prediction.warnings, *(camera.warnings if camera else ()))
    return replace(prediction, schedule=calibration.schedule, warnings=warnings)


def predicted(ladder: Predictor, size: int, step: float, confidence: float) -> Prediction:
    """The prediction for one size, which may be asked about."""
    forecast = ladder.at(step)
    return Prediction(
        parameters=size,
        noise_step=step,
        confidence=confidence,
        accuracy=mean_accuracy(forecast, size, confidence),
        next_training=training_accuracy(forecast, size, confidence),
        extrapolation_ratio=size / ladder.sizes[-1],
        borrowed=borrowed(forecast),
        warnings=(*failures_said(ladder), *_distance_said(ladder, size)),
    )


def borrowed(forecast: Forecast) -> tuple[Borrowed, ...]:
    """How much of it rests on each ladder that was borrowed of."""
    return tuple(Borrowed(name, weight) for name, weight in forecast.rests_on)


def mean_accuracy(forecast: Forecast, size: float, confidence: float) -> AccuracyRange:
    """Of the mean over trainings of a size."""
    return _range(forecast, size, confidence, training=False)


def training_accuracy(forecast: Forecast, size: float, confidence: float) -> AccuracyRange:
    """Of what the next training of a size measures."""
    return _range(forecast, size, confidence, training=True)


def _range(forecast: Forecast, size: float, confidence: float, training: bool) -> AccuracyRange:
    seen = forecast.at(np.array([float(size)]))
    best = float(seen.expected()[0])
    shares = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = seen.quantiles(shares, training)[:, 0].tolist()
    return AccuracyRange(min(low, best), best, max(high, best))


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
