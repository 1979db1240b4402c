"""How long a network takes on a device: an interval in ratio, from latencies timed on devices.

A latency is predicted by `similarity` from the timings of all processors of its sort: those of
CPUs together, those of accelerators at one precision together. The interval is +- t s in log
latency, with s the standard error of a new network and t the two-sided quantile of Student's t with
one degree of freedom fewer than devices that speak. `benchmarks/latency.py` fits the spreads and
measures how often intervals hold what was left out.

A network much smaller than all that were timed may take as long as the fastest of them, because the
fixed cost of a run is not known.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist

from sizer.devices.records import Basis, Device, Latency, Processor, Timing, TimingPrecision
from sizer.devices.similarity import Case, Evidence
from sizer.estimate import CONFIDENCE, Estimate

REACH = 3.0  # times beyond the timed networks' multiply-accumulates, up to which they speak for one
# Standard deviations of log latency by factor: of CPUs, and of accelerators at each precision.
# Fitted by `benchmarks/latency.py`.
SPREADS = {
    "cpu": {
        "core": 0.775,
        "core, by work": 0.018,
        "device": 0.176,
        "runtime": 0.207,
        "runtime and precision": 0.482,
        "setup": 0.201,
        "network": 0.352,
        "network and runtime": 0.107,
        "timing": 0.182,
    },
    "int8": {
        "core": 1.46,
        "core, by work": 0.225,
        "device": 0.749,
        "runtime": 0.208,
        "runtime and precision": 0.208,
        "setup": 0.048,
        "network": 0.547,
        "network and runtime": 0.135,
        "timing": 0.23,
    },
    "fp16": {
        "core": 0.29,
        "core, by work": 0.137,
        "device": 0.634,
        "runtime": 0.038,
        "runtime and precision": 0.038,
        "setup": 0.104,
        "network": 0.361,
        "network and runtime": 0.112,
        "timing": 0.184,
    },
}


class Rates:
    """What the timings of devices tell of other networks and devices.

    confidence: of the intervals, two-sided.
    """

    def __init__(self, devices: Iterable[Device], confidence: float = CONFIDENCE) -> None:
        self._confidence = confidence
        self._timings = [
            (Case.of(device, timing), timing.latency_ms)
            for device in devices
            for timing in device.timings
        ]
        self._evidence: dict[str, Evidence | None] = {}

    def latencies(
        self, device: Device, precision: TimingPrecision, macs: int
    ) -> tuple[Latency, ...]:
        """By each runtime that was timed on it, else on its core, else whichever.

        The one that is surely fast, by the upper end, comes first.

        Empty where no timing applies to it.
        """
        setups: dict[tuple[str | None, Processor, int | None], None] = dict.fromkeys(
            (timing.runtime, timing.processor, timing.threads)
            for timing in device.timings
            if timing.precision == precision
        )
        if not setups:
            setups = dict.fromkeys((name, "cpu", 1) for name in self._on_core(device, precision))
        cases = [_asked(device, precision, macs, *setup) for setup in setups]
        known = [latency for case in cases if (latency := self.latency(case)) is not None]
        return tuple(sorted(known, key=lambda latency: latency.milliseconds.high or math.inf))

    def latency(self, case: Case) -> Latency | None:
        """Of a network that nobody timed; None where no timing applies to it."""
        evidence = self._speaking(case)
        if evidence is None or not _applies(evidence, case):
            return None
        mean, deviation = evidence.predict(case)
        reach = half_width(evidence, deviation, self._confidence)
        basis, peers, words = _source(evidence, case)
        low, value, high = (math.exp(mean + sign * reach) for sign in (-1, 0, 1))
        sizes = [peer.macs for peer in peers if peer.macs is not None]
        if sizes and case.macs and case.macs < min(sizes):  # it may be nearly all fixed cost
            smallest = case._replace(macs=min(sizes))
            high = max(high, math.exp(evidence.predict(smallest)[0]))
        if sizes and case.macs and not min(sizes) / REACH <= case.macs <= max(sizes) * REACH:
            basis = "extrapolated"
            words += f"; those networks have {min(sizes):,} to {max(sizes):,} multiply-accumulates"
        milliseconds = Estimate(value, low, high)
        return Latency(case.runtime, milliseconds, basis, words, case.processor, case.threads)

    def _speaking(self, case: Case) -> Evidence | None:
        """Timings of its sort of processor, made ready once."""
        sort = _sort(case)
        if sort not in self._evidence:
            chosen = [timing for timing in self._timings if _sort(timing[0]) == sort]
            cases, milliseconds = [case for case, _ in chosen], [taken for _, taken in chosen]
            known = bool(chosen) and sort in SPREADS
            self._evidence[sort] = Evidence(cases, milliseconds, SPREADS[sort]) if known else None
        return self._evidence[sort]

    def _on_core(self, device: Device, precision: TimingPrecision) -> list[str | None]:
        """Runtimes that were timed at the precision on the processor core of a device."""
        runtimes = {
            case.runtime
            for case, _ in self._timings
            if (case.core, case.kind, case.precision) == (device.core, device.kind, precision)
        }
        return sorted(runtimes, key=str) or [None]


def _sort(case: Case) -> str:
    return "cpu" if case.processor == "cpu" else case.precision


def _asked(
    device: Device,
    precision: TimingPrecision,
    macs: int,
    runtime: str | None,
    processor: Processor,
    threads: int | None,
) -> Case:
    timing = Timing("", macs, precision, runtime or "", 1.0, "", processor, threads)
    return Case.of(device, timing)._replace(network=None, runtime=runtime)


def half_width(evidence: Evidence, deviation: float, confidence: float = CONFIDENCE) -> float:
    """Half an interval in log latency; Student's t by Abramowitz & Stegun, 26.7.5."""
    freedom = max(1, len({case.device for case in evidence.cases}) - 1)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return (z + first / freedom + second / freedom**2) * deviation


def _applies(evidence: Evidence, case: Case) -> bool:
    """Whether something that it can be compared with was timed at its precision."""
    alike = (case.kind, case.precision)
    near = [other for other in evidence.cases if (other.kind, other.precision) == alike]
    if case.processor != "cpu" or case.clock_mhz is None:
        near = [other for other in near if other.device == case.device]
    return bool(near)


def _source(evidence: Evidence, case: Case) -> tuple[Basis, list[Case], str]:
    """The nearest timings, and what to say of them."""
    setup = (case.device, case.processor, case.precision, case.runtime, case.threads)
    own = [
        other
        for other in evidence.cases
        if (other.device, other.processor, other.precision, other.runtime, other.threads) == setup
    ]
    if own:
        return (
            "timed",
            own,
            f"timed on this board with {_count({c.network for c in own}, 'other network')}",
        )
    others = [
        other
        for other in evidence.cases
        if other.precision == case.precision and other.kind == case.kind
    ]
    core = [other for other in others if other.core == case.core]
    if core:
        boards = _count({other.device for other in core}, "other board")
        return "scaled", core, f"timed on {boards} with its core, scaled by the clock"
    boards = _count({other.device for other in others}, "board")
    return "extrapolated", others, f"no board with its core was timed: {boards} with other cores"


def _count(things: set[str | None], noun: str) -> str:
    return f"{len(things)} {noun}{'s' if len(things) > 1 else ''}"
