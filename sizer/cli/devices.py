"""`sizer devices`: list them, check a network, add this machine."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from sizer.cli.app import Commands, answering, app, command, take_example
from sizer.cli.messages import mention
from sizer.cli.options import (
    DEVICE,
    ConfidenceOption,
    DetailsOption,
    DevicesFileOption,
    FormatOption,
    InputSideOption,
    MaxFlashOption,
    MaxLatencyOption,
    MaxRamOption,
    PrecisionOption,
    ReserveOption,
    complete_core,
    complete_name,
)
from sizer.cli.show import show
from sizer.devices.units import RESERVE_RAM
from sizer.estimate import CONFIDENCE

devices_app = typer.Typer(cls=Commands, rich_markup_mode="rich")
EXIT_CODES = {"PASS": 0, "TIGHT": 0, "FAIL": 1}  # 4: of all others
devices_command = functools.partial(command, group=devices_app)


def devices(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(help="Part of a device's or board's name.", autocompletion=complete_name),
    ] = None,
    core: Annotated[
        str | None,
        typer.Option(help="Part of a core's name.", autocompletion=complete_core),
    ] = None,
    ram: Annotated[
        str | None, typer.Option(help="Devices with at least this RAM, as 256KiB.")
    ] = None,
    devices_file: DevicesFileOption = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """List the edge devices that `sizer recommend --device` knows, or add this machine to them.

    Example: sizer devices --core M7 --ram 512KiB
    """
    if context.invoked_subcommand is not None:
        return
    from sizer.devices.check import list_devices
    from sizer.report.devices import document

    show(list_devices(name, core, ram, devices_file), format, document)


devices_app.callback(invoke_without_command=True, epilog=take_example(devices))(answering(devices))
app.add_typer(devices_app, name="devices")


@devices_command
def check(
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    device: Annotated[list[str], DEVICE],
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    confidence: ConfidenceOption = CONFIDENCE,
    details: DetailsOption = False,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """Whether a network fits devices, from its graph: memory, work and latency.

    PASS: it fits; TIGHT: it fits, with under 10 % to spare; UNSURE: the need is not known well
    enough to say; UNKNOWN: a figure is missing; FAIL: it does not fit; NOT ASKED: no limit given.

    Exit code 0: it fits every device; 1: one of them fails; 4: none fails, but for one of them that
    cannot be said.

    Example: sizer devices check model.onnx --device STM32H747XI --max-latency 100
    """
    from sizer.devices.check import check_model
    from sizer.report.devices import verdicts_document

    verdicts = check_model(
        model,
        device,
        devices_file=devices_file,
        precision=precision,
        reserve_ram=reserve_ram,
        max_ram=max_ram,
        max_flash=max_flash,
        max_latency_ms=max_latency,
        confidence=confidence,
    )
    show(verdicts, format, verdicts_document, details)
    return max((EXIT_CODES.get(verdict.verdict, 4) for verdict in verdicts), key=(0, 4, 1).index)


@devices_command
def add(
    name: Annotated[str, typer.Argument(help="What this machine shall be called.")],
    measure: Annotated[list[Path], typer.Option(help="An ONNX file to time; repeat for more.")],
    out: Annotated[Path, typer.Option(help="TOML file to write, for --devices-file.")],
    input_side: InputSideOption = None,
) -> None:
    """Time networks on this machine, one thread of ONNX Runtime, and write it as a device.

    Example: sizer devices add my-board --measure small.onnx --measure large.onnx --out mine.toml
    """
    from sizer.devices.machine import add_device
    from sizer.report.format import visible

    device = add_device(name, measure, out, input_side)
    for timing in device.timings:
        print(
            f"{visible(timing.model)}: {timing.latency_ms:.4g} ms for {timing.macs:,} "
            f"multiply-accumulates, {timing.precision}, {timing.runtime}"
        )
    mention(f"wrote {out}")
