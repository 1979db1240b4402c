"""Decoded images in files of the cache folder, read and written by their number."""

import shutil
import zlib
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from sizer.io import cache_folder

ROOM = 2  # times the file's whole size that the disk must have free for one to be begun
SUM_BYTES = 4

Pixels = NDArray[np.uint8]


class DecodedImages:
    """Images of one shape by number; those not kept yet are holes in the file.

    A checksum beside each shows what is there and whole, so that a killed process, or two that
    write the same, do no harm. Read by position and not mapped, for mapped pages count as memory.
    """

    def __init__(self, key: str, images: int, shape: tuple[int, int, int]) -> None:
        """key: names the files; hash of all that decides the pixels."""
        self._path = cache_folder() / "images" / key
        self._sums_path = self._path.with_suffix(".crc32")
        self._images, self._shape = images, shape

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, NDArray[np.bool_]]:
        """Images (n, *shape), and which of them were there (n,); the others are not filled."""
        images = np.empty((len(indices), *self._shape), np.uint8)
        there = np.zeros(len(indices), np.bool_)
        with suppress(OSError), self._path.open("rb") as file, self._sums_path.open("rb") as sums:
            for place, index in enumerate(indices.tolist()):
                file.seek(index * images[place].nbytes)
                sums.seek(index * SUM_BYTES)
                whole = file.readinto(images[place]) == images[place].nbytes
                there[place] = whole and sums.read(SUM_BYTES) == _checksum(images[place])
        return images, there

    def keep(self, indices: NDArray[np.int64], images: Pixels) -> None:
        """Add images (n, *shape). On a disk without room they are made anew each time instead."""
        with suppress(OSError):
            if not len(indices) or not self._has_room():
                return
            self._path.touch()
            self._sums_path.touch()
            with self._path.open("r+b") as file, self._sums_path.open("r+b") as sums:
                for index, image in zip(indices.tolist(), images, strict=True):
                    file.seek(index * image.nbytes)
                    file.write(image)
                    sums.seek(index * SUM_BYTES)
                    sums.write(_checksum(image))

    def _has_room(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = ROOM * self._images * int(np.prod(self._shape))
        return self._path.exists() or shutil.disk_usage(self._path.parent).free > whole


def _checksum(image: Pixels) -> bytes:
    """Never zero, which a hole in the file holds."""
    return max(zlib.crc32(image.data), 1).to_bytes(SUM_BYTES, "little")
