"""Which arrays of an archive are images and which their labels.

They have many names: `x_test` and `y_test` of Keras, `test_images` and `test_labels` of MedMNIST,
`data` and `targets` of torchvision.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sizer.datasets.labels import MOST_IMAGES
from sizer.datasets.splits import SPLIT_NAMES, WHOLE
from sizer.errors import DataError

Kind = Literal["images", "labels"]

# Without their split and all that is no letter; the first that is there counts.
NAMES: Mapping[Kind, tuple[str, ...]] = {
    "images": ("images", "image", "imgs", "img", "x", "data", "pictures", "pixels", "inputs"),
    "labels": ("labels", "label", "finelabels", "y", "targets", "target", "classes", "class"),
}
CHANNELS = (1, 3)
LONGEST_LABEL = 1024  # bytes of a label that is text


@dataclass(frozen=True, slots=True)
class Header:
    """What an archive says that one of its arrays is."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The names of two arrays that are a set."""

    images: str
    labels: str


def pairs_by_name(arrays: Collection[str]) -> dict[str, Pair]:
    """The sets among arrays, by their split. Images without labels are none."""
    found: dict[tuple[str, Kind], str] = {}
    for kind, names in NAMES.items():
        for name in names:
            for array in arrays:
                split, rest = _split_and_rest(array)
                if rest == name:
                    found.setdefault((split, kind), array)
    return {
        split: Pair(array, found[split, "labels"])
        for (split, kind), array in found.items()
        if kind == "images" and (split, "labels") in found
    }


def _split_and_rest(name: str) -> tuple[str, str]:
    """The split with which a name begins or ends, and its other letters."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    for split in sorted(SPLIT_NAMES, key=len, reverse=True):
        for rest in (letters.removeprefix(split), letters.removesuffix(split)):
            if rest != letters:
                return split, rest
    return WHOLE, letters


def pair_by_shape(headers: Mapping[str, Header]) -> Pair | None:
    """The only array that can be images with the only one that can be their labels."""
    images = [name for name, header in headers.items() if len(header.shape) in {3, 4}]
    if len(images) != 1:
        return None
    shapes = _shapes_of_labels(headers[images[0]])
    labels = [name for name, header in headers.items() if header.shape in shapes]
    return Pair(images[0], labels[0]) if len(labels) == 1 else None


def _shapes_of_labels(images: Header) -> tuple[tuple[int, ...], ...]:
    count = images.shape[:1]
    return count, (*count, 1)


def axis_of_channels(shape: tuple[int, ...]) -> int | None:
    """Of an array of images; None where it has none, or is no such array."""
    if len(shape) != 4:
        return None
    return next((axis for axis in (3, 1) if shape[axis] in CHANNELS), None)


def require_pair(pair: Pair, images: Header, labels: Header, spec: str) -> None:
    """Raise DataError unless two arrays are grey or colour images and a label for each."""
    shape = images.shape
    fits = len(shape) == 3 or axis_of_channels(shape) is not None
    if images.dtype.kind not in "uifb" or not fits or min(shape[1:]) < 1:
        raise DataError(
            f"{spec}: `{pair.images}` is {images}; it must be uint8 of shape (n, height, width),"
            " (n, height, width, 1 or 3) or (n, 1 or 3, height, width)"
        )
    if labels.shape not in _shapes_of_labels(images):
        rows = labels.shape[:1] == shape[:1]
        remedy = ", the argmax of rows that are one-hot" if rows else ""
        raise DataError(
            f"{spec}: `{pair.labels}` has shape {labels.shape}, but there are {shape[0]} images;"
            f" give one label for each image{remedy}"
        )
    if labels.dtype.kind not in "uifbUS" or labels.dtype.itemsize > LONGEST_LABEL:
        raise DataError(f"{spec}: `{pair.labels}` is {labels}; give whole numbers or short names")
    if shape[0] > MOST_IMAGES:
        raise DataError(f"{spec}: {shape[0]:,} images; give {MOST_IMAGES:,} at most")
