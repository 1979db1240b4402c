"""`sizer recommend`: a calibration and a question to an answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.app import command, line_given, mention
from sizer.cli.options import (
    CalibrationOption,
    ConfidenceOption,
    DevicesFileOption,
    FormatOption,
    MaxFlashOption,
    MaxLatencyOption,
    MaxRamOption,
    NoiseFromOption,
    PrecisionOption,
    ReserveOption,
    SigmaOption,
    SnrOption,
    StepOption,
    TargetOption,
)
from sizer.devices.records import RESERVE_RAM

if TYPE_CHECKING:
    from sizer.results import Advice


@command
def recommend(
    target_acc: TargetOption,
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    confidence: ConfidenceOption = 0.9,
    device: Annotated[
        list[str] | None, typer.Option(help="A device of `sizer devices`; repeat for more.")
    ] = None,
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Answer also far beyond the ladder, with a guess.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Folder for the recommended architecture as ONNX, untrained."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Page to write of the answer: HTML, or .md, or .json."),
    ] = None,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """The smallest model that reaches an accuracy under noise, or why none can be named.

    With --device, also whether it fits there, the best accuracy that device can hold at this
    noise, and the largest noise at which it still has the accuracy wanted.

    Exit code 0: a recommendation; 1: no size reaches it; 4: the fit is not to be trusted.

    Example: sizer recommend --noise-step 300 --target-acc 0.6 --calibration mine.json
    """
    from sizer import pipeline, terminal
    from sizer.devices.check import DeviceQuestion

    if export is not None:
        pipeline.check_export(calibration, export)
    if report is not None:
        pipeline.check_report(report)
    with terminal.measuring_progress() as progress:
        advice = pipeline.recommend(
            calibration,
            noise=pipeline.NoiseQuestion(noise_step, sigma, snr_db, noise_from),
            target_accuracy=target_acc,
            confidence=confidence,
            force=force,
            question=DeviceQuestion(
                names=tuple(device or ()),
                file=devices_file,
                precision=precision,
                reserve_ram=reserve_ram,
                max_ram=max_ram,
                max_flash=max_flash,
                max_latency_ms=max_latency,
            ),
            progress=progress,
            command=line_given(),
        )
    if advice.camera is not None:
        terminal.show_skipped(advice.camera)
    if export is not None:
        _export_recommended(calibration, advice, export)
    if report is not None:
        pipeline.write_report(report, calibration, line_given(), advice)
        mention(f"wrote {report}")
    _show_advice(advice, format)
    return {"recommended": 0, "unreachable": 1, "untrusted": 4}[advice.verdict]


def _show_advice(advice: "Advice", form: str) -> None:
    from sizer import report, terminal

    if form == "text":
        terminal.show_advice(advice)
    else:
        typer.echo(report.advice_json(advice) if form == "json" else report.advice_markdown(advice))


def _export_recommended(calibration: str, advice: "Advice", folder: Path) -> None:
    from sizer import pipeline

    path = pipeline.export_recommended(calibration, advice, folder)
    if path is None:
        mention("nothing exported: no size is recommended, or none of the family is as large")
        return
    mention(f"wrote {path}: UNTRAINED, for timing alone")
