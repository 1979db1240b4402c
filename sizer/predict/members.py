"""The networks that can be built for a calibration's data: which are recommended, and which fit."""

from collections.abc import Sequence
from pathlib import Path

from sizer import io
from sizer.calibration import Calibration
from sizer.devices.check import Inspection
from sizer.devices.footprint import footprint, weights_alone
from sizer.devices.operations import operations
from sizer.devices.records import Device, DeviceVerdict, Footprint
from sizer.errors import UsageError
from sizer.networks.architecture import SMALL_STEMS, Blueprint, parameters, small
from sizer.networks.extra import require_extra
from sizer.predict.advice import NAMED_RATIO, Advice
from sizer.predict.outlook import Reach, reach
from sizer.predict.question import Requirement


def family(calibration: Calibration) -> list[Blueprint]:
    """The members of the small family for the calibration's data, the smallest first.

    Empty where its models are of no family that sizer builds.
    """
    data = calibration.dataset
    if data is None or not all(model.training for model in calibration.models):
        return []
    return [small(stem, data.shape[0], data.classes) for stem in SMALL_STEMS]


def recommended_member(members: Sequence[Blueprint], advice: Advice) -> Blueprint | None:
    """The smallest member with the recommended size, None where there is none."""
    if advice.recommended is None:
        return None
    return member_with(members, advice.recommended)


def member_with(members: Sequence[Blueprint], size: int) -> Blueprint | None:
    """The smallest member of at least a size, None where there is none."""
    return next((member for member in members if parameters(member) >= size), None)


def device_verdict(
    calibration: Calibration,
    advice: Advice,
    member: Blueprint | None,
    inspection: Inspection,
    device: Device,
) -> tuple[DeviceVerdict, Reach | None]:
    """Whether the device holds what is recommended, and the most that it holds."""
    verdict = inspection.judge(device, _needs(inspection, member, advice))
    return verdict, _held_at_most(calibration, advice.requirement, inspection, device)


def check_export(calibration: Calibration, folder: Path) -> None:
    """Raise before any work what would keep the recommended size from being exported there."""
    require_extra("sizer recommend --export")
    if not family(calibration):
        raise UsageError(
            "--export: the models of this calibration are of no family that sizer builds; "
            "take a calibration of a ladder that `sizer train` made"
        )
    io.make_folder(folder)
    io.check_writable(folder / "model.onnx")


def export_recommended(calibration: Calibration, advice: Advice, folder: Path) -> Path | None:
    """The file of the recommended architecture, untrained; None where no size is recommended."""
    from sizer.networks.export import export_untrained

    member = recommended_member(family(calibration), advice)
    if member is None or advice.verdict != "recommended":
        return None
    return export_untrained(member, folder)


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
