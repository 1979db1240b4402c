"""`sizer predict`: the accuracy that a size will have."""

from typing import Annotated

import typer

import sizer
from sizer.cli.app import command
from sizer.cli.options import (
    BorrowOption,
    CalibrationOption,
    ConfidenceOption,
    DetailsOption,
    FormatOption,
    NoiseFromOption,
    SigmaOption,
    SnrOption,
    StepOption,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.estimate import CONFIDENCE


@command
def predict(
    parameters: Annotated[float, typer.Option(help="Size of the model: how many parameters.")],
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    borrow: BorrowOption = None,
    confidence: ConfidenceOption = CONFIDENCE,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """The accuracy that a model of a given size will have under noise.

    Of the mean over trainings, and of what the next training measures.

    Exit code 0: a prediction; 4: nothing was measured at that noise.

    Example: sizer predict --parameters 200000 --noise-step 300 --calibration mine.json
    """
    with measuring_progress() as progress:
        prediction = sizer.predict(
            calibration,
            parameters=parameters,
            step=noise_step,
            sigma=sigma,
            snr_db=snr_db,
            noise_from=noise_from,
            borrow=borrow or (),
            confidence=confidence,
            progress=progress,
        )
    show(prediction, format, details=details)
