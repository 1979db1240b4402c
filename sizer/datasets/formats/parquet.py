"""Data sets in parquet files, as the Hugging Face hub lays them out."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, choose_split
from sizer.datasets.table import Source, TableDataset, filling_cache, quiet
from sizer.errors import DataError
from sizer.io import cache_folder

if TYPE_CHECKING:
    import datasets

PARQUET_MARK = b"PAR1"  # the first and the last four bytes of a whole parquet file
ROWS_AT_ONCE = 1000  # that are in memory while the cache's copy is written
SPLIT_OF_FILE = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?![a-z])")


def parquet_files(path: Path) -> list[Path]:
    """A parquet file itself, or those in a folder or one level below it."""
    if path.is_dir():
        return [*path.glob("*.parquet"), *path.glob("*/*.parquet")]
    return [path] if path.suffix == ".parquet" and path.exists() else []


def open_parquet(spec: str, split: Split) -> TableDataset:
    """The files of one split, as one table; each must be a whole parquet file."""
    root = Path(spec)
    by_split = group_parquet(parquet_files(root))
    chosen = choose_split(by_split, split, spec)
    files = sorted(by_split[chosen])
    if len({file.parent for file in files}) > 1:
        folders = ", ".join(sorted({str(file.parent) for file in files}))
        raise DataError(f"{spec}: parquet in more than one folder ({folders}); name one of them")
    for file in files:
        check_parquet(file)
    identity = fingerprint(files, root)
    table = load_parquet(files, identity, spec)
    return TableDataset(table, Source(spec, chosen, identity, linked=False))


def group_parquet(files: Sequence[Path]) -> Mapping[str, list[Path]]:
    """Files by the split that the start of their name, or else their folder's name, says."""
    groups: dict[str, list[Path]] = {}
    for file in files:
        match = SPLIT_OF_FILE.match(file.name) or SPLIT_OF_FILE.fullmatch(file.parent.name)
        groups.setdefault(match.group(1) if match else WHOLE, []).append(file)
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


def load_parquet(files: Sequence[Path], identity: str, spec: str) -> "datasets.Dataset":
    """The table, memory-mapped from an Arrow copy that the cache keeps under the files' hash."""
    import datasets

    with quiet(), filling_cache(spec, "fetch it again; it must hold at least one row"):
        return datasets.Dataset.from_parquet(
            [str(file) for file in files],
            cache_dir=str(cache_folder() / "parquet" / identity),
            batch_size=ROWS_AT_ONCE,
        )


FORMAT = Format(
    "a folder of parquet files or a .parquet file",
    lambda spec: bool(parquet_files(Path(spec))),
    open_parquet,
)
