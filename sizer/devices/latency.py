"""How long a network takes on a device: an interval in ratio, from latencies measured on devices.

The model is multiplicative: log latency = log MACs - log rate, and the rate is what measured
networks reached, in multiply-accumulates per clock cycle and thread. Three sources, the nearest
first: timings of this device with one runtime (`measured`), of other devices with the same core
(`roofline`: the core's rate times the clock), and of other cores of the same kind (`extrapolated`).

The interval is +- t s in log latency, where s is the root mean square error that the same source
makes on the catalogue itself, each row predicted without itself, and t the 0.95 quantile of
Student's t with one degree of freedom fewer than devices: the rows of one device err together. Far
from the networks that were timed, s is that of the third source. A network much smaller than all of
them may take as long as the fastest of them, because the fixed cost of a run is not known.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from sizer.devices.records import Basis, Device, Latency, Processor, Timing
from sizer.estimate import CONFIDENCE, Estimate
from sizer.inference.records import Precision

REACH = 3.0  # times beyond the timed networks' multiply-accumulates, up to which their rate holds


class Row(NamedTuple):
    """One timing of a device.

    speed: log of the multiply-accumulates per clock cycle and thread. setup: the same for rows that
    differ in the network alone.
    """

    device: Device
    timing: Timing
    speed: float
    setup: tuple[str, Precision, str, Processor, int]

    @classmethod
    def of(cls, device: Device, timing: Timing) -> "Row":
        how = (timing.precision, timing.runtime, timing.processor, timing.threads)
        speed = math.log(timing.macs / timing.latency_ms / _cycles_a_ms(device, timing))
        return cls(device, timing, speed, (device.name, *how))


def _cycles_a_ms(device: Device, timing: Timing) -> float:
    """Of all threads; 1 where the clock is unknown: such a device is compared to no other."""
    return (device.clock_mhz or 1e-3) * 1e3 * timing.threads


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rate may come from. applies: whether the second row is evidence for the first."""

    basis: Basis
    words: str
    applies: Callable[[Row, Row], bool]


def _on_cpu(row: Row, other: Row) -> bool:
    return (
        row.timing.precision == other.timing.precision
        and row.timing.processor == "cpu" == other.timing.processor
        and None not in {row.device.clock_mhz, other.device.clock_mhz}
    )


SOURCES = (
    Source("measured", "timed on it", lambda row, other: row.setup == other.setup),
    Source(
        "roofline",
        "other timings of its core, scaled by the clock",
        lambda row, other: (
            row.device.core == other.device.core
            and _on_cpu(row, other)
            and row.device.name != other.device.name
        ),
    ),
    Source(
        "extrapolated",
        "other cores of its kind, scaled by the clock",
        lambda row, other: (
            row.device.core != other.device.core
            and _on_cpu(row, other)
            and row.device.kind == other.device.kind
        ),
    ),
)


def rows(devices: Sequence[Device]) -> list[Row]:
    """Every timing of the catalogue."""
    return [Row.of(device, timing) for device in devices for timing in device.timings]


class Rates:
    """The rates of the rows, and the error that each source makes on them."""

    def __init__(self, known: Sequence[Row]) -> None:
        self._rows = tuple(known)
        self._reach = {source.basis: self._half_width(source) for source in SOURCES}

    def latencies(self, device: Device, precision: Precision, macs: int) -> tuple[Latency, ...]:
        """By each runtime that was timed on it, the fastest first; else by its core or its kind.

        Empty where no timing applies to it.
        """
        setups = dict.fromkeys(
            (timing.runtime, timing.processor, timing.threads)
            for timing in device.timings
            if timing.precision == precision
        )
        latencies = [self.latency(device, precision, macs, *setup) for setup in setups]
        if not setups:
            latencies = [self.latency(device, precision, macs, None, "cpu", 1)]
        known = [latency for latency in latencies if latency is not None]
        return tuple(sorted(known, key=lambda latency: latency.milliseconds.value or 0))

    def latency(
        self,
        device: Device,
        precision: Precision,
        macs: int,
        runtime: str | None,
        processor: Processor,
        threads: int,
    ) -> Latency | None:
        """By one runtime, from the nearest source that applies; None where none does."""
        timing = Timing("", macs, precision, runtime or "", 1.0, "", processor, threads)
        asked = Row.of(device, timing)
        for source in SOURCES:
            peers = self._peers(source, asked)
            reach = self._reach[source.basis]
            if peers and reach is not None:
                return self._answer(asked, source, peers, reach, runtime)
        return None

    def _answer(
        self, asked: Row, source: Source, peers: Sequence[Row], reach: float, runtime: str | None
    ) -> Latency:
        macs, sizes = asked.timing.macs, [row.timing.macs for row in peers]
        basis, words = source.basis, f"{source.words} ({len(peers)})"
        per_ms = _cycles_a_ms(asked.device, asked.timing)
        value = macs / math.exp(fmean(row.speed for row in peers)) / per_ms
        least = 0.0
        if not min(sizes) / REACH <= macs <= max(sizes) * REACH:
            basis, reach = "extrapolated", max(reach, self._reach["extrapolated"] or 0.0)
            words += f", but the networks timed have {min(sizes):,} to {max(sizes):,} MACs"
            if macs < min(sizes):  # the fixed cost of a run may be nearly all of it
                least = min(row.timing.macs / math.exp(row.speed) for row in peers) / per_ms
        milliseconds = Estimate(value, value / math.exp(reach), max(least, value * math.exp(reach)))
        return Latency(runtime, milliseconds, basis, words)

    def _peers(self, source: Source, asked: Row) -> list[Row]:
        return [row for row in self._rows if row is not asked and source.applies(asked, row)]

    def _half_width(self, source: Source) -> float | None:
        """Half the interval's width in log latency; None where fewer than three rows tell."""
        errors = [
            (row.device.name, row.speed - fmean(peer.speed for peer in peers))
            for row in self._rows
            if (peers := self._peers(source, row))
        ]
        if len(errors) < 3:
            return None
        from scipy.special import stdtrit

        spread = math.sqrt(fmean(error**2 for _, error in errors))
        devices = len({name for name, _ in errors})
        return float(stdtrit(max(1, devices - 1), (1 + CONFIDENCE) / 2)) * spread
