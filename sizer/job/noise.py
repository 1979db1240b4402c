"""The noise that a job is about, at the model's input: a level, or what a camera shows."""

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from sizer.datasets.dataset import Dataset
from sizer.datasets.images import decode, pictures_in
from sizer.datasets.records import Preprocessing
from sizer.errors import DataError, UsageError
from sizer.noise import level_from, linear_schedule
from sizer.noise.camera import CameraNoise, Spread, camera_noise
from sizer.noise.resampling import noise_kept, size_of
from sizer.progress import ReportProgress

TRAINED = 1.25  # times the noisiest step that counts: the last one of the training
LEAST_TRAINED = 20  # steps
SAMPLED = 200  # pictures of each folder that are compared
UNLIKE = (1, 99)  # percentiles of the photographs, outside of which a camera's median is another's


@dataclass(frozen=True, slots=True)
class JobNoise:
    """step: asked about; high: of the noisy end of the camera's pictures; last: of the training.

    camera: as its pictures lie; kept: what is left of its noise at the model's input, a share.
    """

    step: float
    high: float
    last: int
    camera: CameraNoise | None = None
    kept: float = 1.0

    @property
    def measured_steps(self) -> tuple[float, ...]:
        """The steps at which models are measured, ascending."""
        return tuple(sorted({*np.linspace(0, self.last, 6).tolist(), self.step, self.high}))


def job_noise(
    level: dict[str, float | None],
    camera: Path | None,
    data: Dataset,
    to: Preprocessing,
    progress: ReportProgress,
) -> JobNoise:
    """level: step, sigma or snr_db. Raises UsageError unless the noise is given once."""
    if sum(given is not None for given in (*level.values(), camera)) != 1:
        raise UsageError("give the noise once: --camera, --noise-step, --sigma or --snr-db")
    if camera is None:
        step = level_from(linear_schedule(), **level).step
        return JobNoise(step, step, _last(step))
    seen = camera_noise([camera], None, progress)
    kept = noise_kept(size_of(seen), to)
    levels = (seen.sigma.median, seen.sigma.low, seen.sigma.high)
    step, low, high = (linear_schedule().step_from_sigma(kept * sigma) for sigma in levels)
    unlike = _unlike(camera, data)
    seen = replace(
        seen, step=Spread(step, low, high), warnings=(*seen.warnings, *([unlike] if unlike else []))
    )
    return JobNoise(step, high, _last(high), seen, kept)


def _last(step: float) -> int:
    return max(LEAST_TRAINED, ceil(TRAINED * step))


def _unlike(camera: Path, data: Dataset) -> str | None:
    """A warning where the camera's pictures are of another brightness or contrast."""
    chosen = np.linspace(0, data.info.images - 1, min(SAMPLED, data.info.images)).astype(int)
    ours = np.array([_look(data.picture(index)) for index in chosen.tolist()])
    theirs = []
    for path in pictures_in(camera)[:SAMPLED] if camera.is_dir() else [camera]:
        try:
            theirs.append(_look(decode(path.read_bytes())))
        except (OSError, ValueError):
            continue
    if not theirs:
        return None
    low, high = np.percentile(ours, UNLIKE, axis=0)
    middle = np.median(theirs, axis=0)
    words = [
        name
        for name, below, value, above in zip(
            ("bright", "contrasty"), low, middle, high, strict=True
        )
        if not below <= value <= above
    ]
    if not words:
        return None
    return (
        f"{camera}: its pictures are not as {' or '.join(words)} as those to train on; take "
        "snapshots of the same scene"
    )


def _look(pixels: np.ndarray) -> tuple[float, float]:
    """Brightness and contrast of a picture, of its blocks of 8 x 8 pixels, which hold no noise."""
    grey = pixels.mean(axis=2)
    high, wide = (max(1, side // 8) * 8 if side >= 8 else side for side in grey.shape)
    part = min(8, high), min(8, wide)
    blocks = grey[:high, :wide].reshape(high // part[0], part[0], wide // part[1], part[1])
    means = blocks.mean(axis=(1, 3))
    return float(means.mean()), float(means.std())


def require_camera(camera: Path) -> None:
    """Raise DataError where there is no picture."""
    if not camera.exists():
        raise DataError(f"{camera}: no such file or folder; give the camera's pictures")
