"""The noise of a camera, estimated from its own pictures.

sigma is the median absolute deviation of the finest diagonal wavelet coefficients over 0.6745
(Donoho & Johnstone 1994, Biometrika 81, 425, section 4.2), one channel at a time, then averaged.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError
from sizer.noise.schedule import NoiseSchedule, linear_schedule
from sizer.progress import ReportProgress, no_progress

LARGEST_FILE = 1 << 28  # bytes: a picture of 89 million pixels, not compressed
SMALLEST_SIDE = 16  # pixels: below, a median of too few coefficients
LARGEST_SIDE = 2048  # pixels of the middle of a larger picture, which bounds memory
LOSSY = (".jpg", ".jpeg", ".webp")
PERCENTILES = (50, 5, 95)  # over the pictures: median, low, high

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PictureNoise:
    """One picture's noise: sigma in grey levels of 0..255, or why it could not be estimated."""

    path: str
    sigma: float | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, and the bounds of the middle 90 %. More pictures do not narrow it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CameraNoise:
    """What a camera's pictures say of its noise, over those that could be used.

    sigma: grey levels of 0..255; step: of a noise schedule. used, skipped: counts of `pictures`.
    """

    sigma: Spread
    step: Spread
    used: int
    skipped: int
    pictures: tuple[PictureNoise, ...]
    warnings: tuple[str, ...] = ()


def camera_noise(
    paths: Sequence[Path],
    schedule: NoiseSchedule | None = None,
    progress: ReportProgress = no_progress,
) -> CameraNoise:
    """The noise that pictures show, and its spread over them.

    paths: picture files, and folders, whose picture files count wherever they lie inside. A file
    that is no usable picture is skipped and counted. schedule: whose steps are meant, the linear
    one by default. Raises DataError where no picture is left.
    """
    files, report = picture_files(paths), progress("estimating the noise")
    pictures = []
    for done, path in enumerate(files, 1):
        pictures.append(_measured(path))
        report(done, len(files))
    sigmas = [picture.sigma for picture in pictures if picture.sigma is not None]
    if not sigmas:
        raise DataError(_none_left(pictures))
    step_from_sigma = (schedule or linear_schedule()).step_from_sigma
    median, low, high = np.percentile(sigmas, PERCENTILES).tolist()
    return CameraNoise(
        sigma=Spread(median, low, high),
        step=Spread(*map(step_from_sigma, (median, low, high))),
        used=len(sigmas),
        skipped=len(pictures) - len(sigmas),
        pictures=tuple(pictures),
        warnings=_warnings(pictures),
    )


def picture_files(paths: Sequence[Path]) -> list[Path]:
    from sizer.datasets.images import pictures_in

    files = []
    for path in paths:
        try:
            members = pictures_in(path) if path.is_dir() else [path]
            there = bool(members) and members[0].is_file()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}; give picture files, or a folder") from error
        if not there:
            raise DataError(f"{path}: no picture there; give picture files, or a folder of them")
        files += members
    return files


def picture_sigma(pixels: Pixels) -> float:
    """Standard deviation of the noise in a picture (height, width, channels), in grey levels.

    Fine texture counts as noise. Noise that neighbouring pixels share is underestimated. Raises
    ValueError for a picture too small, or flat in every channel.
    """
    from skimage.restoration import estimate_sigma

    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"is smaller than {SMALLEST_SIDE} pixels a side")
    channels = [channel for channel in np.moveaxis(_middle(pixels), 2, 0) if np.ptp(channel)]
    if not channels:
        raise ValueError("is one flat colour")
    image = np.stack(channels, axis=-1).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a picture whose coefficients are all 0
        sigmas = estimate_sigma(image, channel_axis=-1)  # type: ignore[no-untyped-call]
    return float(np.mean(np.nan_to_num(sigmas)))  # its estimate is nan, and its noise 0


def _middle(pixels: Pixels) -> Pixels:
    top, left = (max(0, side - LARGEST_SIDE) // 2 for side in pixels.shape[:2])
    return pixels[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE]


def _measured(path: Path) -> PictureNoise:
    from sizer.datasets.images import decode

    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"is larger than {LARGEST_FILE >> 20} MiB")
        return PictureNoise(str(path), picture_sigma(decode(path.read_bytes())))
    except OSError as error:
        return PictureNoise(str(path), None, f"cannot be read ({error.strerror})")
    except ValueError as error:
        return PictureNoise(str(path), None, str(error))


def _warnings(pictures: Sequence[PictureNoise]) -> tuple[str, ...]:
    used = [Path(picture.path) for picture in pictures if picture.sigma is not None]
    lossy = sum(path.suffix.lower() in LOSSY for path in used)
    if not lossy:
        return ()
    return (
        f"{lossy:,} of {len(used):,} pictures were compressed with loss (JPEG, WebP), which "
        "smooths noise away: the camera's own is about 1.3 to 2 times the sigma found, or more "
        "where it is faint; take pictures without compression",
    )


def _none_left(pictures: Sequence[PictureNoise]) -> str:
    first = pictures[0]
    others = len(pictures) - 1
    more = f", and {others} other files are of no use either" if others else ""
    return f"{first.path}: {first.problem}{more}; give pictures that show the camera's noise"
