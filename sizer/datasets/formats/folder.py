"""Pictures in class folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.fingerprint import fingerprint
from sizer.datasets.format import Format
from sizer.datasets.formats.parquet import parquet_files
from sizer.datasets.images import pictures_in
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, choose_split
from sizer.datasets.table import Source, TableDataset
from sizer.errors import DataError

if TYPE_CHECKING:
    import datasets


def open_folder(spec: str, split: Split) -> TableDataset:
    """Pictures in class folders, which may lie in train, test or validation folders.

    Classes are numbered in the order of their names, as text; where there is a train folder, its
    class folders are the classes. Files that are not pictures by their suffix are left out.
    """
    root = Path(spec)
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


FORMAT = Format(
    "a folder of class folders",
    lambda spec: Path(spec).is_dir() and not parquet_files(Path(spec)),
    open_folder,
)
