"""Data sets in parquet files, as the Hugging Face hub lays them out."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.opening import open_pictures
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.sealed import require_same, seal
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, split_of
from sizer.datasets.survey import Reading
from sizer.datasets.table import TableSource, filling_cache, quiet
from sizer.errors import DataError
from sizer.io import cache_folder

if TYPE_CHECKING:
    import datasets

PARQUET_MARK = b"PAR1"  # the first and the last four bytes of a whole parquet file
ROWS_AT_ONCE = 1000  # that are in memory while the cache's copy is written


def parquet_files(path: Path) -> list[Path]:
    """A parquet file itself, or those in a folder or one level below it."""
    if path.is_dir():
        return [*path.glob("*.parquet"), *path.glob("*/*.parquet")]
    return [path] if path.suffix == ".parquet" and path.exists() else []


def open_parquet(spec: str, split: Split, reading: Reading) -> PictureDataset:
    """The files of one split, as one table; each must be a whole parquet file.

    A folder without splits is divided; a file that is named itself is taken as it is.
    """
    root = Path(spec)
    sources = {
        name: partial(_source, files, root, spec)
        for name, files in group_parquet(parquet_files(root)).items()
    }
    return open_pictures(spec, sources, split, reading, divide=root.is_dir())


def _source(files: Sequence[Path], root: Path, spec: str) -> TableSource:
    files = sorted(files)
    if len({file.parent for file in files}) > 1:
        folders = ", ".join(sorted({str(file.parent) for file in files}))
        raise DataError(f"{spec}: parquet in more than one folder ({folders}); name one of them")
    for file in files:
        check_parquet(file)
    identity = fingerprint(files, root)
    copy = cache_folder() / "parquet" / identity
    try:
        require_same(copy)
        table = load_parquet(files, copy, spec)
        source = TableSource(table, spec, identity, linked=False)
    except DataError:
        shutil.rmtree(copy, ignore_errors=True)  # nothing of refused data stays
        raise
    seal(copy)
    return source


def group_parquet(files: Sequence[Path]) -> Mapping[str, list[Path]]:
    """Files by the split that the start of their name, or else their folder's name, says."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        folder = file.parent.name.lower()
        name = split_of(file.name) or (folder if folder in SPLIT_NAMES else WHOLE)
        groups.setdefault(name, []).append(file)
    return groups


def check_parquet(file: Path) -> None:
    """Raise DataError for a file that was cut short, or is something else."""
    with file.open("rb") as stream:
        start = stream.read(len(PARQUET_MARK))
        size = stream.seek(0, 2)
        stream.seek(max(size - len(PARQUET_MARK), 0))
        end = stream.read()
    if start != PARQUET_MARK or end != PARQUET_MARK or size <= 2 * len(PARQUET_MARK):
        raise DataError(f"{file}: truncated, or not a parquet file; fetch it again")


def load_parquet(files: Sequence[Path], copy: Path, spec: str) -> "datasets.Dataset":
    """The table, memory-mapped from an Arrow copy that is made in the folder `copy`."""
    import datasets

    with quiet(), filling_cache(spec, "fetch it again; it must hold at least one row"):
        return datasets.Dataset.from_parquet(
            [str(file) for file in files],
            cache_dir=str(copy),
            batch_size=ROWS_AT_ONCE,
        )


FORMAT = Format(
    "a folder of parquet files or a .parquet file",
    lambda spec: bool(parquet_files(Path(spec))),
    open_parquet,
)
