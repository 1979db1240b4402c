"""Data sets that lie on disk: parquet, folders of class folders, NumPy archives."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.npz import NpzDataset
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, choose_split
from sizer.datasets.table import Source, TableDataset, filling_cache, quiet
from sizer.errors import DataError
from sizer.io import cache_folder

if TYPE_CHECKING:
    import datasets

PARQUET_MARK = b"PAR1"  # the first and the last four bytes of a whole parquet file
ROWS_AT_ONCE = 1000  # that are in memory while the cache's copy is written
SPLIT_OF_FILE = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?![a-z])")
IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
)


def open_path(spec: str, split: Split) -> TableDataset | NpzDataset:
    """The data set at a path; raises DataError where there is none that can be read."""
    path = Path(spec)
    try:
        return _open_form(path, spec, split)
    except OSError as error:
        raise DataError(
            f"{error.filename or spec}: {error.strerror}; check the path and its permissions"
        ) from error


def _open_form(path: Path, spec: str, split: Split) -> TableDataset | NpzDataset:
    if path.is_dir():
        parquet = [*path.glob("*.parquet"), *path.glob("*/*.parquet")]
        return (
            open_parquet(parquet, path, spec, split) if parquet else open_folder(path, spec, split)
        )
    if path.suffix == ".parquet" and path.exists():
        return open_parquet([path], path, spec, split)
    if path.suffix == ".npz" and path.exists():
        return NpzDataset(path, spec)
    problem = "not a data set that can be read" if path.exists() else "no such file or folder"
    raise DataError(
        f"{spec}: {problem}; give `builtin`, a folder of class folders or of parquet files, a"
        " .parquet or .npz file, or hf:NAME for a data set of the Hugging Face hub"
    )


def open_parquet(found: Sequence[Path], root: Path, spec: str, split: Split) -> TableDataset:
    """The files of one split, as one table; each must be a whole parquet file."""
    by_split = group_parquet(found)
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


def open_folder(root: Path, spec: str, split: Split) -> TableDataset:
    """Pictures in class folders, which may lie in train, test or validation folders.

    Classes are numbered in the order of their names, as text; where there is a train folder, its
    class folders are the classes. Files that are not pictures by their suffix are left out.
    """
    splits = split_folders(root)
    chosen = choose_split(splits, split, spec) if splits else WHOLE
    folder = splits.get(chosen, root)
    classes = class_names(splits.get("train", folder), spec)
    unknown = set(class_names(folder, spec)) - set(classes)
    if unknown:
        raise DataError(
            f"{folder}: class folder {min(unknown)} is not among those of {splits['train']};"
            " rename or remove it"
        )
    pictures = [pictures_in(folder / name) for name in classes]
    identity = fingerprint([file for files in pictures for file in files], folder, classes)
    return TableDataset(
        picture_table(pictures, classes), Source(spec, chosen, identity, linked=True)
    )


def picture_table(pictures: Sequence[Sequence[Path]], classes: list[str]) -> "datasets.Dataset":
    """Paths and labels of the pictures of each class, in order; the pictures stay on disk."""
    import datasets

    labelled = [(str(file), label) for label, files in enumerate(pictures) for file in files]
    return datasets.Dataset.from_dict(
        {"image": [path for path, _ in labelled], "label": [label for _, label in labelled]},
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=classes)}
        ),
    )


def split_folders(root: Path) -> Mapping[str, Path]:
    """The folders named for a split, or none if they hold pictures as a class folder would."""
    splits = {folder.name: folder for folder in subfolders(root) if folder.name in SPLIT_NAMES}
    return splits if any(subfolders(folder) for folder in splits.values()) else {}


def class_names(folder: Path, spec: str) -> list[str]:
    """Names of the class folders; raises DataError where there are none."""
    names = [child.name for child in subfolders(folder)]
    if not names:
        raise DataError(
            f"{spec}: no class folders in {folder}; put the pictures of each class in a folder of"
            " its own"
        )
    return names


def subfolders(folder: Path) -> list[Path]:
    """Folders directly inside, by name; hidden ones are some tool's own."""
    return sorted(child for child in folder.iterdir() if child.is_dir() and child.name[0] != ".")


def pictures_in(folder: Path) -> list[Path]:
    """Picture files anywhere inside, by name; none where there is no such folder."""
    found = (file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(file for file in found if file.name[0] != "." and file.is_file())
