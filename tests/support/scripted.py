"""A measurement whose answer is known: models that are right with a chosen probability.

The scripted images carry their own number and label in their pixels, and one white pixel. With
`no_noise` for epsilon, x_t = mu x_0, so the white pixel shows mu, and with it the step: a scripted
evaluator stands behind the same protocol as a real one, which sees noisy images and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.records import DatasetInfo
from sizer.inference.child import Bounds
from sizer.inference.records import ModelInfo
from sizer.noise import NoiseSchedule, linear_schedule

SHAPE = (2, 2, 3)  # twelve bytes: one white, four of the number, two of the label, the rest black
WHITE, NUMBER, LABEL = 0, slice(1, 5), slice(5, 7)

Accuracy = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


def no_noise(seed: int, index: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Stands for sizer.noise.epsilon."""
    return np.zeros(shape, np.float32)


def uniform(*keys: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) that depend on the keys alone (the finaliser of SplitMix64)."""
    state = np.zeros(np.broadcast(*keys).shape, np.uint64)
    for key in keys:
        state = state + np.asarray(key).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / 2**53


@dataclass(frozen=True)
class ScriptedImages:
    """`images` images, labels spread evenly and at random over `classes`."""

    images: int
    classes: int = 10
    seed: int = 0
    class_names: None = None

    @property
    def info(self) -> DatasetInfo:
        fingerprint = f"scripted {self.images} {self.classes} {self.seed}"
        return DatasetInfo("scripted", "test", fingerprint, self.classes, self.images, SHAPE)

    @property
    def labels(self) -> NDArray[np.int64]:
        return (uniform(self.seed, np.arange(self.images)) * self.classes).astype(np.int64)

    def read(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        labels = self.labels[indices]
        pixels = np.zeros((len(indices), 12), np.uint8)
        pixels[:, WHITE] = 255
        pixels[:, NUMBER] = indices.astype("<u4")[:, None].view(np.uint8)
        pixels[:, LABEL] = labels.astype("<u2")[:, None].view(np.uint8)
        return pixels.reshape(-1, *SHAPE), labels


@dataclass(frozen=True)
class ScriptedEvaluator:
    """Right on an image iff a number keyed by (seed, image) lies below accuracy(step, parameters).

    accuracy: of steps (B,) and a parameter count to fractions (B,). Errors are spread evenly over
    the other classes. Steps are read to 1/1000 or better from mu, at real numbers of steps too.
    """

    info: ModelInfo
    accuracy: Accuracy
    classes: int = 10
    seed: int = 0
    provider: str = "cpu"
    schedule: NoiseSchedule = field(default_factory=linear_schedule)
    seconds: float = 100  # of a cell, in a child

    @property
    def fingerprint(self) -> str:
        return f"scripted {self.info} {self.classes} {self.seed}"

    def open(self) -> "ScriptedEvaluator":
        return self

    def bounds(self, images: int) -> Bounds:
        return Bounds(self.info.name, self.seconds, None)

    def prepare(
        self, clean: NDArray[np.float32], epsilon: NDArray[np.float32]
    ) -> Callable[[float, float], NDArray[np.int64]]:
        return lambda mu, sigma: self(np.float32(mu) * clean + np.float32(sigma) * epsilon)

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        steps, numbers, labels = self.decode(images)
        keys = (self.seed, self.info.seed or 0, self.info.parameters, numbers)
        right = uniform(*keys) < self.accuracy(steps, self.info.parameters)
        others = 1 + (uniform(1, *keys) * (self.classes - 1)).astype(np.int64)
        return np.where(right, labels, (labels + others) % self.classes)

    def decode(
        self, images: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """(step, image number, label) of each image, from its pixels."""
        values = images.reshape(len(images), 12).astype(np.float64)
        mu = values[:, [WHITE]]
        pixels = np.rint((values / mu + 1) * 127.5).astype(np.uint8)
        numbers = np.ascontiguousarray(pixels[:, NUMBER]).view("<u4")[:, 0]
        labels = np.ascontiguousarray(pixels[:, LABEL]).view("<u2")[:, 0]
        return self.steps(mu[:, 0]), numbers.astype(np.int64), labels.astype(np.int64)

    def steps(self, mu: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the schedule's mu."""
        grid = np.arange(self.schedule.last_step + 1)
        log_mu = self.schedule.log_alpha_bar(grid) / 2
        return np.round(np.interp(-np.log(mu), -log_mu, grid), 3)


def scripted_model(name: str, parameters: int, accuracy: Accuracy, **options: object):
    """A scripted evaluator called `name`."""
    info = ModelInfo(name, f"sha of {name}", parameters, None, SHAPE)
    return ScriptedEvaluator(info, accuracy, **options)
