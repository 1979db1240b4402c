"""Which devices hold what is recommended, and what they hold at most."""

from sizer.advise import largest_size, reach
from sizer.calibration import Calibration
from sizer.devices.check import Inspection
from sizer.devices.footprint import footprint, weights_alone
from sizer.devices.operations import operations
from sizer.devices.records import Device, Footprint, Reach
from sizer.networks.architecture import SMALL_STEMS, Blueprint, parameters, small
from sizer.results import Advice, Requirement


def needs(inspection: Inspection, member: Blueprint | None, advice: Advice) -> Footprint | None:
    """What the recommended size takes; of another family's, its weights alone are known."""
    if member is not None:
        return footprint(*operations(member), inspection.precision)
    sizes = advice.parameters
    if sizes is None or sizes.recommended is None:
        return None
    return weights_alone(sizes.recommended, inspection.precision)


def held_at_most(
    calibration: Calibration, requirement: Requirement, inspection: Inspection, device: Device
) -> Reach | None:
    """The most that the largest member does which the device can hold; None where none is."""
    smallest, largest = calibration.sizes[0], largest_size(calibration)
    for member in reversed(family(calibration)):
        size = parameters(member)
        if smallest <= size <= largest:
            network = footprint(*operations(member), inspection.precision)
            if inspection.judge(device, network).verdict in {"PASS", "MARGINAL"}:
                return reach(calibration, requirement, size)
    return None


def family(calibration: Calibration) -> list[Blueprint]:
    """The members of the small family for the calibration's data, the smallest first."""
    data = calibration.dataset
    if data is None or not all(model.training for model in calibration.models):
        return []
    return [small(stem, data.shape[0], data.classes) for stem in SMALL_STEMS]
