"""`sizer report`: a calibration as a page."""

from pathlib import Path
from typing import Annotated

import typer

import sizer
from sizer.cli.app import command, line_given
from sizer.cli.messages import mention
from sizer.cli.options import BorrowOption, CalibrationArgument


@command
def report(
    calibration: CalibrationArgument,
    out: Annotated[Path, typer.Option(help="HTML page to write.")] = Path("report.html"),
    borrow: BorrowOption = None,
) -> None:
    """A calibration as one HTML page: what was measured, the laws, what each requirement takes.

    Where the name of the file ends in .md or .json, the same as Markdown or JSON. The page of one
    requirement's answer is written by `sizer recommend --report`.

    Example: sizer report mine.json --out mine.html
    """
    from sizer.prediction.lending import borrowing
    from sizer.report.page import check_report, report_of, write_report

    check_report(out)
    measured = borrowing(sizer.load(calibration), borrow or ())
    write_report(out, report_of(measured, calibration, line_given(), None))
    mention(f"wrote {out}")
