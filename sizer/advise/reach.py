"""The question the other way round: what a given size does."""

import numpy as np

from sizer.advise.answer import REFUSED_RATIO, refusal, trained_steps
from sizer.advise.prospect import acceptable, prospect
from sizer.calibration import Calibration
from sizer.devices.records import Reach
from sizer.results import Estimate, Requirement

STEPS = 501  # of the grid of noise on which the largest is sought


def largest_size(calibration: Calibration) -> float:
    """Parameters beyond which an answer of this calibration is a guess."""
    return calibration.fit.size_range[1] * REFUSED_RATIO


def reach(calibration: Calibration, requirement: Requirement, size: int) -> Reach | None:
    """What `size` parameters do: their mean accuracy at the step, with its interval, and the
    largest step, to a 500th of the range, at which the next training has the target with the
    stated confidence. None where the calibration is not to be trusted at the step.
    """
    if refusal(calibration, requirement) is not None:
        return None
    fits = acceptable(calibration)
    steps = np.append(np.linspace(*askable_steps(calibration), STEPS), requirement.noise_step)
    seen = prospect(fits, np.full(len(steps), float(size)), steps)
    low, high = seen.interval(requirement.confidence)
    reached = seen.next_training(requirement.confidence)[:-1] >= requirement.target_accuracy
    return Reach(
        size,
        Estimate(float(seen.mean[-1]), max(0.0, float(low[-1])), min(1.0, float(high[-1]))),
        float(steps[:-1][reached][-1]) if reached.any() else None,
    )


def askable_steps(calibration: Calibration) -> tuple[float, float]:
    """The noise steps that may be asked about: measured, and trained with where that is known."""
    first, last = calibration.fit.step_range
    lowest, highest = trained_steps(calibration)
    return max(first, lowest), min(last, highest)
