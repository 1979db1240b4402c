"""The noise that a question is about, in whichever way it was given."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.calibration import Calibration
from sizer.datasets.records import Preprocessing
from sizer.errors import UsageError
from sizer.noise import level_from, schedule_named
from sizer.progress import ReportProgress

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise

LITTLE = 0.9  # of a camera's noise that resizing leaves: below it, it is said


@dataclass(frozen=True, slots=True)
class AskedNoise:
    """The noise in one of these ways: a step, grey levels, dB, or a folder of pictures."""

    step: float | None = None
    sigma: float | None = None
    snr_db: float | None = None
    pictures: str | Path | None = None


def noise_step(
    calibration: Calibration, noise: AskedNoise, progress: ReportProgress
) -> "tuple[float, CameraNoise | None]":
    """The noise in steps, and the pictures that it came from: their median.

    Raises UsageError where it is given not at all, twice, or in a unit that the calibration does
    not have.
    """
    level = {"step": noise.step, "sigma": noise.sigma, "snr_db": noise.snr_db}
    if sum(given is not None for given in (*level.values(), noise.pictures)) != 1:
        raise UsageError("give the noise once: --noise-step, --sigma, --snr-db or --noise-from")
    if calibration.schedule is None:
        if noise.step is None:
            raise UsageError("this calibration's noise has its own unit: give --noise-step in it")
        return noise.step, None
    schedule = schedule_named(calibration.schedule)
    if noise.pictures is None:
        return level_from(schedule, **level).step, None
    from sizer.noise.camera import camera_noise

    camera = camera_noise([Path(noise.pictures)], schedule, progress)
    said = _resized(calibration, camera)
    return camera.step.median, replace(camera, warnings=(*camera.warnings, *said))


def _resized(calibration: Calibration, camera: "CameraNoise") -> Iterator[str]:
    """A warning where the models see the pictures so much smaller that little noise is left."""
    from sizer.noise.resampling import noise_kept, size_of

    inputs = [(m.input_shape, m.crop_share) for m in calibration.models if m.input_shape]
    if not inputs:
        return
    (height, width), to = size_of(camera), Preprocessing(*max(inputs, key=itemgetter(0)))
    if height <= to.shape[0] or width <= to.shape[1]:
        return
    kept = noise_kept((height, width), to)
    if kept < LITTLE:
        yield (
            f"the pictures are {height} x {width}, the models see {to.shape[0]} x {to.shape[1]}: "
            f"resizing leaves {kept:.0%} of noise that each pixel has of its own; "
            f"ask with --sigma {kept * camera.sigma.median:.2g} for that"
        )
