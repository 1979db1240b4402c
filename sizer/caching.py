"""What the cache folder holds, whether it is whole, and how it is made smaller."""

import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sizer.datasets.sealed import is_sealed, require_same
from sizer.errors import OutputError
from sizer.io import cache_folder
from sizer.measure.store import FILE_NAME, open_store
from sizer.result import Tabular

BLOCK = 512  # bytes, in which the system counts what a file takes of the disk
CELLS = "labels of measured cells"
# By the folder's name, what lies there; nothing else is ever removed.
COPIES = {
    "decoded": "training images, decoded",
    "hub": "data sets of the hub",
    "images": "test images, decoded and resized",
    "npz": "archives, unpacked",
    "parquet": "tables of parquet files",
    "surveys": "which pictures can be read",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of what is kept. entries: None where a store cannot be read."""

    kind: str
    entries: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheUse(Tabular):
    """What a cache folder holds now.

    damaged: cells and copies that were found so and removed, None where nobody looked. freed: bytes
    that were given back.
    """

    folder: str
    kept: tuple[Kept, ...]
    damaged: int | None
    freed: int

    @property
    def bytes(self) -> int:
        """Of all of it."""
        return sum(kept.bytes for kept in self.kept)

    def rows(self) -> list[dict[str, object]]:
        """One row a kind."""
        return [asdict(kept) for kept in self.kept]


def clean_cache(*, verify: bool = False, older_than: float | None = None) -> CacheUse:
    """Look at the cache folder; with either argument, remove something of it.

    verify: cells and copies that are not as they were kept. older_than: seconds; what was kept
    longer ago, all of it where 0. A measurement that runs meanwhile makes anew what it misses.
    Raises OutputError where something cannot be removed, and for a damaged store but for 0.
    """
    folder = cache_folder()
    before = _bytes(folder)
    damaged = None
    if older_than is not None:
        _prune(folder, math.inf if older_than == 0 else time.time() - older_than)
    if verify:
        damaged = _verify(folder)
    kept = (_kept_cells(folder), *(_kept(folder / name) for name in sorted(COPIES)))
    return CacheUse(str(folder), kept, damaged, max(before - _bytes(folder), 0))


def _verify(folder: Path) -> int:
    """Remove what is damaged. The other copies are proved by what uses them, each time."""
    damaged = 0
    for copy in _entries(folder / "decoded") + _entries(folder / "parquet"):
        if is_sealed(copy):
            require_same(copy)
            damaged += not copy.exists()
    if (folder / FILE_NAME).exists():
        with open_store() as store:
            damaged += store.verify()
    return damaged


def _prune(folder: Path, before: float) -> None:
    """Remove what was kept before a moment, seconds since 1970."""
    for name in COPIES:
        for entry in _entries(folder / name):
            if _newest(entry) < before:
                _remove(entry)
    if (folder / FILE_NAME).exists():
        try:
            with open_store() as store:
                store.prune(before)
        except OutputError:
            if before != math.inf:
                raise
            for file in folder.glob(f"{FILE_NAME}*"):  # with its log
                _remove(file)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; remove it by hand") from error


def _kept_cells(folder: Path) -> Kept:
    size = sum(_bytes(file) for file in folder.glob(f"{FILE_NAME}*"))
    if not (folder / FILE_NAME).exists():
        return Kept(CELLS, 0, size)
    try:
        with open_store() as store:
            return Kept(CELLS, len(store), size)
    except OutputError:
        return Kept(CELLS, None, size)


def _kept(folder: Path) -> Kept:
    return Kept(COPIES[folder.name], len(_entries(folder)), _bytes(folder))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _files(path: Path) -> Iterator[os.stat_result]:
    """What the system says of a file, or of all inside a folder."""
    for file in (path, *path.rglob("*")):
        with suppress(OSError):
            yield file.lstat()


def _bytes(path: Path) -> int:
    """What it takes of the disk: less than its length where a file has holes."""
    return sum(status.st_blocks * BLOCK for status in _files(path))


def _newest(path: Path) -> float:
    return max((status.st_mtime for status in _files(path)), default=0.0)
