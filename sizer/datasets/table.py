"""Data sets that Hugging Face `datasets` holds as an Arrow table, memory-mapped from disk."""

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizer.datasets.columns import choose_columns, read_labels
from sizer.datasets.labels import Labels
from sizer.errors import DataError, OutputError, SizerError

if TYPE_CHECKING:
    import datasets

CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)


class TableSource:
    """Pictures of one column and labels of another, by row."""

    def __init__(
        self,
        table: "datasets.Dataset",
        spec: str,
        fingerprint: str,
        tell: Callable[[str], None],
        *,
        linked: bool,
    ) -> None:
        """Take the columns to be read from `table`; raises DataError where they do not fit.

        tell: told how classes that are text are numbered. linked: whether a row may hold the path
        of a picture instead of its bytes; only where the fingerprint covers the pictures' content.
        """
        image, label = choose_columns(table.features, spec)
        self.labels: Labels
        self.labels, self.classes, self.class_names = read_labels(
            table.features[label], table.data.column(label), f"{spec}: column {label}", tell
        )
        self.fingerprint = fingerprint
        self._rows = table.data.column(image)
        self._linked = linked

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each picture's bytes; of none where they are missing."""
        return [self._digest(index) for index in range(len(self.labels))]

    def encoded(self, index: int) -> bytes:
        """The bytes of one picture. Raises ValueError where there are none."""
        row = self._row(index)
        contents = row.get("bytes")
        if isinstance(contents, bytes):
            return contents
        if contents is not None:
            raise ValueError("is stored as something else than bytes; store the file's bytes")
        if not (self._linked and row.get("path")):
            raise ValueError("is missing; store each picture's bytes in the file")
        try:
            return Path(row["path"]).read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror})") from error

    def name(self, index: int) -> str:
        """Its number, and its path where the table says it."""
        path = self._row(index).get("path")
        return f"image {index}" + (f" ({path})" if path else "")

    def _row(self, index: int) -> dict[str, Any]:
        row = self._rows[index].as_py()
        return {"bytes": row} if isinstance(row, bytes) else row or {}

    def _digest(self, index: int) -> bytes:
        try:
            return hashlib.sha256(self.encoded(index)).digest()
        except ValueError:
            return hashlib.sha256().digest()


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
