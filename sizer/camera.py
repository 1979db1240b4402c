"""The noise of a camera, estimated from its own pictures.

sigma is the median absolute deviation of the finest diagonal wavelet coefficients over 0.6745
(Donoho & Johnstone 1994, Biometrika 81, 425, section 4.2), one channel at a time, then averaged.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError
from sizer.progress import Progress
from sizer.results import CameraNoise, PictureNoise, Spread

LARGEST_FILE = 1 << 28  # bytes: a picture of 89 million pixels, not compressed
SMALLEST_SIDE = 16  # pixels: below, a median of too few coefficients
LARGEST_SIDE = 2048  # pixels of the middle of a larger picture, which bounds memory
LOSSY = (".jpg", ".jpeg", ".webp")
PERCENTILES = (50, 5, 95)  # over the pictures: median, low, high

Pixels = NDArray[np.uint8]


def camera_noise(
    pictures: Sequence[Path],
    decode: Callable[[bytes], Pixels],
    step_from_sigma: Callable[[float], float],
    progress: Progress,
) -> CameraNoise:
    """The noise of each picture, and its spread over them.

    decode: encoded bytes to pixels (height, width, channels), or ValueError. progress: called with
    (done, total) pictures. A file that is no usable picture is skipped and counted; raises
    DataError where none is left.
    """
    found = []
    for done, path in enumerate(pictures, 1):
        found.append(_measured(path, decode))
        progress(done, len(pictures))
    sigmas = [picture.sigma for picture in found if picture.sigma is not None]
    if not sigmas:
        raise DataError(_none_left(found))
    median, low, high = np.percentile(sigmas, PERCENTILES).tolist()
    sigma = Spread(median, low, high)
    step = Spread(*map(step_from_sigma, (median, low, high)))
    return CameraNoise(
        sigma, step, len(sigmas), len(found) - len(sigmas), tuple(found), _warnings(found)
    )


def picture_sigma(pixels: Pixels) -> float:
    """Standard deviation of the noise in a picture (height, width, channels), in grey levels.

    Fine texture counts as noise, and noise that neighbouring pixels share counts for less than it
    is. Raises ValueError for a picture too small, or flat in every channel.
    """
    from skimage.restoration import estimate_sigma

    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"is smaller than {SMALLEST_SIDE} pixels a side")
    channels = [channel for channel in np.moveaxis(_middle(pixels), 2, 0) if np.ptp(channel)]
    if not channels:
        raise ValueError("is one flat colour")
    image = np.stack(channels, axis=-1).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where no coefficient differs from 0
        sigmas = estimate_sigma(image, channel_axis=-1)  # type: ignore[no-untyped-call]
    return float(np.mean(np.nan_to_num(sigmas)))  # and the estimate is nan: there is no noise


def _middle(pixels: Pixels) -> Pixels:
    top, left = (max(0, side - LARGEST_SIDE) // 2 for side in pixels.shape[:2])
    return pixels[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE]


def _measured(path: Path, decode: Callable[[bytes], Pixels]) -> PictureNoise:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"is larger than {LARGEST_FILE >> 20} MiB")
        return PictureNoise(str(path), picture_sigma(decode(path.read_bytes())))
    except OSError as error:
        return PictureNoise(str(path), None, f"cannot be read ({error.strerror})")
    except ValueError as error:
        return PictureNoise(str(path), None, str(error))


def _warnings(found: Sequence[PictureNoise]) -> tuple[str, ...]:
    used = [Path(picture.path) for picture in found if picture.sigma is not None]
    lossy = sum(path.suffix.lower() in LOSSY for path in used)
    if not lossy:
        return ()
    return (
        f"{lossy:,} of {len(used):,} pictures were compressed with loss (JPEG, WebP), which "
        "smooths noise away: the camera's own is about 1.3 to 2 times the sigma found, or more "
        "where it is faint; take pictures without compression",
    )


def _none_left(found: Sequence[PictureNoise]) -> str:
    first = found[0]
    others = f", and {len(found) - 1} other files are of no use either" if len(found) > 1 else ""
    return f"{first.path}: {first.problem}{others}; give pictures that show the camera's noise"
