"""The networks that can be built for a calibration's data: which is recommended, and its file."""

from collections.abc import Sequence
from pathlib import Path

from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.networks.architecture import SMALL_STEMS, Blueprint, parameters, small
from sizer.networks.recipe import small_family
from sizer.prediction.advice import Advice


def family(calibration: Calibration) -> list[Blueprint]:
    """The members of the small family for the calibration's data, the smallest first.

    Empty where its models are of no family that sizer builds.
    """
    data = calibration.dataset
    sides = {model.input_shape[0] for model in calibration.models if model.input_shape}
    trainings = {model.training for model in calibration.models}
    if data is None or len(sides) != 1 or not all(of and small_family(of) for of in trainings):
        return []
    return [small(stem, side, data.classes) for side in sides for stem in SMALL_STEMS]


def recommended_member(members: Sequence[Blueprint], advice: Advice) -> Blueprint | None:
    """The smallest member with the recommended size, None where there is none."""
    if advice.recommended is None:
        return None
    return member_with(members, advice.recommended)


def member_with(members: Sequence[Blueprint], size: int) -> Blueprint | None:
    """The smallest member of at least a size, None where there is none."""
    return next((member for member in members if parameters(member) >= size), None)


def check_export(calibration: Calibration, folder: Path) -> None:
    """Raise before any work what would keep the recommended size from being exported there."""
    from sizer.extras import require_extra

    require_extra("train", "sizer recommend --export")
    if not family(calibration):
        raise UsageError(
            "--export: the models of this calibration are of no family that sizer builds; "
            "take a calibration of a ladder that `sizer train` made"
        )
    from sizer import io

    io.make_folder(folder)
    io.check_writable(folder / "model.onnx")


def export_recommended(calibration: Calibration, advice: Advice, folder: Path) -> Path | None:
    """The file of the recommended architecture, untrained; None where no size is recommended."""
    from sizer.networks.export import export_untrained

    member = recommended_member(family(calibration), advice)
    if member is None or advice.verdict != "recommended":
        return None
    return export_untrained(member, folder)
