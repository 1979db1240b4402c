"""`report` and `recommend --report`: a calibration, with an answer or without, as one page."""

from pathlib import Path

from sizer import io
from sizer.calibration import Calibration
from sizer.errors import OutputError
from sizer.estimate import CONFIDENCE
from sizer.predict.advice import Advice
from sizer.predict.outlook import outlook, requirement_map
from sizer.provenance import provenance
from sizer.report import REPORT_MARK, Report, report_json, report_markdown


def check_report(path: Path) -> None:
    """Raise OutputError before any work if the report could not be written or is not ours."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    with io.writing_to(path):
        if path.exists() and REPORT_MARK.encode() not in path.read_bytes()[:200]:
            raise OutputError(f"{path}: exists and is no report; choose another or remove it")
    io.check_writable(path)


def write_report(
    path: Path, calibration: Calibration, name: str, command: str, advice: Advice | None = None
) -> None:
    """The report of a calibration, and of an answer from it.

    As Markdown or JSON where the path ends in .md or .json, else as an HTML page. name: that the
    calibration goes by.
    """
    from sizer.page import render

    form = {".md": report_markdown, ".json": report_json}.get(path.suffix, render)
    io.write_text(path, form(report_of(calibration, name, command, advice)))


def report_of(calibration: Calibration, name: str, command: str, advice: Advice | None) -> Report:
    confidence = advice.requirement.confidence if advice else CONFIDENCE
    size = advice.recommended if advice else None
    return Report(
        name=name,
        calibration=calibration,
        provenance=provenance(calibration, command),
        requirements=requirement_map(calibration, confidence),
        advice=advice,
        outlook=outlook(calibration, size, confidence) if size else None,
    )
