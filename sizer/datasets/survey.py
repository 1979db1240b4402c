"""Which pictures of a set can be read, and how large they are, before anything else is done."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.images import examine, open_picture
from sizer.datasets.parallel import in_parallel
from sizer.datasets.picture_set import PictureSource
from sizer.datasets.records import MAX_BAD, Shape
from sizer.errors import DataError, UsageError
from sizer.io import ANOTHER_CACHE, cache_folder, make_folder, replacing
from sizer.progress import say_nothing

NAMED = 5  # damaged pictures of one reason that a message names at most
MANY = 5000  # pictures that take long enough to look at to say so
VERSION = 1  # of what `examine` says: another one looks anew
DAMAGED = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """How pictures are read.

    max_bad: share of a set's pictures, rounded up to a whole one, that may be damaged: they are
    left out. tell: told what was left out, and how a set was divided. value_range: black and white
    of arrays of floating-point pixels, None where it was not said.
    """

    max_bad: float = MAX_BAD
    tell: Callable[[str], None] = say_nothing
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_bad <= 1:
            raise UsageError(f"--max-bad {self.max_bad:g}: give a share of the pictures, 0 to 1")


@dataclass(frozen=True, slots=True)
class Survey:
    """Numbers of the pictures that can be read (n,), and their height, width, channels (n, 3)."""

    readable: NDArray[np.int64]
    shapes: NDArray[np.int64]

    def shape_of(self, some: NDArray[np.int64]) -> Shape | None:
        """The shape of these of the readable pictures, coloured where any is; None where sizes
        differ.
        """
        shapes = self.shapes[some]
        if len(np.unique(shapes[:, :2], axis=0)) != 1:
            return None
        height, width, channels = shapes.max(axis=0).tolist()
        return height, width, channels


def survey(source: PictureSource, spec: str, reading: Reading) -> Survey:
    """Look at every picture: the headers first, then all of it. What was seen is remembered.

    Damaged pictures are left out and named. Raises DataError where they are more than allowed.
    """
    path = _memory(source)
    shapes = _remembered(path, len(source.labels))
    if shapes is None:
        if len(source.labels) >= MANY:
            reading.tell(f"{spec}: looking at {len(source.labels):,} pictures, which is done once")
        headers = _failures(source, range(len(source.labels)), open_picture)
        _require_few(source, headers, spec, reading)
        shapes = _looked(source, path)
    damaged = np.flatnonzero(~shapes.any(axis=1)).tolist()
    if damaged:
        failures = _failures(source, damaged, examine)
        _require_few(source, failures, spec, reading)
        reading.tell(
            f"{spec}: left out {len(failures):,} of {len(shapes):,} pictures: "
            f"{_named(source, failures)}"
        )
    readable = np.flatnonzero(shapes.any(axis=1))
    return Survey(readable, shapes[readable])


def _failures(
    source: PictureSource, numbers: Sequence[int], look: Callable[[bytes], object]
) -> dict[int, str]:
    """Why each of the pictures at which looking fails cannot be read, by its number."""

    def problem(number: int) -> str | None:
        try:
            look(source.encoded(number))
        except ValueError as error:
            return str(error)
        return None

    problems = zip(numbers, in_parallel(problem, numbers), strict=True)
    return {number: why for number, why in problems if why is not None}


def _require_few(
    source: PictureSource, failures: dict[int, str], spec: str, reading: Reading
) -> None:
    count, max_bad = len(source.labels), reading.max_bad
    allowed = min(ceil(max_bad * count), count - 1)
    if len(failures) <= allowed:
        return
    some = "all" if len(failures) == count else f"{len(failures):,} of"
    raise DataError(
        f"{spec}: {some} {count:,} pictures cannot be read, and --max-bad {max_bad:g} allows"
        f" {allowed:,}: {_named(source, failures)}; repair or remove them"
    )


def _named(source: PictureSource, failures: dict[int, str]) -> str:
    """The pictures and their reasons in words, those of one reason together."""
    by_reason: dict[str, list[int]] = {}
    for number, why in failures.items():
        by_reason.setdefault(why, []).append(number)
    return ", ".join(
        _each([source.name(number) for number in numbers[:NAMED]], len(numbers), why)
        for why, numbers in by_reason.items()
    )


def _each(names: Sequence[str], count: int, why: str) -> str:
    if count == 1:
        return f"{names[0]} {why}"
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return f"{', '.join(names)}{more}: each {why}"


def _memory(source: PictureSource) -> Path:
    """The file of the cache for what was seen of pictures of this content."""
    content = hashlib.sha256(f"survey {VERSION}".encode() + b"".join(source.digests)).hexdigest()
    return cache_folder() / "surveys" / f"{content}.npy"


def _remembered(path: Path, count: int) -> NDArray[np.int64] | None:
    """Height, width, channels of each picture (n, 3), zeros where it cannot be read."""
    try:
        shapes: NDArray[np.int64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return shapes if shapes.shape == (count, 3) and shapes.dtype == np.int64 else None


def _looked(source: PictureSource, path: Path) -> NDArray[np.int64]:
    def shape(number: int) -> tuple[int, int, int]:
        try:
            return examine(source.encoded(number))
        except ValueError:
            return DAMAGED

    shapes = np.array(in_parallel(shape, range(len(source.labels))), np.int64).reshape(-1, 3)
    make_folder(path.parent, ANOTHER_CACHE)
    with replacing(path, ANOTHER_CACHE) as partial, partial.open("wb") as file:
        np.save(file, shapes, allow_pickle=False)
    return shapes
