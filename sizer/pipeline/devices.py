"""`devices`: which hold a network, and what they hold at most."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer import io
from sizer.advise import largest_size, reach
from sizer.calibration import Calibration
from sizer.errors import (
    ModelError,
    OutputError,
    UsageError,
)
from sizer.inference.records import Precision
from sizer.networks import architecture
from sizer.results import (
    RESERVE_RAM,
    Advice,
    Device,
    DeviceVerdict,
    Footprint,
    Limits,
    Reach,
    Requirement,
)

if TYPE_CHECKING:
    from sizer.devices.latency import Rates


@dataclass(frozen=True, slots=True)
class DeviceQuestion:
    """Which devices are asked about, at which precision; amounts of memory as they were typed."""

    names: tuple[str, ...] = ()
    file: Path | None = None
    precision: Precision = "int8"
    reserve_ram: str = RESERVE_RAM
    max_ram: str | None = None
    max_flash: str | None = None
    max_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """The devices that are asked about, ready to be asked."""

    devices: tuple[Device, ...]
    precision: Precision
    limits: Limits
    rates: "Rates"

    @classmethod
    def of(cls, question: DeviceQuestion) -> "Bench":
        """Raises DeviceError for a device or a file that is not to be had, UsageError for limits
        that are none.
        """
        from sizer.devices.catalogue import all_devices, find_device
        from sizer.devices.latency import Rates, rows

        limits = _limits(question)
        known = all_devices(question.file) if question.names or question.file else ()
        devices = tuple(find_device(known, name) for name in question.names)
        return cls(devices, question.precision, limits, Rates(rows(known)))

    def needs(self, member: architecture.Blueprint | None, advice: Advice) -> Footprint | None:
        """What the recommended size takes; of another family's, its weights alone are known."""
        from sizer.devices.footprint import footprint, weights_alone
        from sizer.devices.operations import operations

        if member is not None:
            return footprint(*operations(member), self.precision)
        sizes = advice.parameters
        if sizes is None or sizes.recommended is None:
            return None
        return weights_alone(sizes.recommended, self.precision)

    def judge(self, device: Device, footprint: Footprint | None) -> DeviceVerdict:
        from sizer.devices.verdict import judge

        macs = None if footprint is None else footprint.macs
        timed = () if macs is None else self.rates.latencies(device, self.precision, macs)
        return judge(device, footprint, timed, self.limits)


def _limits(question: DeviceQuestion) -> Limits:
    from sizer.devices.units import parse_bytes

    def memory(option: str, text: str | None) -> int | None:
        try:
            return None if text is None else parse_bytes(text)
        except ValueError as error:
            raise UsageError(f"{option}: {error}") from None

    limits = Limits(
        reserve_ram=memory("--reserve-ram", question.reserve_ram) or 0,
        max_ram=memory("--max-ram", question.max_ram),
        max_flash=memory("--max-flash", question.max_flash),
        max_latency_ms=question.max_latency_ms,
    )
    given = (limits.max_ram, limits.max_flash, limits.max_latency_ms)
    if not question.names and given != (None, None, None):
        raise UsageError("--max-ram, --max-flash and --max-latency need a --device to hold them")
    if limits.max_latency_ms is not None and not 0 < limits.max_latency_ms < float("inf"):
        raise UsageError(f"--max-latency {limits.max_latency_ms:g}: give milliseconds above zero")
    return limits


def held_at_most(
    calibration: Calibration, requirement: Requirement, bench: Bench, device: Device
) -> Reach | None:
    """The most that the largest member does which the device can hold; None where none is."""
    from sizer.devices.footprint import footprint
    from sizer.devices.operations import operations

    smallest, largest = calibration.sizes[0], largest_size(calibration)
    for member in reversed(family(calibration)):
        size = architecture.parameters(member)
        if smallest <= size <= largest:
            need = footprint(*operations(member), bench.precision)
            if bench.judge(device, need).verdict in {"PASS", "MARGINAL"}:
                return reach(calibration, requirement, size)
    return None


def family(calibration: Calibration) -> list[architecture.Blueprint]:
    """The members of the small family for the calibration's data, the smallest first."""
    data = calibration.dataset
    if data is None or not all(model.training for model in calibration.models):
        return []
    stems = architecture.SMALL_STEMS
    return [architecture.small(stem, data.shape[0], data.classes) for stem in stems]


def check_model(model: Path, question: DeviceQuestion) -> tuple[DeviceVerdict, ...]:
    """Whether an ONNX file fits the devices, from its graph."""
    from sizer.devices.footprint import footprint
    from sizer.devices.graph import read_operations

    bench = Bench.of(question)
    need = footprint(*read_operations(model), bench.precision)
    return tuple(bench.judge(device, need) for device in bench.devices)


def list_devices(
    word: str | None, core: str | None, ram: str | None, file: Path | None
) -> tuple[Device, ...]:
    """The devices of the catalogue and of a user's file. ram: at least that much."""
    from sizer.devices.catalogue import all_devices, select
    from sizer.devices.units import parse_bytes

    try:
        least = None if ram is None else parse_bytes(ram)
    except ValueError as error:
        raise UsageError(f"--ram: {error}") from None
    return select(all_devices(file), word, core, least)


def measure_device(name: str, models: Sequence[Path], out: Path) -> Device:
    """Time ONNX files on this machine, one thread, and write it as a device of that name."""
    from sizer.devices.catalogue import to_toml
    from sizer.devices.graph import read_operations, weight_precision
    from sizer.devices.machine import this_machine
    from sizer.inference.timing import RUNTIME, median_milliseconds
    from sizer.results import Timing

    if out.exists():
        raise OutputError(f"{out}: exists; choose another --out or remove it")
    timings = []
    for path in models:
        macs = sum(one.macs for one in read_operations(path)[0])
        if macs < 1:
            raise ModelError(f"{path}: has no multiply-accumulates to time; give a network")
        timings.append(
            Timing(
                model=path.stem,
                macs=macs,
                precision=weight_precision(path),
                runtime=RUNTIME,
                latency_ms=median_milliseconds(path),
                source="timed by sizer on the machine itself",
            )
        )
    device = replace(this_machine(name), timings=tuple(timings))
    io.write_text(out, to_toml(device))
    return device
