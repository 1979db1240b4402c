"""Which part of a data set is meant by `train` and by `test`."""

from collections.abc import Collection
from typing import Literal

from sizer.errors import DataError

Split = Literal["train", "test"]

WHOLE = "all"  # the split of a set that is not divided
SPLIT_NAMES = ("train", "test", "validation", "valid", "val")


def choose_split(available: Collection[str], split: Split, spec: str) -> str:
    """The member of `available` to use: train, or test or else validation, or the only one.

    Raises DataError where none of them is meant.
    """
    wanted = ("train",) if split == "train" else SPLIT_NAMES[1:]
    for name in wanted:
        if name in available:
            return name
    if len(available) == 1:
        return next(iter(available))
    there = ", ".join(sorted(available)) or "none"
    raise DataError(f"{spec}: no {split} split among {there}; name one `{split}`")
