"""The protocol of a set of images."""

from typing import TYPE_CHECKING, Protocol

from sizer.datasets.records import DatasetInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Dataset(Protocol):
    """A labelled image set of which only the images asked for are in memory."""

    @property
    def info(self) -> DatasetInfo:
        """What it holds."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """By number; None where the set does not say them."""

    @property
    def labels(self) -> "NDArray[np.int64]":
        """Of all images, (info.images,)."""

    def picture(self, index: int, /) -> "NDArray[np.uint8]":
        """One image as it is, (height, width, 1 or 3); several threads may ask at once."""

    def read(
        self, indices: "NDArray[np.int64]", /
    ) -> "tuple[NDArray[np.uint8], NDArray[np.int64]]":
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`.

        Indices lie in 0..info.images-1 and may repeat. Raises DataError for an image that cannot
        be read, and for a set whose images differ in size: see `preprocessed`.
        """
