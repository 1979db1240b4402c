"""A data spec, such as `builtin` or a path, to images and labels."""

from pathlib import Path

from sizer.datasets.dataset import Dataset
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import Split
from sizer.errors import DataError

__all__ = ["Dataset", "DatasetInfo", "open_dataset"]


def open_dataset(spec: str, split: Split) -> Dataset:
    """The data set that `spec` names: `builtin`, `hf:NAME`, or a path.

    `test` means the test split, else the validation split; a set with one split has it for both,
    and its `info.split` says which. Raises DataError for what cannot be read, and OutputError
    where the cache cannot be written.
    """
    from sizer.datasets.formats import all_formats

    formats = all_formats()
    try:
        for form in formats:
            if form.fits(spec):
                return form.open(spec, split)
    except OSError as error:
        raise DataError(
            f"{error.filename or spec}: {error.strerror}; check the path and its permissions"
        ) from error
    problem = "not a data set that can be read" if Path(spec).exists() else "no such file or folder"
    raise DataError(f"{spec}: {problem}; give {', or '.join(form.words for form in formats)}")
