"""How well the smaller models foretell the largest at one noise step."""

from dataclasses import dataclass

import numpy as np

from sizer.estimate import CONFIDENCE
from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.predictor import Predictor

HOLD_OUT = 3  # largest sizes, as long as enough are left
LEAST_LEFT = 3  # sizes to predict from


@dataclass(frozen=True, slots=True)
class Hindcast:
    """The `hold_out` largest sizes predicted from the rest.

    models: how many were held out. ratio: largest held-out size over the largest left.
    accuracy_rms, accuracy_worst: predicted minus measured accuracy. held: of the models, those
    within the 90 % interval of the next training.
    """

    hold_out: int
    models: int
    ratio: float
    accuracy_rms: float
    accuracy_worst: float
    held: int


def hindcast(ladder: Predictor, step: float) -> Hindcast | None:
    """None where too few sizes are left to predict from."""
    count = min(HOLD_OUT, len(ladder.sizes) - LEAST_LEFT)
    if count < 1:
        return None
    largest = ladder.sizes[-count:]
    smaller = ladder.without(largest)
    held_out = [c for c in ladder.spanning(step) if c.size in largest]
    if not held_out or not smaller.spanning(step):
        return None
    ranges = {size: training_accuracy(smaller.at(step), size, CONFIDENCE) for size in largest}
    measured = [c.accuracy_at(step) for c in held_out]
    told = [ranges[curve.size] for curve in held_out]
    missed = np.array([at.best - truth for at, truth in zip(told, measured, strict=True)])
    return Hindcast(
        hold_out=count,
        models=len(held_out),
        ratio=largest[-1] / smaller.sizes[-1],
        accuracy_rms=float(np.sqrt(np.mean(missed**2))),
        accuracy_worst=float(missed[np.argmax(np.abs(missed))]),
        held=sum(at.low <= truth <= at.high for at, truth in zip(told, measured, strict=True)),
    )
