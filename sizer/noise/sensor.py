"""Read noise and shot noise of a camera, from pictures that show nothing but its noise.

Photon transfer (Janesick 2007, Photon Transfer, SPIE, chapter 5): the variance of a pixel grows on
a straight line with its brightness, read_noise^2 + gain * brightness. Of flat fields (an even
surface, at several exposures) the variance is that of second differences over squares of two
pixels, in which a slope of the light cancels; of a burst (an unmoving scene) it is that of the
differences between pictures, in which the scene does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError
from sizer.estimate import CONFIDENCE, Estimate
from sizer.io import read_bounded
from sizer.noise.camera import LARGEST_FILE, LARGEST_SIDE, LOSSY, picture_files
from sizer.progress import ReportProgress, no_progress

Shot = Literal["flat field", "burst"]
Floats = NDArray[np.float64]
TILE = 16  # pixels a side of the patches whose brightness and variance are one point
CLIPPED = 0.005  # share of a patch at black or white, beyond which its variance is too small
LEVELS = 12  # of brightness, at which the noise is told
FEWEST = 20  # patches of a level: fewer tell no variance
ENOUGH = 1.5  # ratio of the noise at the ends of the brightness: above it one sigma is not enough
CURVED = 3.0  # standard errors by which a level may miss the line, before it is said to be none
ROUGHLY = 0.02  # of a variance: how well any is known at best, in pictures of 8 bits
RAW_ONLY = (
    "the variance does not grow on a straight line with brightness, as it does in raw pictures: "
    "these were processed (gamma, denoising), so trust the table and not the fit"
)


@dataclass(frozen=True, slots=True)
class BrightnessNoise:
    """The noise at one brightness, both in grey levels of 0..255, and how many patches show it."""

    brightness: float
    sigma: float
    patches: int


@dataclass(frozen=True, slots=True)
class SensorNoise:
    """What a camera's noise is made of: sigma^2 = read_noise^2 + gain * brightness.

    read_noise: grey levels of 0..255. gain: grey levels of variance for one of brightness; its
    inverse is the number of photo-electrons in one. levels: what was measured, the darkest first.
    sigma: that to ask with, of the level with the most noise; enough: whether it serves for all.
    """

    read_noise: Estimate
    gain: Estimate
    levels: tuple[BrightnessNoise, ...]
    sigma: float
    enough: bool
    used: int
    skipped: int
    warnings: tuple[str, ...] = ()


def sensor_noise(
    folder: Path, shot: Shot = "flat field", progress: ReportProgress = no_progress
) -> SensorNoise:
    """The noise of a camera by brightness, from a folder of its pictures.

    Raises DataError where fewer than two pictures can be used, or they have one brightness alone
    and show nothing of how the noise grows.
    """
    files = picture_files([folder])
    used: list[Path] = []
    pictures = _pictures(files, used, progress)  # one or two at a time: they are large
    points = list(_burst(pictures) if shot == "burst" else map(_flat, pictures))
    if len(used) < 2 or not points:
        raise DataError(f"{folder}: {len(used)} usable pictures; a {shot} takes two or more")
    levels, errors = _levels(np.concatenate(points))
    if len(levels) < 2:
        raise DataError(
            f"{folder}: all of it has one brightness, or is black or white; take pictures of "
            "several exposures"
        )
    read, gain, misses = _fitted(levels, errors)
    sigmas = [level.sigma for level in levels]
    return SensorNoise(
        read_noise=read,
        gain=gain,
        levels=levels,
        sigma=max(sigmas),
        enough=max(sigmas) <= ENOUGH * min(sigmas),
        used=len(used),
        skipped=len(files) - len(used),
        warnings=_warnings(files, misses),
    )


def _pictures(
    files: Sequence[Path], used: list[Path], progress: ReportProgress
) -> Iterator[Floats]:
    """The middles of the pictures that can be read, whose files come to `used`."""
    from sizer.datasets.images import decode

    report = progress("reading pictures")
    for done, path in enumerate(files, 1):
        report(done, len(files))
        try:
            pixels = decode(read_bounded(path, LARGEST_FILE))
        except (OSError, ValueError):
            continue
        if min(pixels.shape[:2]) >= TILE:
            top, left = (max(0, side - LARGEST_SIDE) // 2 for side in pixels.shape[:2])
            middle = pixels[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE]
            used.append(path)
            yield middle.astype(np.float64)


def _flat(picture: Floats) -> Floats:
    """Brightness and variance (patches, 2) of a flat field."""
    corner = picture[:-1, :-1] - picture[1:, :-1] - picture[:-1, 1:] + picture[1:, 1:]
    return _patches(picture[:-1, :-1], corner / 2)


def _burst(pictures: Iterable[Floats]) -> Iterator[Floats]:
    """The same of each picture and the next one of its size."""
    for one, other in pairwise(pictures):
        if one.shape == other.shape:
            yield _patches((one + other) / 2, (one - other) / np.sqrt(2))


def _patches(brightness: Floats, residual: Floats) -> Floats:
    """Mean brightness and mean squared residual of each patch that is not clipped."""
    dark = _tiled((brightness < 1) | (brightness > 254)).mean(-1)
    points = np.stack([_tiled(brightness).mean(-1), _tiled(residual**2).mean(-1)], axis=-1)
    return np.asarray(points[dark <= CLIPPED])


def _tiled(values: NDArray[np.generic]) -> Floats:
    """(height, width, channels) as (patches, pixels), what fills no patch left out."""
    high, wide = (side // TILE for side in values.shape[:2])
    whole = values[: high * TILE, : wide * TILE].astype(np.float64)
    tiles = whole.reshape(high, TILE, wide, TILE, -1).transpose(0, 2, 4, 1, 3)
    return tiles.reshape(-1, TILE * TILE)


def _levels(points: Floats) -> tuple[tuple[BrightnessNoise, ...], Floats]:
    """The noise at levels of brightness, and the standard error of each one's variance."""
    if not len(points):
        return (), np.empty(0)
    edges = np.linspace(points[:, 0].min(), points[:, 0].max() + 1e-9, LEVELS + 1)
    levels, errors = [], []
    for low, high in pairwise(edges):
        variances = points[(points[:, 0] >= low) & (points[:, 0] < high)]
        if len(variances) < FEWEST:
            continue
        mean, variance = variances.mean(0)
        levels.append(BrightnessNoise(float(mean), float(np.sqrt(variance)), len(variances)))
        errors.append(variances[:, 1].std(ddof=1) / np.sqrt(len(variances)))
    return tuple(levels), np.array(errors)


