"""Whether a network fits a device: resource by resource, with how sure that is and why.

Every need is an interval. PASS: its upper end leaves at least a tenth of the limit. TIGHT: its
upper end is within the limit. FAIL: its lower end is above the limit. UNSURE: the limit is inside
it. UNKNOWN: a figure is missing. NOT ASKED: nobody gave a limit.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sizer.devices.records import (
    Basis,
    Device,
    DeviceCheck,
    DeviceVerdict,
    Energy,
    Footprint,
    Grade,
    Latency,
    Limits,
)
from sizer.devices.units import show_bytes
from sizer.estimate import Estimate

FILLED = (9, 10)  # nine tenths of a limit: less than a tenth of headroom is TIGHT
# Published over scheduled activations, least and most of the seven MobileNetV1 in int8 of
# STMicroelectronics' model zoo: STM32Cube.AI overlaps tensors that we keep apart, and pads others.
ACTIVATIONS = (0.73, 1.25)
GRADES: tuple[Grade, ...] = ("FAIL", "UNKNOWN", "UNSURE", "TIGHT", "PASS")  # the first decides
TRUST: tuple[Basis, ...] = ("extrapolated", "scaled", "timed")
MEMORY_SOURCE: Mapping[Basis, str] = {
    "scaled": "counted, with what STM32Cube.AI needs on a Cortex-M",
    "extrapolated": "counted; what a runtime itself needs here was not measured",
}
FITS: frozenset[Grade] = frozenset({"PASS", "TIGHT"})


def judge(
    device: Device,
    footprint: Footprint | None,
    latencies: Sequence[Latency],
    limits: Limits,
    energy: Energy | None = None,
) -> DeviceVerdict:
    """footprint: None where no network is known. latencies: the one that counts first."""
    ram = _ram(device, footprint, limits)
    flash = _flash(device, footprint, limits)
    latency = _latency(latencies, limits)
    checks = {"RAM": ram, "flash": flash, "latency": latency}
    verdict = next(grade for grade in GRADES if any(c.verdict == grade for c in checks.values()))
    deciding = {name: check for name, check in checks.items() if check.verdict == verdict}
    sure = [c.basis for c in deciding.values() if c.basis and c.limit is not None]
    return DeviceVerdict(
        name=device.name,
        verdict=verdict,
        basis=min(sure, key=TRUST.index, default=None),
        reason="; ".join(f"{name}: {check.reason}" for name, check in deciding.items()),
        footprint=footprint,
        ram=ram,
        flash=flash,
        latency=latency,
        latencies=tuple(latencies),
        energy=energy,
    )


def ranked(verdicts: Iterable[DeviceVerdict]) -> tuple[DeviceVerdict, ...]:
    """What fits with the most room first, what fails by the most last."""
    return tuple(sorted(verdicts, key=lambda v: (-GRADES.index(v.verdict), fullest(v)[1], v.name)))


def fullest(verdict: DeviceVerdict) -> tuple[str, float]:
    """The resource whose need may take the most of its limit, and the share that it may take."""
    checks = {"RAM": verdict.ram, "flash": verdict.flash, "latency": verdict.latency}
    shares = {
        name: check.need.high / check.limit
        for name, check in checks.items()
        if check.need is not None and check.need.high is not None and check.limit
    }
    return max(shares.items(), key=lambda share: share[1], default=("", math.inf))


def check(
    need: Estimate | None,
    limit: float | None,
    basis: Basis | None,
    show: Callable[[float], str],
    missing: str,
) -> DeviceCheck:
    """One need against one limit, in one unit. missing: what to say where either is unknown."""
    if need is None or need.low is None or need.high is None or limit is None:
        return DeviceCheck("UNKNOWN", basis, missing, need, limit)
    low, high, most = show(need.low), show(need.high), show(limit)
    needs = f"needs {low if low == high else f'{low} to {high}'} of {most}"
    if need.low > limit:
        verdict: Grade = "FAIL"
    elif need.high * FILLED[1] <= limit * FILLED[0]:
        verdict = "PASS"
    elif need.high <= limit:
        verdict, needs = "TIGHT", f"{needs}, under 10 % headroom"
    else:
        verdict, needs = "UNSURE", f"{needs}: not known well enough to say"
    return DeviceCheck(verdict, basis, needs, need, limit)


def _ram(device: Device, footprint: Footprint | None, limits: Limits) -> DeviceCheck:
    need = None
    if footprint is not None and footprint.activations is not None:
        tensors = footprint.activations
        scheduled = Estimate(tensors, tensors * ACTIVATIONS[0], tensors * ACTIVATIONS[1])
        need = _sum(scheduled, footprint.ram, _exactly(limits.reserve_ram))
    missing = "the device's RAM is not known" if need else "the network's tensors are not known"
    limit, basis = _least(device.ram, limits.max_ram), _trust(device, footprint)
    return _with_source(check(need, limit, basis, show_bytes, missing))


def _flash(device: Device, footprint: Footprint | None, limits: Limits) -> DeviceCheck:
    need = None if footprint is None else _sum(_exactly(footprint.weights), footprint.code)
    limit, basis = _least(device.flash, limits.max_flash), _trust(device, footprint)
    if need and limit is None and device.external_flash:
        words = "flash is external, as large as the board has it; --max-flash bounds it"
        return _with_source(DeviceCheck("NOT ASKED", basis, words, need))
    missing = "the device's flash is not known" if need else "no network is known"
    return _with_source(check(need, limit, basis, show_bytes, missing))


def _with_source(memory: DeviceCheck) -> DeviceCheck:
    return replace(memory, source=MEMORY_SOURCE[memory.basis]) if memory.basis else memory


def _latency(latencies: Sequence[Latency], limits: Limits) -> DeviceCheck:
    if limits.max_latency_ms is None:
        timed = DeviceCheck("NOT ASKED", None, "no --max-latency was given")
    else:
        missing = "nothing timed at this precision speaks for it"
        need = latencies[0].milliseconds if latencies else None
        timed = check(need, limits.max_latency_ms, None, milliseconds, missing)
    if not latencies:
        return timed
    first = latencies[0]
    return replace(timed, need=first.milliseconds, basis=first.basis, source=first.reason)


def milliseconds(value: float) -> str:
    return f"{value:,.3g} ms" if value < 1000 else f"{value:,.0f} ms"


def _trust(device: Device, footprint: Footprint | None) -> Basis | None:
    """The runtime's own needs were measured in int8 on a Cortex-M."""
    if footprint is None:
        return None
    near = device.core.startswith("Cortex-M") and footprint.precision == "int8"
    return "scaled" if near else "extrapolated"


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


def _sum(*needs: Estimate) -> Estimate:
    """All in full: their ends are not independent."""
    return Estimate(
        sum(need.value or 0 for need in needs),
        sum(need.low or 0 for need in needs),
        sum(need.high or 0 for need in needs),
    )


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
