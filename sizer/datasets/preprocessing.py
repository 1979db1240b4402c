"""Pictures of any size to the input of a model, as ImageNet classifiers are evaluated.

The short side is resized to the input's side over the crop share, bicubic and antialiased, and the
centre is cropped: the evaluation of EfficientNet (Tan & Le 2019, arXiv:1905.11946) and of
torchvision, whose rounding this follows.
"""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sizer.datasets.cache import DecodedImages
from sizer.datasets.dataset import Dataset
from sizer.datasets.images import Pixels
from sizer.datasets.parallel import in_parallel
from sizer.datasets.records import DatasetInfo, Preprocessing

VERSION = 1  # of what `preprocess` makes: another one is another cache
CROP_SHARE = 0.875  # of the resized short side that the crop keeps; 224 of 256


def preprocess(pixels: Pixels, to: Preprocessing) -> Pixels:
    """A picture (height, width, 1 or 3) as a model's input, of shape `to.shape`.

    Grey is repeated to three channels, colour becomes its luma for a grey model. A picture that
    already has the input's height and width is not resampled.
    """
    height, width, channels = to.shape
    pixels = with_channels(pixels, channels)
    if pixels.shape == to.shape:
        return pixels
    picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC, _crop(picture.size, to))
    return np.asarray(resized, dtype=np.uint8).reshape(to.shape)


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """Grey pixels (height, width, 1) repeated to three channels; coloured ones as their luma."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.uint8)[:, :, np.newaxis]


def _crop(size: tuple[int, int], to: Preprocessing) -> tuple[float, float, float, float]:
    """What the crop keeps of a picture of (width, height): left, top, right, bottom in its pixels.

    Resampling this alone is resizing all of it and cropping then, but for rounding, in bounded
    memory for any share and any side ratio.
    """
    height, width, _ = to.shape
    wide, high = _resized(size, to)
    left, top = round((wide - width) / 2), round((high - height) / 2)
    across, down = size[0] / wide, size[1] / high
    return left * across, top * down, (left + width) * across, (top + height) * down


def _resized(size: tuple[int, int], to: Preprocessing) -> tuple[int, int]:
    """Width and height of the whole picture, of which the middle is then cropped."""
    wide, high = size
    height, width, _ = to.shape
    same_ratio = wide * height == high * width
    share = to.crop_share or (1.0 if same_ratio else CROP_SHARE)
    covered_width, covered_height = round(width / share), round(height / share)
    if covered_height * wide >= covered_width * high:  # the height is the shorter side
        return max(covered_width, covered_height * wide // high), covered_height
    return covered_width, max(covered_height, covered_width * high // wide)


def preprocessed(data: Dataset, to: Preprocessing) -> Dataset:
    """The images of a set as a model's input; the set itself where they have its shape already."""
    if data.info.shape == to.shape:
        return data
    return PreprocessedDataset(data, to)


class PreprocessedDataset:
    """Images brought to one shape on all cores when they are first read, and kept in the cache."""

    def __init__(self, data: Dataset, to: Preprocessing) -> None:
        self._data, self._to = data, to
        self.info: DatasetInfo = replace(data.info, shape=to.shape, preprocessing=to)
        self.labels, self.class_names = data.labels, data.class_names
        key = hashlib.sha256(f"{VERSION} {data.info.fingerprint} {to}".encode()).hexdigest()
        self._kept = DecodedImages(key, data.info.images, to.shape)

    def picture(self, index: int) -> Pixels:
        """One image, of the shape of all."""
        return preprocess(self._data.picture(index), self._to)

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, NDArray[np.int64]]:
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`."""
        images, there = self._kept.read(indices)
        missing = np.flatnonzero(~there)
        for place, pixels in zip(
            missing, in_parallel(self.picture, indices[missing].tolist()), strict=True
        ):
            images[place] = pixels
        self._kept.keep(indices[missing], images[missing])
        return images, self.labels[indices]
