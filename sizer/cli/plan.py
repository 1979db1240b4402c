"""`sizer plan`: what to train next."""

from typing import Annotated

import typer

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


@command
def plan(
    target_acc: TargetOption,
    budget: Annotated[
        float, typer.Option(help="To spend, in trainings of the largest measured size.")
    ],
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    confidence: ConfidenceOption = 0.9,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """Which sizes to train next, to narrow the interval of a recommendation most for their cost.

    Exit code 0: a plan; 1: there is no answer to narrow.

    Example: sizer plan --noise-step 300 --target-acc 0.6 --budget 2 --calibration mine.json
    """
    from sizer import pipeline, report, terminal

    with terminal.measuring_progress() as progress:
        planned = pipeline.plan(
            calibration,
            noise=pipeline.NoiseQuestion(noise_step, sigma, snr_db, noise_from),
            target_accuracy=target_acc,
            confidence=confidence,
            budget=budget,
            progress=progress,
        )
    if format == "text":
        terminal.show_plan(planned)
    else:
        typer.echo(report.plan_json(planned) if format == "json" else report.plan_markdown(planned))
    return 1 if planned.interval_factor is None else 0
