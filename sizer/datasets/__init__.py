"""A data spec, such as `builtin` or a path, to images and labels."""

from typing import TYPE_CHECKING, Protocol

from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Dataset(Protocol):
    """A labelled image set of which only the images asked for are in memory."""

    @property
    def info(self) -> DatasetInfo:
        """What it holds."""

    def read(
        self, indices: "NDArray[np.int64]", /
    ) -> "tuple[NDArray[np.uint8], NDArray[np.int64]]":
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`.

        Indices lie in 0..info.images-1 and may repeat. Raises DataError for an image that cannot
        be read or has another size than the first.
        """


def open_dataset(spec: str, split: Split) -> Dataset:
    """The data set that `spec` names: `builtin`, `hf:NAME`, or a path.

    `test` means the test split, else the validation split; a set with one split has it for both,
    and its `info.split` says which. Raises DataError for what cannot be read, and OutputError
    where the cache cannot be written.
    """
    if spec == "builtin":
        from sizer.datasets.builtin import BuiltinDataset

        return BuiltinDataset(split)
    if spec.startswith("hf:"):
        from sizer.datasets.hub import open_hub

        return open_hub(spec, split)
    from sizer.datasets.files import open_path

    return open_path(spec, split)
