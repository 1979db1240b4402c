"""Whether devices hold what is recommended, and the most that they hold."""

from collections.abc import Iterator
from dataclasses import replace

from sizer.calibration import Calibration
from sizer.devices.check import DeviceQuestion, Inspection
from sizer.devices.footprint import footprint, weights_alone
from sizer.devices.operations import operations
from sizer.devices.records import Device, DeviceVerdict, Footprint
from sizer.networks.architecture import Blueprint, parameters
from sizer.prediction.advice import NAMED_RATIO, Advice
from sizer.prediction.members import family, recommended_member
from sizer.prediction.outlook import Reach, reach
from sizer.prediction.question import Requirement


def device_verdicts(
    calibration: Calibration, advice: Advice, question: DeviceQuestion
) -> Iterator[DeviceVerdict]:
    """Of each device that is asked about, with the most that it holds.

    Raises DeviceError for a device that is not known, UsageError for limits that are none.
    """
    inspection = Inspection.of(question)
    member = recommended_member(family(calibration), advice)
    for device in inspection.devices:
        verdict = inspection.judge(device, _needs(inspection, member, advice))
        most = _held_at_most(calibration, advice.requirement, inspection, device)
        yield replace(verdict, reach=most)


def _needs(inspection: Inspection, member: Blueprint | None, advice: Advice) -> Footprint | None:
    """What the recommended size takes; of another family's, its weights alone are known."""
    if member is not None:
        return footprint(*operations(member), inspection.precision)
    if advice.recommended is None:
        return None
    return weights_alone(advice.recommended, inspection.precision)


def _held_at_most(
    calibration: Calibration, requirement: Requirement, inspection: Inspection, device: Device
) -> Reach | None:
    """The most that the largest member does which the device can hold; None where none is."""
    smallest, largest = calibration.sizes[0], NAMED_RATIO * calibration.sizes[-1]
    for member in reversed(family(calibration)):
        size = parameters(member)
        if smallest <= size <= largest:
            network = footprint(*operations(member), inspection.precision)
            if inspection.judge(device, network).verdict in {"PASS", "MARGINAL"}:
                return reach(calibration, requirement, size)
    return None
