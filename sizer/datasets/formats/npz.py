"""NumPy archives of images and labels, read through memory maps."""

import math
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.arrays import (
    Header,
    Pair,
    axis_of_channels,
    pair_by_shape,
    pairs_by_name,
    require_pair,
)
from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.images import Pixels
from sizer.datasets.labels import Labels, check_labels, named_labels
from sizer.datasets.opening import ONE_SET, fingerprint_of, untested
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import WHOLE, Split, choose_split
from sizer.datasets.survey import Reading
from sizer.datasets.values import Range, as_pixels, require_pixels
from sizer.errors import DataError, OutputError
from sizer.io import ANOTHER_CACHE, cache_folder, make_folder, replacing

REMEDY = "save it anew with numpy.savez(file, images=uint8 array, labels=integer array)"
USUAL = Pair("images", "labels")
SUFFIX = ".npy"
MOST_ARRAYS = 50  # whose headers are read to find images by their shape
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # NumPy writes no others
CRC_AT_ONCE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class ArchiveLabels:
    """Of all splits of an archive. class_names: None where labels are numbers."""

    by_split: Mapping[str, Labels]
    classes: int
    class_names: tuple[str, ...] | None


class NpzDataset:
    """Images of one array of an archive, and their labels."""

    def __init__(
        self,
        images: NDArray[Any],
        value_range: Range | None,
        places: NDArray[np.int64],
        labels: ArchiveLabels,
        info: DatasetInfo,
    ) -> None:
        """images: (all, height, width, channels), of which the set has those at `places`.
        value_range: as `require_pixels` gives it.
        """
        self._images, self._range, self._places = images, value_range, places
        self.floating = images.dtype.kind == "f"
        self.labels = labels.by_split[info.split][places]
        self.class_names, self.info = labels.class_names, info

    def picture(self, index: int) -> Pixels:
        """One image (height, width, channels)."""
        return as_pixels(self._images[self._places[index]], self._range)

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, Labels]:
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`."""
        return as_pixels(self._images[self._places[indices]], self._range), self.labels[indices]

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each image's pixels."""
        return [sha256(self.picture(index).data).digest() for index in range(len(self.labels))]


class Archive:
    """An archive, each array of which is unpacked once into a file of the cache."""

    def __init__(self, spec: str) -> None:
        """Raises DataError, before anything is unpacked, where it holds no images with labels."""
        self.spec = spec
        self.fingerprint = fingerprint([Path(spec)], root=Path(spec))
        with self._opened() as archive:
            self.pairs = _pairs(archive, spec)
            for pair in self.pairs.values():
                images = read_header(archive, pair.images)
                require_pair(pair, images, read_header(archive, pair.labels), spec)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with _refusing(self.spec), zipfile.ZipFile(self.spec) as archive:
            yield archive

    def array(self, name: str) -> NDArray[Any]:
        """One of its arrays, mapped into memory."""
        folder = cache_folder() / "npz" / self.fingerprint
        with self._opened() as archive:
            copy = unpacked(archive, name, folder)
            array: NDArray[Any] = np.load(copy, mmap_mode="r", allow_pickle=False)
        return array

    def labels(self, tell: Callable[[str], None]) -> ArchiveLabels:
        """Raises DataError for labels that are none."""
        raw = {split: self.array(pair.labels).ravel() for split, pair in self.pairs.items()}
        joined = np.concatenate(list(raw.values()))
        names: tuple[str, ...] | None = None
        if joined.dtype.kind in "US":
            labels, names = named_labels(
                joined.astype(np.str_).tolist(), f"{self.spec}: the array of labels", tell
            )
            classes = len(names)
        else:
            labels, classes = check_labels(joined, None, self.spec)
        ends = np.cumsum([len(part) for part in raw.values()])[:-1]
        by_split = dict(zip(raw, np.split(labels, ends), strict=True))
        return ArchiveLabels(by_split, classes, names)


def open_npz(spec: str, split: Split, reading: Reading) -> NpzDataset:
    """A split of an archive. Images that are tested on are left out of the one to train on."""
    archive = Archive(spec)
    labels = archive.labels(reading.tell)
    data = _opened(archive, choose_split(archive.pairs, split, spec), labels, reading)
    if split == "train" and data.info.split == WHOLE:
        reading.tell(ONE_SET.format(spec=spec))
    if split == "test" or len(archive.pairs) == 1:
        return data
    other = _opened(archive, choose_split(archive.pairs, "test", spec), labels, reading)
    some = untested(data.digests, other.digests, spec, reading)
    return _opened(archive, data.info.split, labels, reading, some)


def _opened(
    archive: Archive,
    split: str,
    labels: ArchiveLabels,
    reading: Reading,
    some: NDArray[np.int64] | None = None,
) -> NpzDataset:
    """some: places of the images to keep, None for all."""
    pair = archive.pairs[split]
    images = archive.array(pair.images)
    value_range = require_pixels(images, reading.value_range, pair.images, archive.spec)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    elif axis_of_channels(images.shape) == 1:
        images = np.moveaxis(images, 1, 3)
    identity = archive.fingerprint
    if pair != USUAL or value_range:
        identity = sha256(f"{identity} {pair} {value_range}".encode()).hexdigest()
    places = np.arange(len(images)) if some is None else some
    info = DatasetInfo(
        spec=archive.spec,
        split=split,
        fingerprint=fingerprint_of(identity, places, len(images)),
        classes=labels.classes,
        images=len(places),
        shape=images.shape[1:],
    )
    return NpzDataset(images, value_range, places, labels, info)


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


def _pairs(archive: zipfile.ZipFile, spec: str) -> dict[str, Pair]:
    """Which arrays are images and labels, by split. Raises DataError where that is unclear."""
    arrays = [name.removesuffix(SUFFIX) for name in archive.namelist() if name.endswith(SUFFIX)]
    pairs = pairs_by_name(arrays)
    if pairs:
        return pairs
    headers: dict[str, Header] = {}
    for name in arrays[:MOST_ARRAYS]:
        with suppress(DataError):  # what is no array of numbers may lie beside
            headers[name] = read_header(archive, name)
    only = pair_by_shape(headers)
    if only is None:
        there = ", ".join(f"`{name}` ({header})" for name, header in headers.items())
        raise DataError(
            f"{spec}: it holds no `images` with `labels`, but {there or 'no array'}; {REMEDY}"
        )
    return {WHOLE: only}


def read_header(archive: zipfile.ZipFile, name: str) -> Header:
    """Raises DataError for an array that is not what its header says."""
    info = archive.getinfo(f"{name}{SUFFIX}")
    if info.compress_type not in PACKINGS:
        raise DataError(f"{archive.filename}: is packed as NumPy packs nothing; {REMEDY}")
    with archive.open(info) as stream:
        header = _parsed(stream)
        if header is None or header.dtype.hasobject:
            raise DataError(
                f"{archive.filename}: `{name}` is not an array of numbers or text; {REMEDY}"
            )
        length = stream.tell() + math.prod(header.shape) * header.dtype.itemsize
    if length != info.file_size:
        raise DataError(f"{archive.filename}: `{name}` is not as long as it says; {REMEDY}")
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


def unpacked(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    """An array as an .npy file in `folder`, written once, since an archive may be compressed.

    A copy that is there already is used if it has the archive's checksum. Raises OutputError where
    none can be written. A file appears there only when complete.
    """
    info = archive.getinfo(f"{name}{SUFFIX}")
    target = folder / f"{sha256(name.encode()).hexdigest()}{SUFFIX}"
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
    lambda spec: spec.endswith(".npz") and Path(spec).is_file(),
    open_npz,
)
