"""`sizer recommend`: a calibration and a question to an answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sizer
from sizer.cli.app import command, line_given
from sizer.cli.messages import mention
from sizer.cli.options import (
    DEVICE,
    BorrowOption,
    CalibrationOption,
    ConfidenceOption,
    DetailsOption,
    DevicesFileOption,
    FormatOption,
    MaxFlashOption,
    MaxLatencyOption,
    MaxRamOption,
    NoiseFromOption,
    PrecisionOption,
    ReportOption,
    ReserveOption,
    ShowOption,
    SigmaOption,
    SnrOption,
    StepOption,
    TargetOption,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.devices.units import RESERVE_RAM
from sizer.errors import DataError, UsageError
from sizer.estimate import CONFIDENCE

if TYPE_CHECKING:
    from sizer.calibration import Calibration
    from sizer.prediction.advice import Advice

EXIT_CODES = {"recommended": 0, "unreachable": 1, "bounded": 4, "untrusted": 4}


@command
def recommend(
    target_acc: TargetOption,
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    borrow: BorrowOption = None,
    confidence: ConfidenceOption = CONFIDENCE,
    device: Annotated[list[str] | None, DEVICE] = None,
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Name a size also far beyond the ladder: a guess.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Folder for the recommended architecture as ONNX, untrained."
        ),
    ] = None,
    report: ReportOption = None,
    show_picture: ShowOption = None,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """The smallest model that reaches an accuracy under noise, or what is known of it.

    With --device, also whether it fits there, the best accuracy that device can hold at this
    noise, and the largest noise at which it still has the accuracy wanted.

    Exit code 0: a recommendation; 1: no size reaches it; 4: no size can be named, and what is
    known instead. Devices do not change it; `sizer devices check` has codes for them.

    Example: sizer recommend --noise-step 300 --target-acc 0.6 --calibration mine.json
    """
    from sizer.cli.noise import mention_skipped
    from sizer.prediction.lending import borrowing
    from sizer.prediction.members import check_export

    measured = borrowing(sizer.load(calibration), borrow or ())
    if export is not None:
        check_export(measured, export)
    if report is not None:
        from sizer.report.page import check_report

        check_report(report)
    elif show_picture is not None:
        raise UsageError("--show needs --report, the page that shows the picture")
    with measuring_progress() as progress:
        advice = sizer.recommend(
            measured,
            accuracy=target_acc,
            step=noise_step,
            sigma=sigma,
            snr_db=snr_db,
            noise_from=noise_from,
            confidence=confidence,
            devices=tuple(device or ()),
            devices_file=devices_file,
            precision=precision,
            reserve_ram=reserve_ram,
            max_ram=max_ram,
            max_flash=max_flash,
            max_latency_ms=max_latency,
            force=force,
            command=line_given(),
            progress=progress,
        )
    if advice.camera is not None:
        mention_skipped(advice.camera)
    if export is not None:
        _export_recommended(measured, advice, export)
    if report is not None:
        _write_page(report, measured, calibration, advice, show_picture)
    show(advice, format, details=details)
    if format == "text" and not details:
        _mention_precisions(advice)
    return EXIT_CODES[advice.verdict]


def _mention_precisions(advice: "Advice") -> None:
    """What to do where a device that may hold it computes otherwise; details say it anyhow."""
    from sizer.report.devices import precisions

    may = tuple(verdict for verdict in advice.devices if verdict.verdict != "FAIL")
    words = precisions(advice.precision, may) if advice.verdict == "recommended" else None
    if words is not None:
        mention(words)


def _write_page(
    path: Path, calibration: "Calibration", name: str, advice: "Advice", picture: Path | None
) -> None:
    """The page; a picture that cannot be read is left out of it, and said."""
    from sizer.report.page import report_of, write_report

    try:
        page = report_of(calibration, name, line_given(), advice, picture)
    except DataError as error:
        mention(f"left out: {error}")
        page = report_of(calibration, name, line_given(), advice)
    write_report(path, page)
    mention(f"wrote {path}")


def _export_recommended(calibration: "Calibration", advice: "Advice", folder: Path) -> None:
    from sizer.prediction.members import export_recommended

    path = export_recommended(calibration, advice, folder)
    if path is None:
        mention("nothing exported: no size is recommended, or none of the family is as large")
        return
    mention(f"wrote {path}: UNTRAINED, for timing alone")
