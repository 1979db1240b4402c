"""Which part of a data set is meant by `train` and by `test`."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError

Split = Literal["train", "test"]
Indices = NDArray[np.int64]

WHOLE = "all"  # the split of a set that is not divided
TRAINING = ("train", "training")
# In the order of preference where a set has several.
TESTING = ("test", "testing", "validation", "valid", "val", "eval", "dev")
SPLIT_NAMES = (*TRAINING, *TESTING)
TESTED = 0.2  # share of the pictures of each class, where a set is not divided
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


def divided(digests: Sequence[bytes], labels: NDArray[np.int64]) -> dict[Split, Indices]:
    """Indices of a set to train and to test on, 80 : 20 in each class, one of each class at least.

    digests: hashes of the pictures' content, which alone decide: those of each class with the
    lowest ones are to be tested on, wherever else the same content stands too.
    """
    contents: dict[int, set[bytes]] = defaultdict(set)
    for digest, label in zip(digests, labels.tolist(), strict=True):
        contents[label].add(digest)
    tested: set[bytes] = set()
    for of_class in contents.values():
        tested.update(sorted(of_class)[: max(1, round(TESTED * len(of_class)))])
    chosen = np.array([digest in tested for digest in digests], dtype=np.bool_)
    return {"train": np.flatnonzero(~chosen), "test": np.flatnonzero(chosen)}


def is_training(split: str) -> bool:
    return split.lower() in TRAINING
