"""The pictures of a job: looked at, and refused where nothing can be learned from them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sizer.datasets import Dataset, open_splits
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.preprocessing import preprocessed
from sizer.datasets.records import Preprocessing
from sizer.errors import DataError, UsageError

LEAST_PICTURES = 20  # of a class
SIDE = 64  # pixels, of pictures that are larger, no squares, or differ in size
EPOCHS = 12  # passes over as many images as CIFAR-100 has; fewer images are seen more often
IMAGES = 50_000
FEWEST_EPOCHS, MOST_EPOCHS = 3, 100


@dataclass(frozen=True)
class Material:
    """The pictures as they lie, and what the model is fed.

    commonest: share of the commonest class among those that are tested on. counts: of each class.
    """

    train: Dataset
    test: Dataset
    to: Preprocessing
    commonest: float
    counts: tuple[int, ...]

    @property
    def side(self) -> int:
        return self.to.shape[0]

    def epochs(self) -> int:
        """How often each image is seen: the square root shares the cost of few and of many."""
        wanted = EPOCHS * (IMAGES / self.train.info.images) ** 0.5
        return int(np.clip(round(wanted), FEWEST_EPOCHS, MOST_EPOCHS))

    def said(self) -> str:
        """What they are, in a line."""
        info = self.train.info
        size = "of different sizes" if info.size is None else "{1} x {0}".format(*info.size)
        grey = ", grey" if info.shape is not None and info.shape[2] == 1 else ""
        few, many = min(self.counts), max(self.counts)
        each = f"{few:,}" if few == many else f"{few:,} to {many:,}"
        return (
            f"{info.spec}: {sum(self.counts):,} pictures {size}{grey}, {info.classes} classes of "
            f"{each}; {info.images:,} to train on, {self.test.info.images:,} to test on"
            f"{self._copies()}"
        )

    def _copies(self) -> str:
        if not isinstance(self.train, PictureDataset):
            return ""
        copies = sum(count - 1 for count in Counter(self.train.digests).values())
        return f"; {copies:,} are copies of others" if copies else ""


def look(
    spec: str, side: int | None, target: float, max_bad: float, tell: Callable[[str], None]
) -> Material:
    """Raises DataError for too few pictures, and UsageError for a target that guessing reaches."""
    train, test = open_splits(spec, max_bad, tell)
    classes = train.info.classes
    counts = np.bincount(train.labels, minlength=classes)
    counts = counts + np.bincount(test.labels, minlength=classes)
    if counts.min() < LEAST_PICTURES:
        name = _name(train, int(counts.argmin()))
        raise DataError(
            f"{spec}: class {name} has {counts.min()} pictures; give each class {LEAST_PICTURES} or"
            " more, or take it out"
        )
    commonest = float(np.bincount(test.labels).max() / test.info.images)
    if not commonest < target < 1:
        raise UsageError(
            f"--target-acc {target:g}: who always names the commonest class is right for "
            f"{commonest:.3g} of the pictures; ask for more than that, and less than 1"
        )
    to = Preprocessing((_side(train, test, side),) * 2 + (3,))
    return Material(train, test, to, commonest, tuple(counts.tolist()))


def _side(train: Dataset, test: Dataset, asked: int | None) -> int:
    shape = train.info.shape
    small = shape is not None and shape == test.info.shape and shape[0] == shape[1] <= SIDE
    return asked or (shape[0] if shape is not None and small else SIDE)


def _name(data: Dataset, number: int) -> str:
    return data.class_names[number] if data.class_names else str(number)


def fed(data: Dataset, to: Preprocessing) -> Dataset:
    """The pictures as the model is fed."""
    return preprocessed(data, to)
