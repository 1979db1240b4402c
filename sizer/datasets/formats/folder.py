"""Pictures in class folders."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from sizer.datasets.fingerprint import content_digest, fingerprint
from sizer.datasets.format import Format
from sizer.datasets.formats.parquet import parquet_files
from sizer.datasets.images import files_in, is_picture, is_tools_own
from sizer.datasets.labels import Labels, check_labels, numbered
from sizer.datasets.opening import open_pictures
from sizer.datasets.parallel import in_parallel
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.splits import SPLIT_NAMES, TRAINING, WHOLE, Split, by_lower_case
from sizer.datasets.survey import Reading
from sizer.errors import DataError

NAMED = 5  # suffixes that a message counts at most


class FolderSource:
    """The picture files of class folders, class by class."""

    def __init__(self, folder: Path, classes: Sequence[str], spec: str) -> None:
        """Raises DataError where they hold no picture."""
        files = [files_in(folder / name) for name in classes]
        pictures = [[file for file in some if is_picture(file)] for some in files]
        self.others = _counted(file for some in files for file in some if not is_picture(file))
        if self.others and not any(pictures):
            raise DataError(
                f"{spec}: no pictures in {folder}, but {self.others}; convert them to PNG or JPEG"
            )
        self._folder, self.class_names = folder, tuple(classes)
        self._files = [file for files in pictures for file in files]
        counts = [len(files) for files in pictures]
        numbers = np.repeat(np.arange(len(classes)), counts)
        self.labels: Labels
        self.labels, self.classes = check_labels(numbers, len(classes), spec)
        self.digests: list[bytes] = in_parallel(content_digest, self._files)
        self.fingerprint = fingerprint(self._files, folder, classes, self.digests)

    def encoded(self, index: int) -> bytes:
        """The bytes of one file. Raises ValueError where it is gone."""
        try:
            return self._files[index].read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror})") from error

    def name(self, index: int) -> str:
        """Where it lies in the folder."""
        return str(self._files[index].relative_to(self._folder))


def _counted(files: Iterable[Path]) -> str:
    """How many files have which suffix, in words; empty where there is none."""
    counts = Counter(file.suffix.lower() or "no suffix" for file in files)
    listed = [f"{count:,} of {suffix}" for suffix, count in counts.most_common(NAMED)]
    more = len(counts) - len(listed)
    return ", ".join([*listed, *([f"and {more} other suffixes"] if more else [])])


def open_folder(spec: str, split: Split, reading: Reading) -> PictureDataset:
    """Pictures in class folders, which may lie in folders named for the splits.

    Classes are numbered in the order of their names, as numbers where all are whole ones, else as
    text; where there is a folder to train on, its class folders are the classes. Files that are not
    pictures by their suffix are left out, and counted.
    """
    root = Path(spec)
    splits = split_folders(root) or {WHOLE: root}
    trained = next((splits[name] for name in splits if name.lower() in TRAINING), None)
    classes = class_names(trained, spec) if trained else None
    first = classes or class_names(next(iter(splits.values())), spec)
    if first != sorted(first):
        reading.tell(f"{spec}: the class folders are numbers: classes are in the order of those")
    sources = {
        name: partial(_source, folder, classes, trained, spec, reading)
        for name, folder in splits.items()
    }
    return open_pictures(spec, sources, split, reading, divide=True)


def _source(
    folder: Path, classes: list[str] | None, trained: Path | None, spec: str, reading: Reading
) -> FolderSource:
    """The pictures of one split's folder. classes: those of the folder to train on, if any."""
    there = class_names(folder, spec)
    unknown = set(there) - set(classes or there)
    if unknown:
        raise DataError(
            f"{folder}: class folder {min(unknown)} is not among those of {trained};"
            " rename or remove it"
        )
    source = FolderSource(folder, classes or there, spec)
    if source.others:
        reading.tell(f"{folder}: left out {source.others}, which are no pictures by their suffix")
    return source


def split_folders(root: Path) -> Mapping[str, Path]:
    """The folders named for a split, or none if they hold pictures as a class folder would."""
    splits = {
        folder.name: folder for folder in subfolders(root) if folder.name.lower() in SPLIT_NAMES
    }
    return splits if any(subfolders(folder) for folder in splits.values()) else {}


def class_names(folder: Path, spec: str) -> list[str]:
    """Names of the class folders; raises DataError where there are none, or two are the same."""
    names = numbered([child.name for child in subfolders(folder)], str(folder))
    if not names:
        raise DataError(
            f"{spec}: no class folders in {folder}; put the pictures of each class in a folder of"
            " its own"
        )
    by_lower_case(names, str(folder))
    return names


def subfolders(folder: Path) -> list[Path]:
    """Folders directly inside, by name; not those that some tool keeps for itself."""
    return sorted(
        child for child in folder.iterdir() if child.is_dir() and not is_tools_own(child.name)
    )


FORMAT = Format(
    "a folder of class folders",
    lambda spec: Path(spec).is_dir() and not parquet_files(Path(spec)),
    open_folder,
)
