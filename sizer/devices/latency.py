"""How long a network takes on a device: an interval in ratio, from latencies measured on devices.

The model is multiplicative: log latency = log MACs - log rate, and the rate is what measured
networks reached, in multiply-accumulates per clock cycle and thread. Three sources, the nearest
first: timings of this device with one runtime (`measured`), of other devices with the same core
(`roofline`: the core's rate times the clock), and of other cores of the same kind (`extrapolated`).

The interval is +- t s in log latency, where s is the root mean square error that the same source
makes on the catalogue itself, each row predicted without itself, and t the 0.95 quantile of
Student's t with one degree of freedom fewer than rows. It is as wide as the rows are scattered.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import NamedTuple

from sizer.results import (
    Confidence,
    Device,
    Engine,
    Estimate,
    Latency,
    Precision,
    Timing,
)

PROBABILITY = 0.95  # of each bound: a 90 % interval
REACH = 3.0  # times beyond the timed networks' multiply-accumulates, their rate is no longer asked


class Row(NamedTuple):
    """One timing, with what its device says of it.

    speed: log of the multiply-accumulates per clock cycle and thread. setup: what rows share that
    differ in the network alone.
    """

    device: Device
    timing: Timing
    speed: float
    setup: tuple[str, Precision, str, Engine, int]

    @classmethod
    def of(cls, device: Device, timing: Timing) -> "Row":
        cycles = timing.latency_ms * 1e3 * device.clock_mhz * timing.threads
        how = (timing.precision, timing.runtime, timing.engine, timing.threads)
        return cls(device, timing, math.log(timing.macs / cycles), (device.name, *how))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rate may come from: which other rows speak for a row."""

    confidence: Confidence
    words: str
    speaks: Callable[[Row, Row], bool]


def _on_cpu(one: Row, other: Row) -> bool:
    return (
        one.timing.precision == other.timing.precision
        and one.timing.engine == "cpu" == other.timing.engine
    )


SOURCES = (
    Source("measured", "timed on it", lambda one, other: one.setup == other.setup),
    Source(
        "roofline",
        "other timings of its core, scaled by the clock",
        lambda one, other: one.device.core == other.device.core
        and _on_cpu(one, other)
        and one.setup != other.setup,
    ),
    Source(
        "extrapolated",
        "other cores of its kind, scaled by the clock",
        lambda one, other: one.device.core != other.device.core
        and _on_cpu(one, other)
        and one.device.kind == other.device.kind,
    ),
)


def rows(devices: Sequence[Device]) -> list[Row]:
    """Every timing of the catalogue."""
    return [Row.of(device, timing) for device in devices for timing in device.timings]


class Rates:
    """The rates that the rows show, and how far each source is off among them."""

    def __init__(self, known: Sequence[Row]) -> None:
        self._rows = tuple(known)
        self._factors = {source.confidence: self._log_reach(source) for source in SOURCES}

    def latencies(self, device: Device, precision: Precision, macs: int) -> tuple[Latency, ...]:
        """By each runtime that was timed on it, the fastest first; else by its core or its kind.

        Empty where nothing timed speaks for it.
        """
        setups = dict.fromkeys(
            (timing.runtime, timing.engine, timing.threads)
            for timing in device.timings
            if timing.precision == precision
        )
        found = [self.latency(device, precision, macs, *setup) for setup in setups]
        if not setups:
            found = [self.latency(device, precision, macs, None, "cpu", 1)]
        known = [latency for latency in found if latency is not None]
        return tuple(sorted(known, key=lambda one: one.milliseconds.value or 0))

    def latency(
        self,
        device: Device,
        precision: Precision,
        macs: int,
        runtime: str | None,
        engine: Engine,
        threads: int,
    ) -> Latency | None:
        """By one runtime, from the nearest source that speaks for it; None where none does."""
        timing = Timing("", macs, precision, runtime or "", 1.0, "", engine, threads)
        asked = Row.of(device, timing)
        for source in SOURCES:
            peers = self._peers(source, asked)
            reach = self._factors[source.confidence]
            if peers and reach is not None:
                return self._answer(asked, source, peers, reach, runtime)
        return None

    def _answer(
        self, asked: Row, source: Source, peers: Sequence[Row], reach: float, runtime: str | None
    ) -> Latency:
        macs = asked.timing.macs
        sizes = [row.timing.macs for row in peers]
        confidence, words = source.confidence, f"{source.words} ({len(peers)})"
        if not min(sizes) / REACH <= macs <= max(sizes) * REACH:
            farthest = self._factors["extrapolated"] or 0.0
            confidence, reach = "extrapolated", max(reach, farthest)
            words += f", but the networks timed have {min(sizes):,} to {max(sizes):,} MACs"
        cycles = macs / math.exp(fmean(row.speed for row in peers))
        value = cycles / (asked.device.clock_mhz * 1e3 * asked.timing.threads)
        factor = math.exp(reach)
        milliseconds = Estimate(value, value / factor, value * factor)
        return Latency(runtime, milliseconds, confidence, words)

    def _peers(self, source: Source, asked: Row) -> list[Row]:
        return [row for row in self._rows if row is not asked and source.speaks(asked, row)]

    def _log_reach(self, source: Source) -> float | None:
        """Half the interval's width in log latency; None where fewer than three rows tell."""
        from scipy.special import stdtrit

        errors = [
            row.speed - fmean(peer.speed for peer in peers)
            for row in self._rows
            if (peers := self._peers(source, row))
        ]
        if len(errors) < 3:
            return None
        spread = math.sqrt(fmean(error**2 for error in errors))
        return float(stdtrit(len(errors) - 1, PROBABILITY)) * spread


def left_out(devices: Sequence[Device]) -> Iterator[tuple[Timing, Latency | None]]:
    """Each timing in turn, and what the catalogue without it predicts for it."""
    known = rows(devices)
    for row in known:
        rest = Rates([other for other in known if other is not row])
        _, precision, runtime, engine, threads = row.setup
        macs = row.timing.macs
        yield row.timing, rest.latency(row.device, precision, macs, runtime, engine, threads)


def coverage(devices: Sequence[Device]) -> tuple[int, int, int, float]:
    """Rows, those with an interval, those inside theirs, and the median factor high / low."""
    found = list(left_out(devices))
    intervals = [(timing, latency.milliseconds) for timing, latency in found if latency]
    inside = sum((one.low or 0) <= timing.latency_ms <= (one.high or 0) for timing, one in intervals)
    factor = median((one.high or 0) / (one.low or 1) for _, one in intervals)
    return len(found), len(intervals), inside, factor
