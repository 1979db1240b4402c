"""`sizer backtest`: what the smaller models would have said."""

from typing import Annotated

import typer

import sizer
from sizer.cli.app import command, save_pictures
from sizer.cli.options import CalibrationArgument, DetailsOption, FormatOption, PlotsOption
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show


@command
def backtest(
    calibration: CalibrationArgument,
    hold_out: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the largest sizes; by default 1, 2 and 3 in turn."),
    ] = None,
    plots: PlotsOption = None,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """How well the smaller models would have predicted the largest: accuracy and size.

    Leaves out the largest sizes, and shows what the rest answers beside what was measured, at
    every noise step.

    Example: sizer backtest cifar100-noise --hold-out 2 --plots pictures
    """
    from sizer import io

    if plots is not None:
        io.make_folder(plots)
    with measuring_progress() as progress:
        test = sizer.backtest(calibration, hold_out=hold_out, progress=progress)
    if plots is not None:
        from sizer.report.pictures import backtest_figures

        save_pictures(backtest_figures(test), plots)
    show(test, format, details=details)
