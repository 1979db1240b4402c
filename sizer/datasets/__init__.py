"""A data spec, such as `builtin` or a path, to images and labels."""

from collections.abc import Callable
from pathlib import Path

from sizer.datasets.dataset import Dataset
from sizer.datasets.records import MAX_BAD, DatasetInfo
from sizer.datasets.splits import SPLITS, Split
from sizer.errors import DataError
from sizer.progress import say_nothing

__all__ = [
    "Dataset",
    "DatasetInfo",
    "digests_of",
    "has_floats",
    "open_dataset",
    "open_splits",
]


def open_dataset(
    spec: str,
    split: Split,
    max_bad: float = MAX_BAD,
    tell: Callable[[str], None] = say_nothing,
    value_range: tuple[float, float] | None = None,
) -> Dataset:
    """The data set that `spec` names: `builtin`, `hf:NAME`, or a path.

    `test` means the test split, else the validation split. A folder without one is divided by the
    content of its pictures; a file or a set of the hub with one split has it for both, and its
    `info.split` says which. max_bad: share of damaged pictures that are left out. tell: told in a
    line what was left out, and how the set was divided. value_range: black and white of arrays of
    floating-point pixels. Raises DataError for what cannot be read,
    UsageError for a share outside 0..1, and OutputError where the cache cannot be written.
    """
    from sizer.datasets.formats import all_formats
    from sizer.datasets.survey import Reading

    formats, reading = all_formats(), Reading(max_bad, _once(tell), value_range)
    try:
        for form in formats:
            if form.fits(spec):
                return form.open(spec, split, reading)
    except OSError as error:
        raise DataError(
            f"{error.filename or spec}: {error.strerror}; check the path and its permissions"
        ) from error
    problem = "not a data set that can be read" if Path(spec).exists() else "no such file or folder"
    raise DataError(f"{spec}: {problem}; give {', or '.join(form.words for form in formats)}")


def has_floats(data: Dataset) -> bool:
    """Whether a set's pixels are floating-point numbers, whose range only the user knows."""
    return bool(getattr(data, "floating", False))


def digests_of(data: Dataset) -> list[bytes]:
    """SHA-256 of the content of each image, where the set can tell; else empty."""
    return list(getattr(data, "digests", ()))


def open_splits(
    spec: str,
    max_bad: float = MAX_BAD,
    tell: Callable[[str], None] = say_nothing,
    value_range: tuple[float, float] | None = None,
) -> list[Dataset]:
    """The training split and the test split of a data set: see `open_dataset`."""
    told = _once(tell)
    return [open_dataset(spec, split, max_bad, told, value_range) for split in SPLITS]


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tells each line the first time alone."""
    said = set[str]()

    def tell_once(line: str) -> None:
        if line not in said:
            said.add(line)
            tell(line)

    return tell_once
