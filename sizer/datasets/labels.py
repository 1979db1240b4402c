"""What every data set's labels must be."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError

Labels = NDArray[np.int64]
MOST_IMAGES = 20_000_000  # whose labels are held in memory

LONGEST_NUMBER = 18  # digits of a name that counts as a whole number


def check_labels(raw: NDArray[np.generic], classes: int | None, spec: str) -> tuple[Labels, int]:
    """Labels (n,) as int64 in 0..classes-1, and the number of classes.

    `classes` None means that the set does not say: then it is the largest label plus one. Whole
    numbers stored as floats are taken as they are, and so are false and true. Raises DataError
    that names the first label that does not fit.
    """
    if not raw.size:
        raise DataError(f"{spec}: the data set is empty; it must hold at least one image")
    if kind := _no_numbers(raw):
        raise DataError(f"{spec}: the labels are {kind}; number the classes 0, 1, 2, ...")
    whole = _are_whole(raw)
    if not whole.all():
        index = int(np.argmin(whole))
        raise DataError(
            f"{spec}: the label of image {index} is {str(raw[index])[:50]!r}, not a whole number;"
            " number the classes 0, 1, 2, ..."
        )
    labels = raw.astype(np.int64)
    count = int(labels.max()) + 1 if classes is None else classes
    outside = (labels < 0) | (labels >= count)
    if outside.any():
        index = int(np.argmax(outside))
        raise DataError(
            f"{spec}: the label of image {index} is {raw[index]}, outside"
            f" 0..{max(count - 1, 0)}; correct it, or leave unlabelled images out"
        )
    if count < 2:
        raise DataError(f"{spec}: all images are of one class; a classifier needs two or more")
    return labels, count


def _no_numbers(raw: NDArray[np.generic]) -> str | None:
    """What the labels are instead of numbers; None where they are numbers."""
    if raw.dtype.kind in "iufb":
        return None
    kinds = {type(label) for label in raw.tolist()} - {type(None)}
    if not kinds:
        return "missing"
    if kinds <= {str, bytes}:
        return "text"
    if kinds <= {list, tuple, dict, np.ndarray}:
        return "lists or records"
    return f"of type {min(kind.__name__ for kind in kinds)}"


def _are_whole(raw: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which entries hold a whole number; a number missing from a table arrives as NaN."""
    if raw.dtype.kind in "iub":
        return np.ones(raw.shape, dtype=np.bool_)
    if raw.dtype.kind == "f":
        numbers = raw.astype(np.float64)
        whole: NDArray[np.bool_] = np.isfinite(numbers) & (numbers == np.trunc(numbers))
        return whole
    return np.zeros(raw.shape, dtype=np.bool_)


def named_labels(
    texts: Sequence[str], place: str, tell: Callable[[str], None]
) -> tuple[Labels, tuple[str, ...]]:
    """Labels (n,) of classes that are called by text, and the classes' names in their order.

    Names that are all whole numbers are in the order of those. tell: told which order it is.
    Raises DataError for an empty name, and for fewer than two classes.
    """
    if "" in texts:
        raise DataError(f"{place}: image {texts.index('')} has no label; give each image one")
    by_name = sorted(set(texts))
    names = numbered(by_name, place)
    number = {name: i for i, name in enumerate(names)}
    labels, _ = check_labels(np.array([number[text] for text in texts]), len(names), place)
    order = "their names" if names == by_name else "the numbers that they are"
    tell(f"{place} holds text: its {len(names):,} classes are in the order of {order}")
    return labels, tuple(names)


def numbered(names: list[str], place: str) -> list[str]:
    """Names in the order of their numbers where all are whole numbers, and as they are else.

    Raises DataError for two that are the same number.
    """
    if not all(name.isdecimal() and len(name) <= LONGEST_NUMBER for name in names):
        return names
    ordered = sorted(names, key=int)
    for name, other in pairwise(ordered):
        if int(name) == int(other):
            raise DataError(f"{place}: {name} and {other} are the same number; join or rename one")
    return ordered
