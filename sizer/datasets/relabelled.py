"""A data set whose classes are numbered as a model numbers them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.dataset import Dataset
from sizer.datasets.images import Pixels
from sizer.datasets.labels import Labels
from sizer.datasets.records import DatasetInfo


class RelabelledDataset:
    """The images of a set, with other labels."""

    def __init__(self, data: Dataset, numbers: Sequence[int], classes: int) -> None:
        """numbers: by class of the set, that of its new class, below `classes`."""
        self._data = data
        self.labels: Labels = np.asarray(numbers, np.int64)[data.labels]
        self.info: DatasetInfo = replace(data.info, classes=classes)
        self.class_names: tuple[str, ...] | None = None

    def picture(self, index: int) -> Pixels:
        """One image as it is."""
        return self._data.picture(index)

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, Labels]:
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`."""
        images, _ = self._data.read(indices)
        return images, self.labels[indices]
