"""The answers of `devices`: the catalogue, and whether a network fits."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sizer.report.document import Document, Section, Table
from sizer.report.format import UNKNOWN, accuracy_range, interval, memory, noise_step, number, short

if TYPE_CHECKING:
    from sizer.devices.records import Device, DeviceCheck, DeviceVerdict
    from sizer.prediction.outlook import Reach

HEADINGS = ("device", "core", "MHz", "RAM", "flash", "timed")


def document(devices: "Sequence[Device]") -> Document:
    """The devices that are known; timed: how many networks at each precision."""
    table = Table("", HEADINGS, tuple(_device_row(device) for device in devices))
    return Document((Section("", (table,)),))


def verdicts_document(verdicts: "Sequence[DeviceVerdict]") -> Document:
    """Whether a network fits devices."""
    return Document((Section("", (verdict_table(verdicts),)),))


def _device_row(device: "Device") -> tuple[str, ...]:
    networks = {(timing.precision, timing.model) for timing in device.timings}
    counts = Counter(precision for precision, _ in sorted(networks))
    return (
        short(device.name if device.board is None else f"{device.name}, {device.board}"),
        short(device.core),
        number(device.clock_mhz, ".4g"),
        memory(device.ram),
        "external" if device.external_flash else memory(device.flash),
        ", ".join(f"{count} {precision}" for precision, count in counts.items()) or UNKNOWN,
    )


def verdict_table(verdicts: "Sequence[DeviceVerdict]") -> Table:
    """One row a device; what it holds in the last column, where that was asked."""
    headings = ["device", "verdict", "RAM", "flash", "latency", "takes"]
    reached = any(verdict.reach is not None for verdict in verdicts)
    if reached:
        headings.append("the most it holds")
    rows = tuple(_verdict_row(verdict)[: len(headings)] for verdict in verdicts)
    return Table("", tuple(headings), rows, records=True)


def _verdict_row(verdict: "DeviceVerdict") -> tuple[str, ...]:
    sure = f" ({verdict.basis})" if verdict.basis else ""
    takes = [
        f"{interval(latency.milliseconds)} ms by {short(latency.runtime or 'any runtime')}"
        for latency in verdict.latencies
    ]
    return (
        short(verdict.name),
        f"{verdict.verdict}{sure}",
        *(_check(check) for check in (verdict.ram, verdict.flash, verdict.latency)),
        "; ".join(takes) or UNKNOWN,
        _reach(verdict.reach),
    )


def _check(check: "DeviceCheck") -> str:
    sure = f" ({check.basis})" if check.basis else ""
    return f"{check.verdict}: {check.reason}{sure}"


def _reach(reach: "Reach | None") -> str:
    if reach is None:
        return UNKNOWN
    step = reach.noise_step
    upto = "at no step" if step is None else f"up to step {noise_step(step)}"
    return (
        f"{reach.parameters:,} parameters: {accuracy_range(reach.accuracy)} at this step, the "
        f"accuracy wanted {upto}"
    )
