"""`sizer compare`: whether ladders belong to one class."""

from typing import Annotated

import typer

import sizer
from sizer.cli.app import command
from sizer.cli.messages import mention
from sizer.cli.options import DetailsOption, FormatOption, ReportOption, complete_ladder
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show


@command
def compare(
    calibrations: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: calibration files, names of shipped ones, or CSV tables of "
            "`sizer fit`; a table whose noise is in grey levels has a column `sigma`.",
            autocompletion=complete_ladder,
        ),
    ],
    report: ReportOption = None,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """Whether ladders fall in one shape under noise, with the same exponents of the size.

    Each figure has its interval, by trained model, and a test of whether it is the same in all.

    Example: sizer compare builtin cifar100-clean cifar100-noise --report classes.html
    """
    if report is not None:
        from sizer.report.page import check_report, write_page

        check_report(report)
    with measuring_progress() as progress:
        comparison = sizer.compare(calibrations, progress=progress)
    if report is not None:
        write_page(report, comparison)
        mention(f"wrote {report}")
    show(comparison, format, details=details)
