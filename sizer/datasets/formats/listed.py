"""A table of picture files and their labels, as a CSV beside them."""

import csv
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from sizer.datasets.columns import LABEL_NAMES, usual
from sizer.datasets.fingerprint import content_digest
from sizer.datasets.format import Format
from sizer.datasets.images import pictures_in
from sizer.datasets.labels import Labels, named_labels
from sizer.datasets.opening import open_pictures
from sizer.datasets.parallel import in_parallel
from sizer.datasets.picture_set import PictureDataset
from sizer.datasets.splits import SPLIT_NAMES, WHOLE, Split, split_of
from sizer.datasets.survey import Reading
from sizer.errors import DataError
from sizer.io import lines_of_table

SUFFIXES = (".csv", ".tsv", ".txt")
DELIMITERS = (",", ";", "\t")  # else spaces
FILE_NAMES = (
    *("file", "filename", "file_name", "filepath", "file_path", "path", "image_path", "image"),
    *("image_name", "image_id", "id_code", "id", "name"),
)
SPLIT_COLUMNS = ("split", "subset", "partition", "set", "data set")
MOST_COLUMNS = 1000
LOOKED_AT = 20  # rows in which a picture is looked for
REMEDY = "give a CSV beside the pictures, with the columns file and label"

Find = Callable[[str], Path | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A picture as the table writes it: its file, its class and its split."""

    file: str
    label: str
    split: str


class ListedSource:
    """Picture files that a table lists, in its order."""

    def __init__(self, rows: Sequence[Row], find: Find, labels: Labels, names: tuple[str, ...]):
        """names: of the classes that the labels of these rows number."""
        self._rows, self._files = rows, [find(row.file) for row in rows]
        self.labels, self.classes, self.class_names = labels, len(names), names

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each file; of none where it is missing."""
        return in_parallel(
            lambda file: content_digest(file) if file else hashlib.sha256().digest(), self._files
        )

    @cached_property
    def fingerprint(self) -> str:
        whole = hashlib.sha256()
        for row, digest in zip(self._rows, self.digests, strict=True):
            whole.update(os.fsencode(f"{row.file}\0{row.label}\0") + digest)
        return whole.hexdigest()

    def encoded(self, index: int) -> bytes:
        """The bytes of one file. Raises ValueError where there is none."""
        file = self._files[index]
        if file is None:
            raise ValueError("is missing")
        try:
            return file.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read ({error.strerror})") from error

    def name(self, index: int) -> str:
        """As the table writes it."""
        return self._rows[index].file


def open_listed(spec: str, split: Split, reading: Reading) -> PictureDataset:
    """The pictures of a table. One without a column of splits is divided as a folder is, unless
    its own name begins with a split.
    """
    path = Path(spec)
    find = finder(path.parent)
    rows = read_rows(path, find)
    labels, names = named_labels(
        [row.label for row in rows], f"{spec}: the column of labels", reading.tell
    )
    places = {
        name: np.array([i for i, row in enumerate(rows) if row.split == name])
        for name in dict.fromkeys(row.split for row in rows)
    }
    sources = {
        name: partial(ListedSource, [rows[i] for i in some], find, labels[some], names)
        for name, some in places.items()
    }
    return open_pictures(spec, sources, split, reading, divide=True)


def finder(root: Path) -> Find:
    """Where a picture is that a table in `root` names: with its path, or by its name alone."""
    by_name: dict[str, Path | None] = {}

    def find(name: str) -> Path | None:
        for written in (name, name.replace("\\", "/")):
            place = os.path.join(root, written)  # noqa: PTH118 (a name may be no path at all)
            if os.path.isfile(place):  # noqa: PTH113 (which says no to such a name)
                return Path(place)
        if not by_name:
            by_name.update(_by_name(root))
        return by_name.get(re.split(r"[\\/]", name)[-1])

    return find


def _by_name(root: Path) -> dict[str, Path | None]:
    """Pictures anywhere inside, by their names with and without suffix; None for several."""
    found: dict[str, Path | None] = {}
    for picture in pictures_in(root):
        for name in {picture.name, picture.stem}:
            found[name] = None if name in found else picture
    return found


def read_rows(path: Path, find: Find) -> list[Row]:
    """The rows of a table. Raises DataError where its columns or a row cannot be understood."""
    cells = _cells(path)
    headed = all(find(cell) is None for cell in cells[0])
    columns = [c.lower() for c in cells[0]] if headed else [str(i) for i in range(len(cells[0]))]
    rows = [dict(zip(columns, row, strict=False)) for row in cells[headed:]]
    file = _file_column(columns, rows[:LOOKED_AT], find, path)
    split = usual(SPLIT_COLUMNS, columns)
    if not all(row.get(name, "").lower() in SPLIT_NAMES for row in rows for name in split):
        split = []
    others = [name for name in columns if name and name not in {file, *split}]
    label = usual(LABEL_NAMES, others) or others
    if len(label) != 1:
        raise DataError(
            f"{path}: columns {', '.join(columns)}: unclear which holds the labels; name it `label`"
        )
    whole = split_of(path.name) or WHOLE
    listed = [
        Row(
            row.get(file, ""),
            _label(row.get(label[0], "")),
            row[split[0]].lower() if split else whole,
        )
        for row in rows
    ]
    _require_one_label(listed, path)
    return listed


def _cells(path: Path) -> list[list[str]]:
    """The cells of all lines that hold any."""
    try:
        lines, _ = lines_of_table(path, errors="surrogateescape")
        with lines:
            first = lines.readline()
            lines.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            delimiter = delimiter if delimiter in first else " "
            rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            cells = [[cell.strip() for cell in line] for line in rows if any(line)]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {REMEDY}") from None
    except csv.Error as error:
        raise DataError(f"{path}: no table ({error}); {REMEDY}") from None
    if not cells or not 2 <= len(cells[0]) <= MOST_COLUMNS:
        raise DataError(f"{path}: no table of two columns; {REMEDY}")
    return cells


def _file_column(
    columns: Sequence[str], rows: Sequence[dict[str, str]], find: Find, path: Path
) -> str:
    """The column whose cells are pictures that are there, or else that which is called so."""
    there = (name for name in columns if any(find(row.get(name, "")) for row in rows))
    named = next(there, None) or next(iter(usual(FILE_NAMES, columns)), None)
    if named is None:
        raise DataError(f"{path}: no column names a picture that is there; {REMEDY}")
    return named


def _label(text: str) -> str:
    """A label as it is written, but for whole numbers that a program wrote as fractions."""
    return re.sub(r"^(\d+)\.0+$", r"\1", text)


def _require_one_label(rows: Sequence[Row], path: Path) -> None:
    labels: dict[str, str] = {}
    for row in rows:
        first = labels.setdefault(row.file, row.label)
        if first != row.label:
            raise DataError(
                f"{path}: {row.file} has the labels {first} and {row.label}; give each picture one"
            )


FORMAT = Format(
    "a .csv file of picture files and labels",
    lambda spec: Path(spec).suffix.lower() in SUFFIXES and Path(spec).is_file(),
    open_listed,
)
