"""Devices, what a network takes of them, and whether it fits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sizer.estimate import Estimate
from sizer.inference.records import Precision

if TYPE_CHECKING:
    from sizer.prediction.outlook import Reach

Processor = Literal["cpu", "gpu", "npu"]
DeviceKind = Literal["microcontroller", "linux"]
TimingPrecision = Precision | Literal["w8a16"]  # w8a16: weights of 8 bits, activations of 16
# TIGHT: fits, with under a tenth to spare. UNSURE: not known well enough to say.
Grade = Literal["PASS", "TIGHT", "UNSURE", "FAIL", "UNKNOWN", "NOT ASKED"]
Basis = Literal["timed", "scaled", "extrapolated"]


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured latency: a run of one image. macs: of the model, multiply-accumulates.

    macs, threads, version (of the runtime), energy_uj (of the run, microjoules): None where not
    published. licence: of the repository that the figure was read in.
    """

    model: str
    macs: int | None
    precision: TimingPrecision
    runtime: str
    latency_ms: float
    source: str
    processor: Processor = "cpu"
    threads: int | None = 1
    version: str | None = None
    energy_uj: float | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the catalogue. ram, flash: bytes; external_flash: its size is the board's.

    clock_mhz: at which the timings were taken, else the highest. accelerator: the sort of the
    processor beside the core that runs networks.
    """

    name: str
    core: str
    kind: DeviceKind
    source: str
    clock_mhz: float | None = None
    board: str | None = None
    ram: int | None = None
    flash: int | None = None
    external_flash: bool = False
    timings: tuple[Timing, ...] = ()
    accelerator: str | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a network takes at one precision, in bytes, and multiply-accumulates of one image.

    weights: with biases, as they lie in flash, where code is the runtime's. activations: the
    scheduled peak of tensors and scratch; ram: the runtime's own beside them.
    """

    precision: Precision
    weights: int
    code: Estimate
    ram: Estimate
    activations: int | None = None
    macs: int | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one image by one runtime (None: whichever), with a 90 % interval."""

    runtime: str | None
    milliseconds: Estimate
    basis: Basis
    reason: str
    processor: Processor = "cpu"
    threads: int | None = 1


@dataclass(frozen=True, slots=True)
class Energy:
    """Microjoules of one image by one runtime, with a 90 % interval."""

    runtime: str
    microjoules: Estimate
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceCheck:
    """One resource: what is needed (an interval) against the limit; bytes, or milliseconds.

    source: where the need is known from, in words.
    """

    verdict: Grade
    basis: Basis | None
    reason: str
    need: Estimate | None = None
    limit: float | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceVerdict:
    """Whether a network fits a device, resource by resource, and what the device could hold."""

    name: str
    verdict: Grade
    basis: Basis | None
    reason: str
    footprint: Footprint | None
    ram: DeviceCheck
    flash: DeviceCheck
    latency: DeviceCheck
    latencies: tuple[Latency, ...] = ()
    energy: Energy | None = None
    reach: "Reach | None" = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used: bytes and milliseconds; reserve_ram is kept for the rest of the program."""

    reserve_ram: int
    max_ram: int | None = None
    max_flash: int | None = None
    max_latency_ms: float | None = None
