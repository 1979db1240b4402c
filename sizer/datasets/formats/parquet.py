"""Data sets in parquet files, as the Hugging Face hub lays them out."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.labels import MOST_IMAGES
from sizer.datasets.opening import open_pictures
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.sealed import is_sealed, require_same, seal
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, split_of
from sizer.datasets.survey import Reading
from sizer.datasets.table import TableSource, filling_cache, quiet
from sizer.errors import DataError
from sizer.io import cache_folder

if TYPE_CHECKING:
    import datasets

PARQUET_MARK = b"PAR1"  # the first and the last four bytes of a whole parquet file
ROWS_AT_ONCE = 1000  # that are in memory while the cache's copy is written
BYTES_AT_ONCE = 1 << 28  # that they may take, if each is as long as can be


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
        name: partial(_source, files, root, spec, reading)
        for name, files in group_parquet(parquet_files(root)).items()
    }
    return open_pictures(spec, sources, split, reading, divide=root.is_dir())


def _source(files: Sequence[Path], root: Path, spec: str, reading: Reading) -> TableSource:
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
        rows_at_once = ROWS_AT_ONCE if is_sealed(copy) else check_sizes(files, spec)
        table = load_parquet(files, copy, spec, rows_at_once)
        source = TableSource(table, spec, identity, reading.tell, linked=False)
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


def check_sizes(files: Sequence[Path], spec: str) -> int:
    """How many rows may be read at once. Raises DataError for more than can be held.

    A value that is written once and meant a million times makes a small file into a large table.
    """
    with quiet(), filling_cache(spec, "fetch it again"):
        sizes = [size for file in files for size in _sizes(file)]
    rows = sum(size.rows for size in sizes)
    if rows > MOST_IMAGES:
        raise DataError(f"{spec}: {rows:,} rows; give {MOST_IMAGES:,} at most")
    whole, free = sum(size.bytes for size in sizes), shutil.disk_usage(cache_folder()).free
    if whole > free:
        raise DataError(
            f"{spec}: its table takes {whole:,} bytes, and the cache has room for {free:,};"
            " give fewer rows, or set XDG_CACHE_HOME to a folder with more room"
        )
    longest = max((size.longest for size in sizes), default=1)
    return max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(longest, 1)))


@dataclass(frozen=True, slots=True)
class _Size:
    """Of the rows of one row group; longest: bytes of a row, as far as is known."""

    rows: int
    bytes: int
    longest: int


def _sizes(file: Path) -> list[_Size]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as opened:
        metadata = opened.metadata
    return [_size(file, metadata.row_group(i), i) for i in range(metadata.num_row_groups)]


def _size(file: Path, group: Any, number: int) -> _Size:
    size = longest = 0
    for i in range(group.num_columns):
        column = group.column(i)
        stated = max(column.total_uncompressed_size, column.total_compressed_size)
        if min(group.num_rows, column.num_values, column.total_uncompressed_size) < 0:
            raise DataError(f"{file}: states less than nothing; fetch it again")
        mean = stated // max(group.num_rows, 1)
        is_bytes = column.physical_type == "BYTE_ARRAY"
        if is_bytes and column.has_dictionary_page and stated * column.num_values > BYTES_AT_ONCE:
            meant, mean = _meant(file, number, column.path_in_schema)
            stated = max(stated, meant)
        size, longest = size + stated, longest + mean
    return _Size(group.num_rows, size, longest)


def _meant(file: Path, group: int, path: str) -> tuple[int, int]:
    """Bytes of a column's values, each as often as it is meant, and of the longest.

    None of them is written out.
    """
    import pyarrow.compute as pc
    from pyarrow.parquet import ParquetFile

    total = longest = 0
    with ParquetFile(file, read_dictionary=[path]) as opened:
        for batch in opened.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=[path]):
            for values in _dictionaries(batch.column(0)):
                lengths = pc.binary_length(values.dictionary).take(values.indices)
                total += pc.sum(lengths).as_py() or 0
                longest = max(longest, pc.max(lengths).as_py() or 0)
    return total, longest


def _dictionaries(array: Any) -> Iterator[Any]:
    """The arrays of shared values inside a column's."""
    from pyarrow import types

    if types.is_dictionary(array.type):
        yield array
    elif types.is_nested(array.type):
        for inner in array.flatten() if types.is_struct(array.type) else [array.flatten()]:
            yield from _dictionaries(inner)


def load_parquet(
    files: Sequence[Path], copy: Path, spec: str, rows_at_once: int
) -> "datasets.Dataset":
    """The table, memory-mapped from an Arrow copy that is made in the folder `copy`."""
    import datasets

    remedy = "fetch it again; it must hold at least one row, and no column of maps"
    with quiet(), filling_cache(spec, remedy):
        return datasets.Dataset.from_parquet(
            [str(file) for file in files],
            cache_dir=str(copy),
            batch_size=rows_at_once,
        )


FORMAT = Format(
    "a folder of parquet files or a .parquet file",
    lambda spec: bool(parquet_files(Path(spec))),
    open_parquet,
)
