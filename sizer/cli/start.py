"""`sizer start`: from a folder of pictures to a verified model."""

from pathlib import Path
from typing import Annotated

import typer

import sizer
from sizer.cli.app import command, line_given
from sizer.cli.messages import mention
from sizer.cli.options import (
    DEVICE,
    EPOCHS,
    AcceleratorOption,
    AugmentOption,
    ConfidenceOption,
    DetailsOption,
    DevicesFileOption,
    EngineOption,
    FormatOption,
    MaxBadOption,
    MaxFlashOption,
    MaxLatencyOption,
    MaxRamOption,
    PrecisionOption,
    ReserveOption,
    SideOption,
    SigmaOption,
    SnrOption,
    StepOption,
    TargetOption,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.datasets.records import MAX_BAD
from sizer.devices.units import RESERVE_RAM
from sizer.estimate import CONFIDENCE

EXIT_CODES = {"delivered": 0, "unreachable": 1, "device": 1, "budget": 4}


@command
def start(
    data: Annotated[str, typer.Argument(help="Pictures to train and test on: a path, or builtin.")],
    target_acc: TargetOption,
    out: Annotated[Path, typer.Option(help="Folder of the job.")],
    camera: Annotated[
        Path | None, typer.Option(help="Pictures of the camera, which show its noise.")
    ] = None,
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    confidence: ConfidenceOption = CONFIDENCE,
    budget: Annotated[str, typer.Option(help="Time for all of it, as 90m or 2h.")] = "2h",
    device: Annotated[list[str] | None, DEVICE] = None,
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    side: SideOption = None,
    epochs: Annotated[int | None, EPOCHS] = None,
    augment: AugmentOption = "crop-flip",
    max_bad: MaxBadOption = MAX_BAD,
    accelerator: AcceleratorOption = "auto",
    engine: EngineOption = "processes",
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """From a folder of pictures to a verified model: train, measure and choose until one will do.

    The folder then has model.onnx, model-int8.onnx, answer.json, calibration.json and report.html.
    Stopped at any moment, the same line goes on.

    Exit code 0: a model that meets the requirement; 1: no size reaches it; 4: the budget is spent.

    Example: sizer start photos/ --camera snapshots/ --target-acc 0.85 --out job
    """
    with measuring_progress() as progress:
        delivery = sizer.start(
            data,
            out,
            accuracy=target_acc,
            camera=camera,
            step=noise_step,
            sigma=sigma,
            snr_db=snr_db,
            confidence=confidence,
            budget=budget,
            devices=tuple(device or ()),
            devices_file=devices_file,
            precision=precision,
            reserve_ram=reserve_ram,
            max_ram=max_ram,
            max_flash=max_flash,
            max_latency_ms=max_latency,
            side=side,
            epochs=epochs,
            augment=augment,
            max_bad=max_bad,
            accelerator=accelerator,
            engine=engine,
            command=line_given(),
            progress=progress,
            tell=mention,
        )
    mention(f"wrote {out}")
    show(delivery, format, details=details)
    return EXIT_CODES[delivery.kind]
