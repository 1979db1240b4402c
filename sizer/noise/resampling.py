"""What is left of a picture's noise once it is brought to a model's input."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sizer.datasets.images import decode
from sizer.datasets.preprocessing import preprocess
from sizer.datasets.records import Preprocessing
from sizer.noise.camera import CameraNoise

FLAT = (58, 198)  # grey levels of the noise that is tried: so few that no resampling clips it


def noise_kept(size: Sequence[int], to: Preprocessing) -> float:
    """What resampling leaves of the standard deviation of noise, each pixel's of its own, in a
    picture of this height and width.
    """
    noisy = np.random.default_rng(0).integers(*FLAT, (size[0], size[1], 1), dtype=np.uint8)
    to = replace(to, shape=(*to.shape[:2], 1))
    return float(preprocess(noisy, to).std() / noisy.std())


def size_of(camera: CameraNoise) -> tuple[int, int]:
    """Height and width of the first of a camera's pictures that could be used, in pixels."""
    path = next(picture.path for picture in camera.pictures if picture.sigma is not None)
    height, width, _ = decode(Path(path).read_bytes()).shape
    return height, width
