"""Training images decoded once, into files of the cache folder that training maps into memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.datasets import Dataset
from sizer.datasets.sealed import require_same, seal
from sizer.io import ANOTHER_CACHE, cache_folder, make_folder, replacing

READ_AT_ONCE = 1024  # images decoded at a time


def decoded(data: Dataset) -> tuple[Path, NDArray[np.int64]]:
    """All images in one .npy file of the cache, to be memory-mapped, and labels.

    Both files are hashed before they are used again; damaged ones are made anew.
    """
    folder = cache_folder() / "decoded" / data.info.identity
    require_same(folder)
    path, labels_path = folder / "images.npy", folder / "labels.npy"
    if path.exists():
        return path, np.load(labels_path, allow_pickle=False)
    make_folder(folder, ANOTHER_CACHE)
    labels = _write(data, path, labels_path)
    seal(folder)
    return path, labels


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
