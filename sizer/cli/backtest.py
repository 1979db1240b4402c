"""`sizer backtest`: what the smaller models would have said."""

from typing import Annotated

import typer

from sizer.cli.app import command, save_pictures
from sizer.cli.options import CalibrationArgument, FormatOption, PlotsOption


@command
def backtest(
    calibration: CalibrationArgument,
    hold_out: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the largest sizes; by default 1, 2 and 3 in turn."),
    ] = None,
    plots: PlotsOption = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """How well the smaller models would have predicted the largest: accuracy and size.

    Leaves out the largest sizes, fits all laws again, and shows what they answer
    beside what was measured, at every noise step.

    Example: sizer backtest cifar100-noise --hold-out 2 --plots pictures
    """
    from sizer import io, pipeline, report, terminal

    if plots is not None:
        io.make_folder(plots)
    with terminal.measuring_progress() as progress:
        found = pipeline.backtest(calibration, hold_out, progress)
    if plots is not None:
        from sizer.plots import backtest_figures

        save_pictures(backtest_figures(found), plots)
    if format == "text":
        terminal.show_backtest(found)
    else:
        typer.echo(
            report.backtest_json(found) if format == "json" else report.backtest_markdown(found)
        )
