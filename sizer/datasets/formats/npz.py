"""NumPy archives with `images` and `labels`, read through memory maps."""

import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.images import Pixels
from sizer.datasets.labels import Labels, check_labels
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import WHOLE
from sizer.errors import DataError
from sizer.io import ANOTHER_CACHE, cache_folder, make_folder, replacing

MEMBERS = ("images", "labels")
REMEDY = "save it anew with numpy.savez(file, images=uint8 array, labels=integer array)"


class NpzDataset:
    """`images` uint8 (n, height, width[, channels]) and `labels` (n,) of one archive."""

    def __init__(self, path: Path, spec: str) -> None:
        """Raises DataError where the archive does not hold that."""
        identity = fingerprint([path], root=path)
        images, labels = (open_member(path, member, identity, spec) for member in MEMBERS)
        check_shapes(images, labels, spec)
        self._images = images if images.ndim == 4 else images[..., np.newaxis]
        self.labels, classes = check_labels(np.array(labels), None, spec)
        count, height, width, channels = self._images.shape
        self.info = DatasetInfo(
            spec=spec,
            split=WHOLE,
            fingerprint=identity,
            classes=classes,
            images=count,
            shape=(height, width, channels),
        )

    def picture(self, index: int) -> Pixels:
        """One image (height, width, channels)."""
        return np.array(self._images[index], dtype=np.uint8)

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, Labels]:
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`."""
        return np.array(self._images[indices], dtype=np.uint8), self.labels[indices]


def check_shapes(images: NDArray[Any], labels: NDArray[Any], spec: str) -> None:
    """Raise DataError unless the two arrays are a set of grey or colour images."""
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if images.dtype != np.uint8 or not fits or 0 in images.shape[1:]:
        raise DataError(
            f"{spec}: `images` is {images.dtype} of shape {images.shape}; it must be uint8 of shape"
            " (n, height, width) or (n, height, width, 1 or 3)"
        )
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"{spec}: `labels` has shape {labels.shape}, but there are {len(images)} images;"
            " give one label for each image"
        )


def open_member(path: Path, member: str, identity: str, spec: str) -> NDArray[Any]:
    """One array of the archive, memory-mapped from a copy in the cache folder.

    Archives may be compressed, so each array is written out once, under the archive's hash.
    """
    try:
        copy = extract(path, member, cache_folder() / "npz" / identity)
        array: NDArray[Any] = np.load(copy, mmap_mode="r", allow_pickle=False)
    except KeyError as error:
        raise DataError(f"{spec}: it holds no `{member}`; {REMEDY}") from error
    except ValueError as error:
        raise DataError(f"{spec}: `{member}` is not an array of numbers; {REMEDY}") from error
    # Encrypted or exotic members raise RuntimeError, and its child NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{spec}: damaged, or no NumPy archive; {REMEDY}") from error
    return array


def extract(path: Path, member: str, folder: Path) -> Path:
    """Write an archive's array as an .npy file into `folder`, unless it is there already.

    Raises OutputError where it cannot be written. A file appears there only when complete.
    """
    target = folder / f"{member}.npy"
    if target.exists():
        return target
    make_folder(folder, ANOTHER_CACHE)
    with (
        replacing(target, ANOTHER_CACHE) as unfinished,
        zipfile.ZipFile(path) as archive,
        archive.open(target.name) as packed,
        unfinished.open("wb") as unpacked,
    ):
        shutil.copyfileobj(packed, unpacked)
    return target


FORMAT = Format(
    "a .npz file",
    lambda spec: spec.endswith(".npz") and Path(spec).exists(),
    lambda spec, _split, _reading: NpzDataset(Path(spec), spec),
)
