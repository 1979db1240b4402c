"""`sizer plan`: what to train next."""

from typing import Annotated

import typer

import sizer
from sizer.cli.app import command
from sizer.cli.options import (
    CalibrationOption,
    ConfidenceOption,
    FormatOption,
    NoiseFromOption,
    SigmaOption,
    SnrOption,
    StepOption,
    TargetOption,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.estimate import CONFIDENCE


@command
def plan(
    target_acc: TargetOption,
    max_cost: Annotated[
        float, typer.Option(help="To spend at most, in trainings of the largest measured size.")
    ],
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    confidence: ConfidenceOption = CONFIDENCE,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """Which sizes to train next, to narrow the interval of a recommendation most for their cost.

    Exit code 0: a plan; 1: no training of that cost is worth it.

    Example: sizer plan --noise-step 300 --target-acc 0.6 --max-cost 2 --calibration mine.json
    """
    with measuring_progress() as progress:
        planned = sizer.plan(
            calibration,
            accuracy=target_acc,
            max_cost=max_cost,
            step=noise_step,
            sigma=sigma,
            snr_db=snr_db,
            noise_from=noise_from,
            confidence=confidence,
            progress=progress,
        )
    show(planned, format)
    return 0 if planned.worth_it else 1
