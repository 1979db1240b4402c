"""The answer of `recommend` in three lines: what to build, what it reaches, and on what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sizer.estimate import rounded
from sizer.report.devices import FEW, line, summary
from sizer.report.format import accuracy, accuracy_range, amount, percent, rests_on, size_up

if TYPE_CHECKING:
    from sizer.prediction.advice import Advice
    from sizer.prediction.lending import Borrowed


def lines(advice: "Advice") -> tuple[str, ...]:
    """The last ones are of the devices that were asked about."""
    told = {
        "recommended": _recommended,
        "bounded": _bounded,
        "unreachable": _unreachable,
        "untrusted": _untrusted,
    }[advice.verdict](advice)
    return (*told, *borrowed_of(advice.borrowed), *_devices(advice))


def borrowed_of(borrowed: "Sequence[Borrowed]") -> tuple[str, ...]:
    """A line where others were borrowed of."""
    return (f"growth with size rests {rests_on(borrowed)}",) if borrowed else ()


def built(advice: "Advice") -> str:
    """`width 2.25: 194,077 parameters`, or the size where sizer builds no such network."""
    member = advice.architecture
    if member is None:
        return f"{size_up(advice.recommended or 0)} parameters or more"
    return f"width {member.width:g}: {member.parameters:,} parameters"


def _recommended(advice: "Advice") -> list[str]:
    member = advice.architecture
    work = f", {amount(member.macs)} multiply-accumulates" if member else ""
    return [f"use {built(advice)}{work}", f"reaches {_asked(advice)}, {_sure(advice)}"]


def _bounded(advice: "Advice") -> list[str]:
    sizes = advice.parameters
    told = ["no size can be named"]
    if sizes is not None and sizes.low:
        told[0] += f": it takes at least {rounded(sizes.low)} parameters, 95 % sure"
    if advice.predictions:
        largest = advice.predictions[0]
        told.append(
            f"{_asked(advice)}: {largest.parameters:,} parameters, the largest trained, "
            f"have {accuracy_range(largest.accuracy)}"
        )
    if advice.settle:
        told.append(f"a training of {rounded(advice.settle)} parameters would settle it")
    return told


def _unreachable(advice: "Advice") -> list[str]:
    told = [f"no size of this family reaches {_asked(advice)}"]
    if advice.ceiling is not None:
        told.append(f"the most that any reaches there is {accuracy_range(advice.ceiling)}")
    if advice.largest_step is not None:
        target = accuracy(advice.requirement.target_accuracy)
        told.append(f"{target} is in reach up to {advice.noise(advice.largest_step)}")
    return told


def _untrusted(advice: "Advice") -> list[str]:
    return [f"nothing is known at {advice.noise()}", advice.reason]


def _asked(advice: "Advice") -> str:
    """The accuracy and the noise, with the pictures that it is of."""
    target, camera = accuracy(advice.requirement.target_accuracy), advice.camera
    if camera is None:
        return f"{target} at {advice.noise()}"
    pictures = "one picture's" if camera.used == 1 else f"the median of {camera.used:,} pictures"
    return f"{target} at {advice.noise()}, {pictures}"


def _sure(advice: "Advice") -> str:
    """How sure, and of which precision, where the devices' is another."""
    sizes, wanted = advice.parameters, advice.requirement.confidence
    confidence = sizes.confidence if sizes else None
    words = f"{percent(confidence or 0)} sure"
    if sizes is not None and not sizes.as_sure_as(wanted):
        words += f", not {percent(wanted)}: the family may not reach it at all"
    held = {verdict.footprint.precision for verdict in advice.devices if verdict.footprint}
    measured = advice.precision
    return f"{words}, in {measured}" if measured and held - {measured} else words


def _devices(advice: "Advice") -> list[str]:
    if len(advice.devices) > FEW:
        return [summary(advice.devices)]
    return [line(verdict) for verdict in advice.devices]
