"""Numbers of any type as 8-bit pixels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.images import Pixels
from sizer.errors import DataError

Range = tuple[float, float]

VALUES_AT_ONCE = 1 << 22  # whose extremes are looked for
BEYOND = 1e-3  # of a range, by which rounding may leave it
LEAST_USED = 0.05  # of a range: values that use less are of another one
BYTE, WORD = (0.0, 255.0), (0.0, 65535.0)


def require_pixels(
    images: NDArray[Any], value_range: Range | None, name: str, spec: str
) -> Range | None:
    """Black and white of an array of images (n, ...); None where they are those of a byte.

    value_range: as the user says, of floating-point numbers; 16 bits are scaled. Raises DataError
    where nobody said it, and for values outside of it or in one end of it.
    """
    if images.dtype == np.uint8 or images.dtype.kind == "b":
        return None
    floats = images.dtype.kind == "f"
    if floats and value_range is None:
        raise DataError(
            f"{spec}: `{name}` is {images.dtype}, and nothing says which numbers are black and"
            " white; give --input-range, as in 0,1, or save it as uint8"
        )
    least, most = _extremes(images)
    whole = WORD if images.dtype == np.uint16 and most > BYTE[1] else BYTE
    low, high = value_range if floats and value_range else whole
    room = BEYOND * (high - low)
    inside = low - room <= least and most <= high + room
    if not inside or least >= (low + high) / 2 or most - least < LEAST_USED * (high - low):
        remedy = "give --input-range as they are" if floats else "scale them"
        raise DataError(
            f"{spec}: `{name}` holds {least:g} to {most:g}, no pixels from {low:g} to {high:g};"
            f" {remedy}, or save it as uint8"
        )
    return (low, high) if floats or whole == WORD else None


def _extremes(images: NDArray[Any]) -> tuple[float, float]:
    """The least and the largest value; nan where any is."""
    parts = [(float(part.min()), float(part.max())) for part in _parts(images)]
    low, high = np.array(parts).T
    return float(low.min()), float(high.max())


def _parts(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    count = max(1, VALUES_AT_ONCE // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), count):
        yield images[start : start + count]


def as_pixels(images: NDArray[Any], value_range: Range | None) -> Pixels:
    """8-bit pixels of images that `require_pixels` let pass, scaled where they have a range."""
    if images.dtype.kind == "b":
        return np.array(images, dtype=np.uint8, order="C") * np.uint8(255)
    if value_range is None:
        return np.array(images, dtype=np.uint8, order="C")
    low, high = value_range
    scaled = (images.astype(np.float64) - low) / (high - low) * 255
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8, order="C")
