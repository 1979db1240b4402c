"""Sets of encoded pictures, decoded when they are read."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.images import Pixels, decode
from sizer.datasets.labels import Labels
from sizer.datasets.parallel import in_parallel
from sizer.datasets.preprocessing import with_channels
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError

Indices = NDArray[np.int64]


class PictureSource(Protocol):
    """Labelled pictures as they lie; `encoded` and `name` may be asked for by several threads."""

    @property
    def labels(self) -> Labels: ...

    @property
    def classes(self) -> int: ...

    @property
    def class_names(self) -> tuple[str, ...] | None: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def digests(self) -> Sequence[bytes]:
        """SHA-256 of each picture's bytes; of b"" where there are none."""

    def encoded(self, index: int, /) -> bytes:
        """The bytes of one picture. Raises ValueError, with the reason, where there are none."""

    def name(self, index: int, /) -> str: ...


class PictureDataset:
    """Pictures of a source, each decoded when it is read."""

    def __init__(self, source: PictureSource, kept: Indices, info: DatasetInfo) -> None:
        """kept: which pictures of the source the set has, ascending."""
        self._source, self._kept = source, kept
        self.labels = source.labels[kept]
        self.class_names = source.class_names
        self.info = info

    @property
    def digests(self) -> list[bytes]:
        """SHA-256 of each picture's bytes."""
        return [self._source.digests[number] for number in self._kept.tolist()]

    def picture(self, index: int) -> Pixels:
        """One picture (height, width, 1 or 3). Raises DataError where it cannot be read now."""
        place = int(self._kept[index])
        try:
            return decode(self._source.encoded(place))
        except ValueError as error:
            raise DataError(
                f"{self.info.spec}: {self._source.name(place)} {error}; the set changed: give the"
                " line again"
            ) from error

    def read(self, indices: Indices) -> tuple[Pixels, Labels]:
        """Pictures (n, height, width, channels) and labels (n,), in the order of `indices`."""
        if self.info.shape is None:
            raise DataError(
                f"{self.info.spec}: the pictures differ in size; bring them to one with --side, or"
                " --input-side for models that take any"
            )
        channels = self.info.shape[2]
        images = np.empty((len(indices), *self.info.shape), np.uint8)
        for place, pixels in enumerate(in_parallel(self.picture, indices.tolist())):
            images[place] = with_channels(pixels, channels)
        return images, self.labels[indices]
