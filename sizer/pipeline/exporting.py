"""`recommend --export`: the recommended size as a network, untrained, to be timed on a device."""

from pathlib import Path

from sizer import files, io
from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.networks import architecture
from sizer.networks.export import export_untrained
from sizer.networks.extra import require_extra
from sizer.pipeline.devices import family
from sizer.results import Advice


def check_export(calibration: str, folder: Path) -> None:
    """Raise before any work what would keep the recommended size from being exported there."""
    require_extra("sizer recommend --export")
    if not family(files.read_calibration(files.find_calibration(calibration))):
        raise UsageError(
            f"--export: the models of {calibration} are of no family that sizer builds; "
            "take a calibration of a ladder that `sizer train` made"
        )
    io.make_folder(folder)
    io.check_writable(folder / "model.onnx")


def export_recommended(calibration: str, advice: Advice, folder: Path) -> Path | None:
    """The file of the recommended architecture, untrained; None where no size is recommended."""
    found = files.read_calibration(files.find_calibration(calibration))
    member = recommended_member(found, advice)
    if member is None or advice.verdict != "recommended":
        return None
    return export_untrained(member, folder)


def recommended_member(calibration: Calibration, advice: Advice) -> architecture.Blueprint | None:
    """The smallest member of the family with the recommended size, where the family is ours."""
    sizes = advice.parameters
    if sizes is None or sizes.recommended is None:
        return None
    large = (m for m in family(calibration) if architecture.parameters(m) >= sizes.recommended)
    return next(large, None)
