"""Which images make a block, in one fixed order, and their noise."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.datasets import Dataset
from sizer.datasets.preprocessing import preprocessed
from sizer.datasets.records import Preprocessing, Shape
from sizer.errors import DataError
from sizer.inference.records import ModelInfo
from sizer.measure.protocols import Images, Labels
from sizer.noise import Draw, Noise

ORDER_SEED = 20250711  # of the order of the images; another one makes another measurement
BLOCK_LENGTHS = (500, 250, 100, 50, 25)  # each divides the one before it
BLOCK_VALUES = 1 << 22  # values in a block's images at most, which bounds a worker's memory
CACHE_VALUES = 1 << 25  # values in the blocks kept for the next model at most: 256 MiB with noise,
# of all workers together


@dataclass(frozen=True, slots=True)
class Block:
    """Clean images (B, H, W, C) on the [-1, 1] scale and their noise."""

    clean: Images
    epsilon: Images


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a block is made from: images (B, H, W, C), their numbers (B,), and their noise."""

    images: NDArray[np.uint8]
    indices: NDArray[np.int64]
    draw: Draw
    seed: int

    def block(self) -> Block:
        clean = self.images.astype(np.float32) / np.float32(127.5) - np.float32(1)
        shape = self.images.shape[1:]
        return Block(clean, np.stack([self.draw(self.seed, int(i), shape) for i in self.indices]))


# data, as which input, seed and draw of the noise, range
BlockKey = tuple[str, Preprocessing | None, int, Draw, int, int]


class Blocks:
    """Blocks of a data set, as pixels; recent ones are kept for the next model."""

    def __init__(self, data: Dataset, noise: Noise) -> None:
        self._data = data
        self._noise = noise
        self._order = image_order(data.info.images)
        self._recent: OrderedDict[BlockKey, NDArray[np.uint8]] = OrderedDict()

    def key(self, start: int, stop: int, model: ModelInfo) -> BlockKey:
        """What names a block as the input of a model, whichever measurement asks for it."""
        noise = self._noise
        return self._data.info.fingerprint, input_of(model), noise.seed, noise.draw, start, stop

    def ingredients(self, start: int, stop: int, model: ModelInfo) -> Ingredients:
        """The images of positions start..stop-1 as the input of a model, and their noise."""
        indices, key = self._indices(start, stop), self.key(start, stop, model)
        if key not in self._recent:
            self._recent[key] = seen_by(model, self._data).read(indices)[0]
            while sum(images.size for images in self._recent.values()) > CACHE_VALUES:
                self._recent.popitem(last=False)
        return Ingredients(self._recent[key], indices, self._noise.draw, self._noise.seed)

    def coefficients(self, step: float) -> tuple[float, float]:
        return self._noise.schedule.coefficients(step)

    def labels(self, start: int, stop: int) -> Labels:
        info = self._data.info
        labels: Labels = self._data.labels[self._indices(start, stop)]
        if labels.min() < 0 or labels.max() >= info.classes:
            raise DataError(f"{info.spec}: labels must lie in 0..{info.classes - 1}; correct them")
        return labels

    def _indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Of the images in a block, ascending: files are read fastest so."""
        return np.sort(self._order[start:stop])


def input_of(model: ModelInfo) -> Preprocessing | None:
    """What pictures are brought to for a model; None where it takes them as they are."""
    shape = model.input_shape
    return None if shape is None else Preprocessing(shape, model.crop_share)


def seen_by(model: ModelInfo, data: Dataset) -> Dataset:
    """The images of a set as the input of a model."""
    brought_to = input_of(model)
    return data if brought_to is None else preprocessed(data, brought_to)


def image_order(images: int) -> NDArray[np.int64]:
    """Indices of a set of this length in the order of use.

    A fixed shuffle, so that a part of a set that is sorted by class is a fair sample.
    """
    return np.random.default_rng([ORDER_SEED, images]).permutation(images).astype(np.int64)


def block_ranges(count: int, shape: Shape) -> Iterator[tuple[int, int]]:
    """Ranges (start, stop) of positions that cover 0..count.

    Their length depends on the size of an image alone, save for a shorter last one.
    """
    values = shape[0] * shape[1] * shape[2]
    fitting = (length for length in BLOCK_LENGTHS if length * values <= BLOCK_VALUES)
    length = next(fitting, BLOCK_LENGTHS[-1])
    for start in range(0, count, length):
        yield start, min(start + length, count)
