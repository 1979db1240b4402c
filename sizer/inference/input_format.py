"""What a model expects of its input, and the same as text in its ONNX metadata."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sizer.errors import ModelError

RANGE_KEY = "sizer.input_range"
MEAN_KEY = "sizer.mean"
STD_KEY = "sizer.std"


@dataclass(frozen=True, slots=True)
class InputFormat:
    """What a model expects: the noisy image scaled to `range`, minus `mean`, over `std`."""

    range: tuple[float, float] = (-1.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


def to_metadata(input_format: InputFormat) -> dict[str, str]:
    """Metadata entries that say what the model expects; `from_metadata` is the inverse."""
    return {
        RANGE_KEY: _join(input_format.range),
        MEAN_KEY: _join(input_format.mean),
        STD_KEY: _join(input_format.std),
    }


def from_metadata(metadata: Mapping[str, str]) -> InputFormat | None:
    """The input format that metadata state, None where they state nothing of it.

    An entry that is left out takes its default. Raises ModelError on one that is no list of
    numbers, or of which no normalisation can be made.
    """
    if not metadata.keys() & {RANGE_KEY, MEAN_KEY, STD_KEY}:
        return None
    default = to_metadata(InputFormat())
    limits, mean, std = (
        _split(key, metadata.get(key, default[key])) for key in (RANGE_KEY, MEAN_KEY, STD_KEY)
    )
    if len(limits) != 2:
        raise ModelError(f"metadata {RANGE_KEY} must be two numbers such as '0,1'")
    input_format = InputFormat((limits[0], limits[1]), mean, std)
    require_sound(input_format)
    return input_format


def require_sound(input_format: InputFormat) -> None:
    """Raise ModelError unless the range ascends, every std is positive and all are finite."""
    low, high = input_format.range
    numbers = (low, high, *input_format.mean, *input_format.std)
    if not all(math.isfinite(number) for number in numbers):
        raise ModelError("input format: every number must be finite")
    if low >= high:
        raise ModelError(f"input range {low:g},{high:g} must ascend")
    if not input_format.mean or not input_format.std or min(input_format.std) <= 0:
        raise ModelError("input format: give one mean and one positive std, or one a channel")


def _join(numbers: tuple[float, ...]) -> str:
    return ",".join(repr(float(number)) for number in numbers)


def _split(key: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ModelError(f"metadata {key} must be numbers and commas, not {text!r}") from None
