"""What a user asks of devices: which are known, and whether a network fits them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sizer.devices.catalogue import all_devices, find_device, select
from sizer.devices.energy import energy
from sizer.devices.footprint import footprint
from sizer.devices.latency import Rates
from sizer.devices.records import Device, DeviceVerdict, Footprint, Limits
from sizer.devices.units import RESERVE_RAM, parse_bytes
from sizer.devices.verdict import judge, ranked
from sizer.errors import UsageError
from sizer.estimate import CONFIDENCE, check_confidence
from sizer.inference.records import Precision

EVERY_DEVICE = "all"


@dataclass(frozen=True, slots=True)
class DeviceQuestion:
    """Which devices are asked about, at which precision; amounts of memory as they were typed.

    names: ("all",) asks about every device, and ranks them. confidence: of the intervals.
    """

    names: tuple[str, ...] = ()
    file: Path | None = None
    precision: Precision = "int8"
    reserve_ram: str = RESERVE_RAM
    max_ram: str | None = None
    max_flash: str | None = None
    max_latency_ms: float | None = None
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True)
class Inspection:
    """The devices that are asked about, ready to be compared with networks."""

    devices: tuple[Device, ...]
    precision: Precision
    limits: Limits
    rates: Rates
    ranks: bool

    @classmethod
    def of(cls, question: DeviceQuestion) -> "Inspection":
        """Raises DeviceError for a device or a file that is not there, and UsageError for a limit
        that cannot be read.
        """
        check_confidence(question.confidence)
        limits = _limits(question)
        known = all_devices(question.file) if question.names or question.file else ()
        every = tuple(name.strip().lower() for name in question.names) == (EVERY_DEVICE,)
        devices = known if every else tuple(find_device(known, name) for name in question.names)
        rates = Rates(known if devices else (), question.confidence)
        return cls(devices, question.precision, limits, rates, every)

    def judge(self, device: Device, network: Footprint | None) -> DeviceVerdict:
        """network: what it takes, None where that is not known."""
        if network is None or not network.macs:
            return judge(device, network, (), self.limits)
        timed = self.rates.latencies(device, self.precision, network.macs)
        used = energy(device, self.precision, network.macs)
        return judge(device, network, timed, self.limits, used)

    def ordered(self, verdicts: Iterable[DeviceVerdict]) -> tuple[DeviceVerdict, ...]:
        """As they were asked about, or ranked where all were."""
        return ranked(verdicts) if self.ranks else tuple(verdicts)


def check_model(
    model: Path,
    devices: Sequence[str],
    *,
    devices_file: Path | None = None,
    precision: Precision = "int8",
    reserve_ram: str = RESERVE_RAM,
    max_ram: str | None = None,
    max_flash: str | None = None,
    max_latency_ms: float | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[DeviceVerdict, ...]:
    """Whether an ONNX file fits devices, from its graph: memory, work and latency.

    devices: their names, of the catalogue or of `devices_file`; ("all",) ranks every one. Amounts
    of memory are texts such as 512KiB (1024) or 512KB (1000). confidence: of the interval of a
    latency, in 0.5..1. Raises DeviceError for a device that is not known, UsageError for a limit
    that cannot be read or a confidence out of range, and ModelError for a file that is damaged or
    has no fixed sizes.
    """
    from sizer.devices.graph import read_operations
    from sizer.inference.child import Child, bounds_of, size_of

    inspection = Inspection.of(
        DeviceQuestion(
            names=tuple(devices),
            file=devices_file,
            precision=precision,
            reserve_ram=reserve_ram,
            max_ram=max_ram,
            max_flash=max_flash,
            max_latency_ms=max_latency_ms,
            confidence=confidence,
        )
    )
    with Child() as child:
        bounds = bounds_of(model, size_of(model))
        operations, inputs = child.call(bounds, read_operations, model)
    network = footprint(operations, inputs, precision)
    return inspection.ordered(inspection.judge(device, network) for device in inspection.devices)


def list_devices(
    name: str | None = None,
    core: str | None = None,
    ram: str | None = None,
    devices_file: Path | None = None,
) -> tuple[Device, ...]:
    """The devices of the catalogue and of a user's file.

    name, core: parts of a device's or board's name, and of its core's. ram: at least so much, as
    text. Raises UsageError if it cannot be read, and DeviceError for a malformed file.
    """
    return select(all_devices(devices_file), name, core, _memory("--ram", ram))


def _limits(question: DeviceQuestion) -> Limits:
    limits = Limits(
        reserve_ram=_memory("--reserve-ram", question.reserve_ram) or 0,
        max_ram=_memory("--max-ram", question.max_ram),
        max_flash=_memory("--max-flash", question.max_flash),
        max_latency_ms=question.max_latency_ms,
    )
    given = (limits.max_ram, limits.max_flash, limits.max_latency_ms)
    if not question.names and given != (None, None, None):
        raise UsageError("--max-ram, --max-flash and --max-latency need a --device to hold them")
    if limits.max_latency_ms is not None and not 0 < limits.max_latency_ms < float("inf"):
        raise UsageError(f"--max-latency {limits.max_latency_ms:g}: give milliseconds above zero")
    return limits


def _memory(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_bytes(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
