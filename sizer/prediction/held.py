"""Whether devices hold what is recommended, and the most that they hold."""

import functools
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from sizer.calibration import Calibration
from sizer.devices.check import DeviceQuestion, Inspection
from sizer.devices.footprint import footprint, weights_alone
from sizer.devices.operations import operations
from sizer.devices.records import Device, DeviceVerdict, Footprint
from sizer.devices.verdict import FITS
from sizer.networks.architecture import Blueprint, parameters
from sizer.prediction.advice import NAMED_RATIO, Advice
from sizer.prediction.members import family, recommended_member
from sizer.prediction.outlook import Reach, reach


def device_verdicts(
    calibration: Calibration, advice: Advice, question: DeviceQuestion
) -> tuple[DeviceVerdict, ...]:
    """Of each device that is asked about, with the most that it holds.

    Raises DeviceError for a device that is not known, UsageError for limits that are none.
    """
    inspection = Inspection.of(question)
    member = recommended_member(family(calibration), advice)
    needs = _needs(inspection, member, advice)
    candidates = _candidates(calibration, inspection)

    @functools.cache
    def does(size: int) -> Reach | None:
        return reach(calibration, advice.requirement, size)

    def verdict(device: Device) -> DeviceVerdict:
        size = _most(inspection, device, candidates)
        return replace(inspection.judge(device, needs), reach=None if size is None else does(size))

    return inspection.ordered(verdict(device) for device in inspection.devices)


def _needs(inspection: Inspection, member: Blueprint | None, advice: Advice) -> Footprint | None:
    """What the recommended size takes; of another family's, its weights alone are known."""
    if member is not None:
        return footprint(*operations(member), inspection.precision)
    if advice.recommended is None:
        return None
    return weights_alone(advice.recommended, inspection.precision)


def _candidates(calibration: Calibration, inspection: Inspection) -> list[tuple[int, Footprint]]:
    """Parameters and needs of the members that may be named, the smallest first."""
    smallest, largest = calibration.sizes[0], NAMED_RATIO * calibration.sizes[-1]
    return [
        (size, footprint(*operations(member), inspection.precision))
        for member in family(calibration)
        if smallest <= (size := parameters(member)) <= largest
    ]


def _most(
    inspection: Inspection, device: Device, candidates: Sequence[tuple[int, Footprint]]
) -> int | None:
    """The largest member that surely fits: a larger one needs more of everything."""
    small = bisect_left(
        candidates,
        True,
        key=lambda member: inspection.judge(device, member[1]).verdict not in FITS,
    )
    return candidates[small - 1][0] if small else None
