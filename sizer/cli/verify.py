"""`sizer verify`: a model, or a device's predictions, against a requirement."""

from pathlib import Path
from typing import Annotated

import typer

import sizer
from sizer.cli.app import command
from sizer.cli.messages import mention
from sizer.cli.options import FormatOption, MaxBadOption
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.datasets.records import MAX_BAD


@command
def verify(
    model: Annotated[
        Path,
        typer.Argument(help="An ONNX file, or a CSV of a device's predictions: label,predicted."),
    ],
    answer: Annotated[Path, typer.Option(help="The answer.json of a job.")],
    data: Annotated[
        str | None, typer.Option(help="Whose test pictures; by default those of the answer.")
    ] = None,
    max_bad: MaxBadOption = MAX_BAD,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """Whether a model, or what a device predicted, reaches the accuracy that was asked for.

    Exit code 0: it does; 1: it does not.

    Example: sizer verify model.onnx --answer job/answer.json --data photos/
    """
    with measuring_progress() as progress:
        acceptance = sizer.verify(
            model, answer, data=data, max_bad=max_bad, progress=progress, tell=mention
        )
    show(acceptance, format)
    return 0 if acceptance.meets else 1
