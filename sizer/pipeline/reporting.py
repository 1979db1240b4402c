"""`report` and `recommend --report`: a calibration, with an answer or without, as one page."""

import math
import platform
import shlex
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import sizer
from sizer import files, io
from sizer.advise import outlook, requirement_map
from sizer.calibration import Calibration
from sizer.datasets.records import DatasetInfo
from sizer.errors import OutputError
from sizer.networks.recipe import LadderTraining
from sizer.report import REPORT_MARK, report_json, report_markdown
from sizer.results import Advice, Provenance, Report

CONFIDENCE = 0.9  # of a page without a question
PROGRAMS = ("numpy", "scipy")  # whose versions may change an answer's last digits


def check_report(path: Path) -> None:
    """Raise OutputError before any work if the report could not be written or is not ours."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    with io.writing_to(path):
        if path.exists() and REPORT_MARK.encode() not in path.read_bytes()[:200]:
            raise OutputError(f"{path}: exists and is no report; choose another or remove it")
    io.check_writable(path)


def write_report(path: Path, calibration: str, command: str, advice: Advice | None = None) -> None:
    """The report of a calibration file, or of a shipped one by name, and of an answer from it.

    As Markdown or JSON where the path ends in .md or .json, else as an HTML page.
    """
    from sizer.page import render

    found = files.read_calibration(files.find_calibration(calibration))
    form = {".md": report_markdown, ".json": report_json}.get(path.suffix, render)
    io.write_text(path, form(report_of(found, calibration, command, advice)))


def report_of(calibration: Calibration, name: str, command: str, advice: Advice | None) -> Report:
    confidence = advice.requirement.confidence if advice else CONFIDENCE
    size = advice.parameters.recommended if advice and advice.parameters else None
    return Report(
        name=name,
        calibration=calibration,
        provenance=provenance(calibration, command),
        requirements=requirement_map(calibration, confidence),
        advice=advice,
        outlook=outlook(calibration, size, confidence) if size else None,
    )


def calibrate_line(calibration: Calibration) -> str | None:
    """The line that measures the same again, where its models are of a known ladder."""
    data, law, ladder = calibration.dataset, calibration.width_law, calibration.ladder
    folder = None if ladder is None else _folder(ladder)
    if folder is None or data is None:
        return None
    words = [folder, "--data", data.spec, *_measured_words(calibration, data)]
    if law is not None:
        words += ["--control", law.control, "--order-parameter", law.order_parameter]
        halved = all(math.log2(low).is_integer() for pair in law.pairs for low, _ in [pair.levels])
        words += ["--levels", "logarithmic" if halved else "equidistant"]
    if calibration.fit is not None:
        words += ["--interval", calibration.fit.interval]
    return shlex.join(["sizer", "calibrate", *words])


def _measured_words(calibration: Calibration, data: DatasetInfo) -> list[str]:
    """The steps that all models have; or, where each has its own, the plan on as many images."""
    curves = calibration.curves
    steps, images = curves[0].steps, calibration.images
    words = ["--images", str(images)] if images < data.images else []
    if any(curve.steps != steps for curve in curves):
        return [*words, "--precision", "0"]
    return ["--steps", ",".join(f"{step:g}" for step in steps), *words]


def _folder(ladder: LadderTraining) -> str | None:
    """Where the commands of a ladder put it last."""
    words = shlex.split(ladder.command)
    after = [word for option, word in pairwise(words) if option == "--out"]
    return after[-1] if after else None


def provenance(calibration: Calibration, command: str | None) -> Provenance:
    """Where the figures of a calibration come from; command: the line that asks now."""
    ladder = calibration.ladder
    lines = (ladder.command if ladder else None, calibrate_line(calibration), command)
    programs = ", ".join(f"{name} {version(name)}" for name in PROGRAMS)
    return Provenance(
        commands=tuple(line for line in lines if line),
        versions=(
            *([f"ladder: {ladder.created_with}"] if ladder else []),
            f"calibration: {calibration.created_with}",
            f"answer: sizer {sizer.__version__}, Python {platform.python_version()}, {programs}",
        ),
        trained_on=ladder.dataset if ladder else None,
        measured_on=calibration.dataset,
        models=calibration.models,
    )
