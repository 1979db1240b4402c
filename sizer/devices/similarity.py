"""How alike two latencies are: the covariance of a mixed log-linear model, and what follows.

log latency = log MACs - log cycles per ms + a sum of random effects, one a factor: the core, the
device, the runtime, the network and so on. Two latencies covary by the variances of the factors
whose level they share. What is predicted is the best linear predictor with its standard error
(Robinson 1991, "That BLUP is a good thing"): an effect that few timings tell is shrunk to zero, and
one that none tells, as that of a new network, widens the interval by all its spread.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizer.devices.records import Device, Processor, Timing, TimingPrecision

Floats = NDArray[np.float64]
MIDDLE = 18.0  # log of the multiply-accumulates at which effects of size are zero: 66 million
NOMINAL_MHZ = {"microcontroller": 200.0, "linux": 1500.0}  # where the clock is not known
SLOPE = {"cpu": 1.0, "gpu": 0.5, "npu": 0.5}  # of log latency on log MACs, before any timing


class Case(NamedTuple):
    """What a latency depends on. kind: of the device, of an accelerator its processor.

    network, runtime: None of a network that nobody timed, and of whichever runtime. macs: None
    where not published. clock_mhz: None of accelerators, and where it is not known.
    """

    device: str
    core: str
    kind: str
    processor: Processor
    precision: TimingPrecision
    runtime: str | None
    threads: int | None = None
    network: str | None = None
    macs: int | None = None
    clock_mhz: float | None = None

    @classmethod
    def of(cls, device: Device, timing: Timing) -> "Case":
        on_cpu = timing.processor == "cpu"
        return cls(
            device=device.name,
            core=device.core if on_cpu else device.accelerator or device.name,
            kind=device.kind if on_cpu else timing.processor,
            processor=timing.processor,
            precision=timing.precision,
            runtime=timing.runtime,
            threads=timing.threads,
            network=timing.model,
            macs=timing.macs,
            clock_mhz=device.clock_mhz if on_cpu else None,
        )

    @property
    def work(self) -> float:
        return 0.0 if self.macs is None else math.log(self.macs) - MIDDLE

    @property
    def offset(self) -> float:
        """Log latency, but for a constant, were all effects zero."""
        clock = self.clock_mhz or NOMINAL_MHZ.get(self.kind, 1.0)
        cycles = math.log(clock * (self.threads or 1)) if self.processor == "cpu" else 0.0
        return SLOPE[self.processor] * self.work - cycles


class Factor(NamedTuple):
    """level: what two cases share or not. value: by which the effect of the level counts."""

    level: Callable[[Case], Hashable]
    value: Callable[[Case], float] = lambda _: 1.0


FACTORS: Mapping[str, Factor] = {
    "kind": Factor(lambda case: case.kind),
    "kind, by work": Factor(lambda case: case.kind, lambda case: case.work),
    "precision": Factor(lambda case: (case.precision, case.kind)),
    "threads": Factor(lambda case: case.kind, lambda case: math.log(case.threads or 1)),
    "unknown clock": Factor(
        lambda case: case.device, lambda case: float(case.processor == "cpu" and not case.clock_mhz)
    ),
    "unknown MACs": Factor(lambda case: case.network, lambda case: float(case.macs is None)),
    "core": Factor(lambda case: (case.core, case.kind)),
    "core, by work": Factor(lambda case: (case.core, case.kind), lambda case: case.work),
    "device": Factor(lambda case: case.device),
    "runtime": Factor(lambda case: case.runtime),
    "runtime and precision": Factor(lambda case: (case.runtime, case.precision)),
    "setup": Factor(lambda case: (case.device, case.runtime, case.precision, case.threads)),
    "network": Factor(lambda case: case.network),
    "network and runtime": Factor(lambda case: (case.network, case.runtime, case.precision)),
}
# Standard deviations in log latency. Wide: what timings alone shall tell.
WIDE = {
    "kind": 3.0,
    "kind, by work": 0.3,
    "precision": 1.0,
    "threads": 0.5,
    "unknown clock": 1.0,
    "unknown MACs": 3.0,
}
REST = "timing"  # what is each timing's own


class Evidence:
    """Timings, and what they tell of other cases.

    spreads: of the factors and of `REST`, standard deviations in log latency. above: each log
    latency less its offset, about the mean.
    """

    def __init__(
        self, cases: Sequence[Case], milliseconds: Sequence[float], spreads: Mapping[str, float]
    ) -> None:
        self.cases = tuple(cases)
        self._spreads = {**WIDE, **spreads}
        self._columns = [
            (self._spreads[name] ** 2, Column(factor, cases))
            for name, factor in FACTORS.items()
            if name in self._spreads
        ]
        logs = np.log(milliseconds) - [case.offset for case in cases]
        self._center = float(np.mean(logs))
        self.above = logs - self._center

    def predict(self, case: Case) -> tuple[float, float]:
        """The mean of log latency, ms, and its standard deviation."""
        shared = sum(variance * column.shared(case) for variance, column in self._columns)
        weights = self._inverse @ shared
        mean = float(weights @ self.above)
        own = sum(variance * column.value(case) ** 2 for variance, column in self._columns)
        left = own + self._spreads[REST] ** 2 - float(weights @ shared)
        return case.offset + self._center + mean, math.sqrt(left)

    @property
    def covariance(self) -> Floats:
        total = np.eye(len(self.cases)) * self._spreads[REST] ** 2
        for variance, column in self._columns:
            total += variance * column.among()
        return total

    @cached_property
    def _inverse(self) -> Floats:
        return np.asarray(np.linalg.inv(self.covariance), dtype=np.float64)


class Column:
    """A factor's level, as a number, and its value, of each case."""

    def __init__(self, factor: Factor, cases: Sequence[Case]) -> None:
        self._factor = factor
        self._numbers: dict[Hashable, int] = {}
        levels = [factor.level(case) for case in cases]
        self._levels = np.array([self._numbers.setdefault(x, len(self._numbers)) for x in levels])
        self._values = np.array([factor.value(case) for case in cases])

    def among(self) -> Floats:
        """Of each pair of cases, the product of their values where they share the level."""
        same = self._levels[:, None] == self._levels
        return np.where(same, np.outer(self._values, self._values), 0.0)

    def shared(self, case: Case) -> Floats:
        same = self._levels == self._numbers.get(self._factor.level(case), -1)
        return np.where(same, self._values * self.value(case), 0.0)

    def value(self, case: Case) -> float:
        return self._factor.value(case)
