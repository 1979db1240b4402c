"""The answers of `devices`: the catalogue, and whether a network fits."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sizer.report.document import Document, Section, Table
from sizer.report.format import UNKNOWN, accuracy_range, interval, memory, noise_step, number, short

if TYPE_CHECKING:
    from sizer.devices.records import Device, DeviceCheck, DeviceVerdict, Energy, Latency
    from sizer.inference.records import Precision
    from sizer.prediction.outlook import Reach

FEW = 5  # devices that are described at length
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


def precisions(accuracy: "Precision | None", verdicts: "Sequence[DeviceVerdict]") -> str | None:
    """What to say where accuracy and footprint are of two precisions."""
    held = next(
        (verdict.footprint.precision for verdict in verdicts if verdict.footprint), accuracy
    )
    if accuracy is None or held == accuracy:
        return None
    return f"accuracy {accuracy}, footprint {held}: run sizer quantize to know what {held} loses"


def verdict_table(verdicts: "Sequence[DeviceVerdict]") -> Table:
    """All that is known of each device, or, of more than a few, a line each."""
    return _lines(verdicts) if len(verdicts) > FEW else _records(verdicts)


def _records(verdicts: "Sequence[DeviceVerdict]") -> Table:
    """Energy where one is known; what a device holds in the last column, where that was asked."""
    columns: dict[str, Callable[[DeviceVerdict], str]] = {
        "RAM": lambda v: _check(v.ram),
        "flash": lambda v: _check(v.flash),
        "latency": lambda v: _check(v.latency),
        "takes": _takes,
    }
    if any(verdict.energy for verdict in verdicts):
        columns["energy"] = lambda v: _energy(v.energy)
    if any(verdict.reach for verdict in verdicts):
        columns["the most it holds"] = lambda v: _reach(v.reach)
    rows = tuple(
        (short(v.name), v.verdict, *(cell(v) for cell in columns.values())) for v in verdicts
    )
    return Table("", ("device", "verdict", *columns), rows, records=True)


def _lines(verdicts: "Sequence[DeviceVerdict]") -> Table:
    headings = ["device", "verdict", "fullest", "takes, ms"]
    holds = any(verdict.reach is not None for verdict in verdicts)
    if holds:
        headings.append("holds, parameters")
    rows = tuple(
        (short(v.name), v.verdict, _fullest(v), _fastest(v), _held(v))[: len(headings)]
        for v in verdicts
    )
    return Table("", tuple(headings), rows)


def _fullest(verdict: "DeviceVerdict") -> str:
    from sizer.devices.verdict import fullest

    name, share = fullest(verdict)
    return f"{name} {share:.0%}" if name else UNKNOWN


def _fastest(verdict: "DeviceVerdict") -> str:
    return interval(verdict.latencies[0].milliseconds) if verdict.latencies else UNKNOWN


def _held(verdict: "DeviceVerdict") -> str:
    return UNKNOWN if verdict.reach is None else f"{verdict.reach.parameters:,}"


def _takes(verdict: "DeviceVerdict") -> str:
    takes = [
        f"{interval(latency.milliseconds)} ms by {_setup(latency)}" for latency in verdict.latencies
    ]
    return "; ".join(takes) or UNKNOWN


def _setup(latency: "Latency") -> str:
    """The runtime, and on what it runs where that is not one thread of the CPU."""
    name = short(latency.runtime or "any runtime")
    if latency.processor != "cpu":
        return f"{name} on its {latency.processor.upper()}"
    return f"{name}, {latency.threads} threads" if (latency.threads or 1) > 1 else name


def _check(check: "DeviceCheck") -> str:
    return f"{check.verdict}: {check.reason}{f' ({check.source})' if check.source else ''}"


def _energy(energy: "Energy | None") -> str:
    if energy is None:
        return UNKNOWN
    used = interval(
        energy.microjoules, ",.3g" if (energy.microjoules.value or 0) < 1000 else ",.0f"
    )
    return f"{used} uJ an image by {short(energy.runtime)} ({energy.reason})"


def _reach(reach: "Reach | None") -> str:
    if reach is None:
        return "no size that is sure to fit"
    step = reach.noise_step
    upto = "at no step" if step is None else f"up to step {noise_step(step)}"
    return (
        f"{reach.parameters:,} parameters, sure to fit: {accuracy_range(reach.accuracy)} at this "
        f"step, the accuracy wanted {upto}"
    )