def _fitted(levels: Sequence[BrightnessNoise], errors: Floats) -> tuple[Estimate, Estimate, float]:
    """Read noise, gain, and the largest miss of a level in standard errors; neither is negative."""
    from scipy.optimize import nnls
    from scipy.stats import norm

    brightness = np.array([level.brightness for level in levels])
    variance = np.array([level.sigma**2 for level in levels])
    weights = 1 / np.maximum(errors, ROUGHLY * variance + 1e-9)
    design = np.stack([np.ones(len(levels)), brightness], axis=1) * weights[:, None]
    values, _ = nnls(design, variance * weights)
    misses = np.abs(design @ values - variance * weights)
    wider = max(1.0, float(np.sqrt((misses**2).sum() / max(1, len(levels) - 2))))
    reach = (
        norm.ppf((1 + CONFIDENCE) / 2) * wider * np.sqrt(np.diag(np.linalg.pinv(design.T @ design)))
    )
    low, high = np.maximum(values - reach, 0), values + reach
    read = Estimate(*(float(np.sqrt(end)) for end in (values[0], low[0], high[0])))
    return read, Estimate(float(values[1]), float(low[1]), float(high[1])), float(misses.max())


def _warnings(files: Sequence[Path], misses: float) -> tuple[str, ...]:
    warnings = []
    if any(path.suffix.lower() in LOSSY for path in files):
        warnings.append(
            "pictures compressed with loss (JPEG, WebP) have less noise than the camera"
        )
    if misses > CURVED:
        warnings.append(RAW_ONLY)
    return tuple(warnings)
