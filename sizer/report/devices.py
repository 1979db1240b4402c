"""The answers of `devices`: the catalogue, and whether a network fits."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sizer.report.document import Document, Paragraph, Section, Table
from sizer.report.format import (
    UNKNOWN,
    accuracy_range,
    interval,
    memory,
    number,
    percent,
    short,
    two_digits,
)

if TYPE_CHECKING:
    from sizer.devices.records import Device, DeviceCheck, DeviceVerdict, Energy, Latency
    from sizer.inference.records import Precision
    from sizer.prediction.outlook import Reach

FEW = 5  # devices that are described at length
BEST = 10  # of many devices, those that a terminal lists
HEADINGS = ("device", "core", "MHz", "RAM", "flash", "timed")


def document(devices: "Sequence[Device]") -> Document:
    """The devices that are known; timed: how many networks at each precision."""
    table = Table("", HEADINGS, tuple(_device_row(device) for device in devices))
    return Document((Section("", (table,)),))


def verdicts_document(verdicts: "Sequence[DeviceVerdict]") -> Document:
    """Whether a network fits devices."""
    if len(verdicts) > FEW:
        return Document(tables(verdicts), answer=(summary(verdicts),))
    return Document(tables(verdicts), answer=tuple(line(verdict) for verdict in verdicts))


def tables(verdicts: "Sequence[DeviceVerdict]", words: str | None = None) -> tuple[Section, ...]:
    """All that is known of a few devices; of many the best, a line each, and all as a detail.

    words: to be said of all of them.
    """
    said = () if words is None else (Paragraph(words),)
    if len(verdicts) <= FEW:
        return (Section("Devices", (*said, _records(verdicts)), detail=True),)
    rest = replace(_lines(verdicts[BEST:]), title=f"The other {len(verdicts) - BEST}", detail=True)
    return (Section("Devices", (*said, _lines(verdicts[:BEST]), rest)),)


def summary(verdicts: "Sequence[DeviceVerdict]") -> str:
    """Of many devices, how many have each verdict."""
    counts: Counter[str] = Counter(verdict.verdict for verdict in verdicts)
    words = {
        "PASS": "fit",
        "TIGHT": "fit with under 10 % to spare",
        "UNSURE": "are not known well enough",
        "UNKNOWN": "lack a figure",
        "FAIL": "do not",
    }
    told = [f"{counts[grade]} {said}" for grade, said in words.items() if counts[grade]]
    return f"of {len(verdicts)} devices {', '.join(told)}"


def line(verdict: "DeviceVerdict") -> str:
    """`STM32H747XI, int8: fits; latency may not: 19 ms (8 to 48) of 50`."""
    network = verdict.footprint
    name = short(verdict.name) + (f", {network.precision}" if network else "")
    told = ["there is no size to judge"]
    if network is not None:
        told = [word for word in (_memory_words(verdict), _latency_words(verdict)) if word]
    if verdict.reach is not None and (network is None or verdict.verdict == "FAIL"):
        reach = verdict.reach
        told.append(f"it holds {reach.parameters:,} parameters: {accuracy_range(reach.accuracy)}")
    return f"{name}: {'; '.join(told)}"


def _memory_words(verdict: "DeviceVerdict") -> str:
    """Whether RAM and flash hold it, with the amounts of what does not or may not."""
    checks = {"RAM": verdict.ram, "flash": verdict.flash}
    for grade, words in (("FAIL", "does not fit"), ("UNSURE", "may not fit")):
        told = [
            f"{name} {_amounts(check)}" for name, check in checks.items() if check.verdict == grade
        ]
        if told:
            return f"{words}: {', '.join(told)}"
    unknown = [name for name, check in checks.items() if check.verdict == "UNKNOWN"]
    if unknown:
        return f"{' and '.join(unknown)} not known"
    tight = [name for name, check in checks.items() if check.verdict == "TIGHT"]
    return f"fits, with under 10 % of {' and '.join(tight)} to spare" if tight else "fits"


def _amounts(check: "DeviceCheck") -> str:
    """`78 to 129 of 128 KiB`."""
    need, limit = check.need, check.limit
    if need is None or need.low is None or need.high is None or limit is None:
        return UNKNOWN
    low, high = (f"{end / 2**10:,.0f}" for end in (need.low, need.high))
    return f"{low if low == high else f'{low} to {high}'} of {limit / 2**10:,.0f} KiB"


def _latency_words(verdict: "DeviceVerdict") -> str:
    """The time of an image, before it whether it is too long."""
    check = verdict.latency
    if check.need is None or check.need.value is None:
        return "latency not known" if check.verdict == "UNKNOWN" else ""
    ends = f"{two_digits(check.need.low or 0)} to {two_digits(check.need.high or math.inf)}"
    limit = "" if check.limit is None else f" of {check.limit:g}"
    words = {"FAIL": "too slow: ", "UNSURE": "latency may not: "}.get(check.verdict, "")
    return f"{words}{two_digits(check.need.value)} ms ({ends}){limit}"


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
    from sizer.noise.units import in_words

    step = reach.noise_step
    upto = "at no noise" if step is None else f"up to {in_words(step, reach.schedule)}"
    return (
        f"{reach.parameters:,} parameters, {percent(reach.confidence)} sure to fit: "
        f"{accuracy_range(reach.accuracy)} at this noise, the accuracy wanted {upto}"
    )
