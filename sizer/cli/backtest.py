"""`sizer backtest`: what the smaller models would have said."""

from typing import Annotated

import typer

import sizer
from sizer.cli.app import command, save_pictures
from sizer.cli.messages import mention
from sizer.cli.options import (
    CalibrationArgument,
    DetailsOption,
    FormatOption,
    PlotsOption,
    ReportOption,
)
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
    report: ReportOption = None,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """How well the smaller models would have predicted the largest: accuracy and size.

    Leaves out the largest sizes, and shows what the rest answers beside what was measured, at
    every noise step.

    Example: sizer backtest cifar100-noise --hold-out 2 --plots pictures
    """
    from sizer import io
    from sizer.report.calibration import example
    from sizer.report.page import check_report, write_page

    if plots is not None:
        io.make_folder(plots)
    if report is not None:
        check_report(report)
    measured = sizer.load(calibration)
    with measuring_progress() as progress:
        test = sizer.backtest(measured, hold_out=hold_out, progress=progress)
    if plots is not None:
        from sizer.report.pictures import backtest_figures

        save_pictures(backtest_figures(test), plots)
    if report is not None:
        write_page(report, test)
        mention(f"wrote {report}")
    show(test, format, details=details)
    question = example(measured, calibration)
    if format == "text" and question is not None:
        mention(f"next: {question}")
