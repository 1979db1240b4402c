"""What may be asked of a calibration, and why not."""

from dataclasses import dataclass

import numpy as np

from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.estimate import CONFIDENCE, check_confidence
from sizer.prediction.lending import BorrowingCalibration
from sizer.prediction.predictor import Predictor, predictor

LARGEST_RATIO = 1000.0  # of a size that is asked about over the largest trained


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the user asks: this accuracy at this noise step, with this confidence."""

    noise_step: float
    target_accuracy: float
    confidence: float = CONFIDENCE


def ladder_of(calibration: Calibration) -> Predictor:
    """The measured curves of a calibration, ready to be asked."""
    lenders = calibration.lenders if isinstance(calibration, BorrowingCalibration) else ()
    lent = [(lender.name, ladder_of(lender.calibration)) for lender in lenders]
    return predictor(calibration.curves, calibration.image_share, lent)


def check_requirement(requirement: Requirement, chance: float = 0.0) -> None:
    """Raises UsageError for a target outside (chance, 1), or a confidence or step out of range."""
    if not chance < requirement.target_accuracy < 1:
        raise UsageError(
            f"target accuracy {requirement.target_accuracy:g} must lie between chance, "
            f"{chance:.4g}, and 1"
        )
    check_confidence(requirement.confidence)
    check_step(requirement.noise_step)


def check_step(step: float) -> None:
    if not 0 <= step < float("inf"):
        raise UsageError(f"noise step {step:g} must be zero or more")


def check_size(calibration: Calibration, size: float) -> None:
    """Raises UsageError for a size that is none, or too far beyond the ladder."""
    if not 1 <= size < float("inf"):
        raise UsageError(f"parameters {size:g} must be a count of one or more, as 100000")
    largest = calibration.sizes[-1]
    if size > LARGEST_RATIO * largest:
        raise UsageError(
            f"parameters {size:g} are more than {LARGEST_RATIO:,.0f} times the largest trained "
            f"size, {largest:,}: ask for less, or train larger models"
        )


def refusal(calibration: Calibration, step: float) -> str | None:
    """Why nothing true can be said at this noise, or None."""
    first, last = known_steps(calibration)
    if not first <= step <= last:
        return f"noise step {step:g} lies outside the measured {first:g}..{last:g}: measure there"
    lowest, highest = trained_steps(calibration)
    if not lowest <= step <= highest:
        return (
            f"noise step {step:g} lies outside {lowest:g}..{highest:g}, the noise that the models "
            "were trained with: train a ladder with that noise"
        )
    if not any(curve.steps[0] <= step <= curve.steps[-1] for curve in calibration.curves):
        return f"no model was measured on both sides of noise step {step:g}: measure there"
    return None


def known_steps(calibration: Calibration) -> tuple[float, float]:
    """The least and the largest noise step of any curve."""
    curves = calibration.curves
    return min(curve.steps[0] for curve in curves), max(curve.steps[-1] for curve in curves)


def trained_steps(calibration: Calibration) -> tuple[float, float]:
    """The noise steps that the recipe of the ladder allows to ask about."""
    ladder = calibration.ladder
    if ladder is None or ladder.recipe.noise_steps is None:
        return 0.0, np.inf
    first, last = ladder.recipe.noise_steps
    return float(first), float(last)


def askable_steps(calibration: Calibration) -> tuple[float, float]:
    """The noise steps that may be asked about: measured, and trained with where that is known."""
    first, last = known_steps(calibration)
    lowest, highest = trained_steps(calibration)
    return max(first, lowest), min(last, highest)
