"""NumPy archives with `images` and `labels`, read through memory maps."""

import math
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.images import Pixels
from sizer.datasets.labels import MOST_IMAGES, Labels, check_labels
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import WHOLE
from sizer.errors import DataError, OutputError
from sizer.io import ANOTHER_CACHE, cache_folder, make_folder, replacing

MEMBERS = ("images", "labels")
REMEDY = "save it anew with numpy.savez(file, images=uint8 array, labels=integer array)"


PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # NumPy writes no others
CRC_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a member of an archive says its array is."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class NpzDataset:
    """`images` uint8 (n, height, width[, channels]) and `labels` (n,) of one archive."""

    def __init__(self, path: Path, spec: str) -> None:
        """Raises DataError where the archive does not hold that, before anything is unpacked."""
        identity = fingerprint([path], root=path)
        self.class_names: tuple[str, ...] | None = None
        with _refusing(spec), zipfile.ZipFile(path) as archive:
            check_headers(read_header(archive, "images"), read_header(archive, "labels"), spec)
            folder = cache_folder() / "npz" / identity
            copies = [unpacked(archive, member, folder) for member in MEMBERS]
            images, labels = (np.load(c, mmap_mode="r", allow_pickle=False) for c in copies)
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


@contextmanager
def _refusing(spec: str) -> Iterator[None]:
    """Raises DataError, with the remedy, for an archive that cannot be read."""
    try:
        yield
    except ValueError as error:
        raise DataError(f"{spec}: it holds no arrays of numbers; {REMEDY}") from error
    # Encrypted or exotic members raise RuntimeError, and its child NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{spec}: damaged, or no NumPy archive; {REMEDY}") from error


def read_header(archive: zipfile.ZipFile, member: str) -> Header:
    """Raises DataError for a member that is not what its header says."""
    try:
        info = archive.getinfo(f"{member}.npy")
    except KeyError as error:
        raise DataError(f"{archive.filename}: it holds no `{member}`; {REMEDY}") from error
    if info.compress_type not in PACKINGS:
        raise DataError(f"{archive.filename}: is packed as NumPy packs nothing; {REMEDY}")
    with archive.open(info) as stream:
        header = _parsed(stream)
        if header is None or header.dtype.hasobject:
            raise DataError(f"{archive.filename}: `{member}` is not an array of numbers; {REMEDY}")
        length = stream.tell() + math.prod(header.shape) * header.dtype.itemsize
    if length != info.file_size:
        raise DataError(f"{archive.filename}: `{member}` is not as long as it says; {REMEDY}")
    return header


def _parsed(stream: IO[bytes]) -> Header | None:
    """What comes first in an .npy file; None where that is no header."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, _, dtype = read[np.lib.format.read_magic(stream)](stream)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise
    except Exception:  # it is read as Python, whose parser raises nearly anything
        return None
    return Header(shape, dtype)


def check_headers(images: Header, labels: Header, spec: str) -> None:
    """Raise DataError unless the two arrays are a set of grey or colour images."""
    shape = images.shape
    fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
    if images.dtype != np.uint8 or not fits or min(shape[1:]) < 1:
        raise DataError(
            f"{spec}: `images` is {images.dtype} of shape {shape}; it must be uint8 of shape"
            " (n, height, width) or (n, height, width, 1 or 3)"
        )
    if labels.shape != shape[:1]:
        raise DataError(
            f"{spec}: `labels` has shape {labels.shape}, but there are {shape[0]} images;"
            " give one label for each image"
        )
    if shape[0] > MOST_IMAGES:
        raise DataError(f"{spec}: {shape[0]:,} images; give {MOST_IMAGES:,} at most")


def unpacked(archive: zipfile.ZipFile, member: str, folder: Path) -> Path:
    """The member as an .npy file in `folder`, written once, since an archive may be compressed.

    A copy that is there already is used if it has the archive's checksum. Raises OutputError where
    none can be written. A file appears there only when complete.
    """
    info = archive.getinfo(f"{member}.npy")
    target = folder / info.filename
    if _is_copy(target, info):
        return target
    make_folder(folder, ANOTHER_CACHE)
    if info.file_size > shutil.disk_usage(folder).free:
        raise OutputError(f"{folder}: has no room for {info.file_size:,} bytes; {ANOTHER_CACHE}")
    with (
        replacing(target, ANOTHER_CACHE) as unfinished,
        archive.open(info) as packed,
        unfinished.open("wb") as copy,
    ):
        shutil.copyfileobj(packed, copy)
    return target


def _is_copy(path: Path, info: zipfile.ZipInfo) -> bool:
    checksum = 0
    try:
        if path.stat().st_size != info.file_size:
            return False
        with path.open("rb") as file:
            while part := file.read(CRC_AT_ONCE):
                checksum = zlib.crc32(part, checksum)
    except OSError:
        return False
    return checksum == info.CRC


FORMAT = Format(
    "a .npz file",
    lambda spec: spec.endswith(".npz") and Path(spec).exists(),
    lambda spec, _split, _reading: NpzDataset(Path(spec), spec),
)
