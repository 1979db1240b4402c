"""The noise that an image meets: a schedule, and how epsilon is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sizer.noise.schedule import NoiseSchedule, linear_schedule

Draw = Callable[[int, int, tuple[int, ...]], NDArray[np.float32]]


def epsilon(seed: int, index: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal noise of one image, keyed by (seed, image index).

    The same image meets the same noise at every step and in every model, so that differences
    between them carry less variance, and no result depends on batch size, order or workers.
    """
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
    return generator.standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Noise:
    """A schedule, how an image's epsilon is drawn from (seed, index, shape), and the seed."""

    schedule: NoiseSchedule = field(default_factory=linear_schedule)
    draw: Draw = epsilon
    seed: int = 0
