"""Training images decoded once, into files of the cache folder that training maps into memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.datasets import Dataset
from sizer.datasets.records import DatasetInfo
from sizer.io import ANOTHER_CACHE, cache_folder, replacing

READ_AT_ONCE = 1024  # images decoded at a time


def decoded(data: Dataset) -> tuple[Path, NDArray[np.int64]]:
    """All images in one .npy file of the cache, to be memory-mapped, and labels.

    Both files appear whole or not at all; damaged ones are made anew.
    """
    path = cache_folder() / f"decoded-{data.info.identity[:24]}.npy"
    labels_path = path.with_suffix(".labels.npy")
    labels = _labels_of(path, labels_path, data.info)
    if labels is None:
        labels = _write(data, path, labels_path)
    return path, labels


def _labels_of(path: Path, labels_path: Path, info: DatasetInfo) -> NDArray[np.int64] | None:
    """The labels, if they and the images were decoded before."""
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        labels: NDArray[np.int64] = np.load(labels_path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    expected = (info.images, *(info.shape or ()))
    whole = images.dtype == np.uint8 and images.shape == expected and len(labels) == info.images
    return labels if whole else None


def _write(data: Dataset, path: Path, labels_path: Path) -> NDArray[np.int64]:
    """Write block by block: a memory map on a full disk would end the process with a signal."""
    shape = (data.info.images, *(data.info.shape or ()))
    labels = np.empty(data.info.images, np.int64)
    # The labels take their place first: what is looked for is whole once the images are there.
    with (
        replacing(path, ANOTHER_CACHE) as unfinished,
        replacing(labels_path, ANOTHER_CACHE) as unfinished_labels,
    ):
        with unfinished.open("wb") as images:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(images, header)
            for start in range(0, len(labels), READ_AT_ONCE):
                indices = np.arange(start, min(start + READ_AT_ONCE, len(labels)))
                block, labels[indices] = data.read(indices)
                images.write(block.tobytes())
        with unfinished_labels.open("wb") as file:  # to a path, NumPy would add a suffix
            np.save(file, labels, allow_pickle=False)
    return labels
