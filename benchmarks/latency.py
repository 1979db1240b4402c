"""How well latencies are predicted: `python benchmarks/latency.py`; `--fit` fits the spreads.

Each timing is predicted without the timings of its device (as for a device that nobody timed), or
without those of its network on its device (as for a new network on a timed device). Counted are
timings whose multiply-accumulates are published, at a precision that can be asked about.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sizer.devices.catalogue import shipped_devices
from sizer.devices.latency import SPREADS, half_width
from sizer.devices.records import Device
from sizer.devices.similarity import FACTORS, REST, WIDE, Case, Evidence, Floats

BEFORE = (-1.2, 2.0)  # mean and sd of a log spread before any timing is seen
NAMES = {"cpu": "cpu", "int8": "accelerators, int8", "fp16": "accelerators, fp16"}
Group = Callable[[Case], Hashable]
LEFT_OUT: Mapping[str, Group] = {
    "device": lambda case: case.device,
    "network on device": lambda case: (case.device, case.network),
}


@dataclass(frozen=True)
class Prediction:
    """A timing that was left out. error: log of latency over what was predicted."""

    case: Case
    error: float
    deviation: float
    reach: float

    @property
    def inside(self) -> bool:
        return abs(self.error) <= self.reach


def sorts(devices: Sequence[Device]) -> dict[str, tuple[list[Case], list[float]]]:
    """Timings by what is fitted together: those of CPUs, and of accelerators at each precision."""
    timings: dict[str, tuple[list[Case], list[float]]] = {sort: ([], []) for sort in SPREADS}
    for device in devices:
        for timing in device.timings:
            case = Case.of(device, timing)
            cases, latencies = timings.get(
                "cpu" if case.processor == "cpu" else case.precision, ([], [])
            )
            cases.append(case)
            latencies.append(timing.latency_ms)
    return timings


def left_out(
    cases: Sequence[Case], milliseconds: Sequence[float], spreads: Mapping[str, float], group: Group
) -> Iterator[Prediction]:
    """Each timing predicted without all of its group."""
    groups = defaultdict(list)
    for i, case in enumerate(cases):
        groups[group(case)].append(i)
    for members in groups.values():
        kept = sorted(set(range(len(cases))) - set(members))
        rest = Evidence([cases[i] for i in kept], [milliseconds[i] for i in kept], spreads)
        for i in members:
            if cases[i].macs is not None and cases[i].precision != "w8a16":
                mean, deviation = rest.predict(cases[i]._replace(network=None))
                error = math.log(milliseconds[i]) - mean
                yield Prediction(cases[i], error, deviation, half_width(rest, deviation))


def fit(cases: Sequence[Case], milliseconds: Sequence[float]) -> dict[str, float]:
    """The spreads of the greatest marginal likelihood, with a wide prior on their logarithms."""
    from scipy.optimize import minimize

    unknown = [name for name in FACTORS if name not in WIDE]
    parts, fixed, above = _parts(cases, milliseconds, unknown)

    def loss(logs: Floats) -> tuple[float, Floats]:
        covariance = fixed + sum(
            math.exp(2 * x) * part for x, part in zip(logs, parts, strict=True)
        )
        inverse, (_, determinant) = np.linalg.inv(covariance), np.linalg.slogdet(covariance)
        weights = inverse @ above
        slack = inverse - np.outer(weights, weights)
        gradient = [math.exp(2 * x) * np.sum(slack * p) for x, p in zip(logs, parts, strict=True)]
        far = (logs - BEFORE[0]) / BEFORE[1]
        value = (above @ weights + determinant + far @ far) / 2
        return value, np.array(gradient) + far / BEFORE[1]

    start = np.full(len(parts), BEFORE[0])
    logs = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-4, 1)] * len(parts)).x
    return {name: round(math.exp(x), 3) for name, x in zip([*unknown, REST], logs, strict=True)}


def _parts(
    cases: Sequence[Case], milliseconds: Sequence[float], unknown: Sequence[str]
) -> tuple[list[Floats], Floats, Floats]:
    """Covariance by unit spread of each factor, that of the wide ones, and the log latencies."""
    nothing = dict.fromkeys(WIDE, 0.0) | {REST: 0.0}
    parts = [Evidence(cases, milliseconds, nothing | {name: 1.0}).covariance for name in unknown]
    evidence = Evidence(cases, milliseconds, {REST: 0.0})
    return [*parts, np.eye(len(cases))], evidence.covariance, evidence.above


def shown(name: str, what: str, predictions: Sequence[Prediction]) -> str:
    inside = np.mean([one.inside for one in predictions])
    width = math.exp(2 * float(np.median([one.reach for one in predictions])))
    off = math.exp(float(np.sqrt(np.mean([one.error**2 for one in predictions]))))
    return f"| {name} | {what} | {len(predictions)} | {inside:.3f} | {width:.1f} | {off:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit the spreads, and use them")
    refit = parser.parse_args().fit
    everything = defaultdict(list)
    print("| timings of | left out | timings | inside | high over low, median | off by (RMS) |")
    print("|---|---|---|---|---|---|")
    for sort, (cases, milliseconds) in sorts(shipped_devices()).items():
        spreads = fit(cases, milliseconds) if refit else SPREADS[sort]
        if refit:
            print(f'    "{sort}": {spreads},')
        for what, group in LEFT_OUT.items():
            predictions = list(left_out(cases, milliseconds, spreads, group))
            everything[what] += predictions
            print(shown(NAMES[sort], what, predictions))
    for what, predictions in everything.items():
        print(shown("all", what, predictions))


if __name__ == "__main__":
    main()
