"""Data sets that Hugging Face `datasets` holds as an Arrow table, memory-mapped from disk."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.images import Pixels, decode
from sizer.datasets.labels import Labels, check_labels
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError, OutputError, SizerError

if TYPE_CHECKING:
    import datasets

CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)


@dataclass(frozen=True)
class Source:
    """Where a table came from.

    linked: whether a row may hold the path of a picture instead of its bytes; only where the
    fingerprint covers the pictures' content.
    """

    spec: str
    split: str
    fingerprint: str
    linked: bool


class TableDataset:
    """Pictures of one column and labels of another; only the rows asked for are decoded."""

    def __init__(self, table: "datasets.Dataset", source: Source) -> None:
        """Take the columns to be read from `table`; raises DataError where they do not fit."""
        image, label = choose_columns(table.features, source.spec)
        classes = getattr(table.features[label], "num_classes", None)
        raw = table.data.column(label).to_numpy()
        self._labels, count = check_labels(raw, classes, source.spec)
        self._pictures = _undecoded(table, image)
        self._column = image
        self._source = source
        shape = self._decode(0, self._rows([0])[0]).shape
        self.info = DatasetInfo(
            spec=source.spec,
            split=source.split,
            fingerprint=source.fingerprint,
            classes=count,
            images=len(self._labels),
            shape=(shape[0], shape[1], shape[2]),
        )

    def read(self, indices: NDArray[np.int64]) -> tuple[Pixels, Labels]:
        """Images (n, height, width, channels) and labels (n,), in the order of `indices`.

        Raises DataError that names the first image that cannot be read or has another size.
        """
        images = np.empty((len(indices), *self.info.shape), dtype=np.uint8)
        rows = self._rows(indices.tolist())
        for place, (index, row) in enumerate(zip(indices.tolist(), rows, strict=True)):
            images[place] = self._fitted(index, row)
        return images, self._labels[indices]

    def _rows(self, indices: list[int]) -> list[dict[str, Any] | None]:
        rows: list[dict[str, Any] | None] = self._pictures[indices][self._column]
        return rows

    def _fitted(self, index: int, row: dict[str, Any] | None) -> Pixels:
        """One image, its channels those of the set: grey among colour is repeated."""
        pixels = self._decode(index, row)
        height, width, channels = self.info.shape
        if pixels.shape[2] == 1 and channels == 3:
            pixels = np.repeat(pixels, 3, axis=2)
        if pixels.shape != self.info.shape:
            raise DataError(
                f"{self._name(index, row)} is {_describe(pixels.shape)}, but the first is"
                f" {_describe((height, width, channels))}; bring all images to one size and colour"
                " mode first"
            )
        return pixels

    def _decode(self, index: int, row: dict[str, Any] | None) -> Pixels:
        encoded = self._encoded(index, row)
        try:
            return decode(encoded)
        except ValueError as error:
            raise DataError(
                f"{self._name(index, row)} {error}; convert or remove it, or fetch the set again"
            ) from error

    def _encoded(self, index: int, row: dict[str, Any] | None) -> bytes:
        if row and row["bytes"] is not None:
            return bytes(row["bytes"])
        if not (self._source.linked and row and row["path"]):
            raise DataError(
                f"{self._name(index, row)} is missing; store each picture's bytes in the file"
            )
        try:
            return Path(row["path"]).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self._name(index, row)}: {error.strerror}; put it back or remove it"
            ) from error

    def _name(self, index: int, row: dict[str, Any] | None) -> str:
        path = (row or {}).get("path")
        return f"{self._source.spec}: image {index}" + (f" ({path})" if path else "")


def choose_columns(features: Mapping[str, Any], spec: str) -> tuple[str, str]:
    """Names of the image and the label column; raises DataError where that is ambiguous.

    Image: the one of type Image, or else the one struct that has `bytes`. Label: `fine_label`,
    or else `label`, or else the one of type ClassLabel, or else the one of whole numbers.
    """
    import datasets

    def of_type(kind: type) -> list[str]:
        return [name for name, feature in features.items() if isinstance(feature, kind)]

    structs = [name for name in of_type(dict) if "bytes" in features[name]]
    named = [name for name in ("fine_label", "label") if name in features]
    whole = [n for n in of_type(datasets.Value) if features[n].dtype.startswith(("int", "uint"))]
    image = of_type(datasets.Image) or structs
    label = named[:1] or of_type(datasets.ClassLabel) or whole
    columns = f"{spec} (columns {', '.join(features)})"
    if len(image) != 1:
        raise DataError(
            f"{columns}: {_one_of(image)} column holds the images; have one column of type Image,"
            " or one of structs with `bytes`"
        )
    if len(label) != 1:
        raise DataError(
            f"{columns}: {_one_of(label)} column holds the labels; name the one to use `label`"
        )
    return image[0], label[0]


def _one_of(columns: Sequence[str]) -> str:
    return f"unclear which ({', '.join(columns)})" if columns else "no"


def _undecoded(table: "datasets.Dataset", column: str) -> "datasets.Dataset":
    """The pictures as stored: we decode them, so that errors can name the image."""
    import datasets

    pictures = table.select_columns([column])
    if isinstance(table.features[column], datasets.Image):
        return pictures.cast_column(column, datasets.Image(decode=False))
    return pictures


def _describe(shape: Sequence[int]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep `datasets` from writing to the terminal meanwhile. Its errors are still raised."""
    import datasets

    level = datasets.logging.get_verbosity()
    bars_were_off = datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars_were_off:
            datasets.enable_progress_bars()


@contextmanager
def filling_cache(spec: str, remedy: str) -> Iterator[None]:
    """Turn what goes wrong while `datasets` fills the cache into OutputError or DataError.

    remedy: what to do about data that could not be fetched or read.
    """
    try:
        yield
    except SizerError:
        raise
    except Exception as error:  # it passes on the errors of Arrow, of HTTP and of every format
        cause = _first_cause(error)
        if isinstance(cause, OSError) and cause.errno in CANNOT_WRITE:
            raise OutputError(
                f"cache file {cause.filename}: {cause.strerror}; make room, or set XDG_CACHE_HOME"
                " to a folder you can write"
            ) from error
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise DataError(f"{spec}: cannot be read ({reason}); {remedy}") from error


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__:
        error = error.__cause__
    return error
