"""Which part of a data set is meant by `train` and by `test`."""

import re
from collections.abc import Collection
from typing import Literal

from sizer.errors import DataError

Split = Literal["train", "test"]

SPLITS: tuple[Split, ...] = ("train", "test")
WHOLE = "all"  # the split of a set that is not divided
TRAINING = ("train", "training")
# In the order of preference where a set has several.
TESTING = ("test", "testing", "validation", "valid", "val", "eval", "dev")
SPLIT_NAMES = (*TRAINING, *TESTING)
SPLIT_OF_NAME = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?![a-z])", re.IGNORECASE)


def split_of(name: str) -> str | None:
    """The split that a file's or folder's name starts with, in any case, as `Test-0001.parquet`."""
    match = SPLIT_OF_NAME.match(name)
    return match.group(1).lower() if match else None


def choose_split(available: Collection[str], split: Split, spec: str) -> str:
    """The member of `available` to use: for training, or the first of those to test on.

    Names count in any case. Raises DataError where none of them is meant, or two are the same.
    """
    by_name = by_lower_case(available, spec)
    for name in TRAINING if split == "train" else TESTING:
        if name in by_name:
            return by_name[name]
    if len(by_name) == 1 and not (split == "train" and by_name.keys() & set(TESTING)):
        return next(iter(by_name.values()))
    there = ", ".join(sorted(available)) or "none"
    raise DataError(f"{spec}: no {split} split among {there}; name one `{split}`")


def by_lower_case(names: Collection[str], spec: str) -> dict[str, str]:
    """Names by their lower case. Raises DataError for two that differ in case alone."""
    lower: dict[str, str] = {}
    for name in sorted(names):
        if name.lower() in lower:
            raise DataError(
                f"{spec}: {lower[name.lower()]} and {name} differ in case alone; join or rename one"
            )
        lower[name.lower()] = name
    return lower


def is_training(split: str) -> bool:
    return split.lower() in TRAINING
