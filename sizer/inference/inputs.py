"""How images on the [-1, 1] scale are brought into a model's range, layout and type."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sizer.inference.input_format import InputFormat

Layout = Literal["NCHW", "NHWC"]

# of pixels that are whole numbers, by their type
WHOLE_RANGES: dict[type[np.generic], tuple[float, float]] = {
    np.uint8: (0.0, 255.0),
    np.int8: (-128.0, 127.0),
}
# Values of a free batch at most on a CPU: the maps of a larger one fill the memory, and it runs no
# faster.
CPU_BATCH_VALUES = 1 << 21


@dataclass(frozen=True, slots=True)
class InputPlan:
    """How images must be arranged for a model; batch: exactly so many images in one run.

    classes: the outputs that are scored, None for all.
    """

    layout: Layout
    dtype: type[np.generic]
    batch: int
    input_format: InputFormat
    classes: tuple[int, ...] | None = None


def arrange(images: NDArray[np.float32], plan: InputPlan) -> NDArray[Any]:
    """Images (B, H, W, C) on the [-1, 1] scale in the model's range, layout and type."""
    scale, offset = affine(plan.input_format)
    images = in_layout(images, plan.layout)  # before the scaling, slow along a short last axis
    if plan.layout == "NCHW":
        scale, offset = scale[:, None, None], offset[:, None, None]
    identity = np.all(scale == 1) and not np.any(offset)
    scaled = images if identity else images * scale + offset
    if plan.dtype in WHOLE_RANGES:
        scaled = np.clip(np.rint(scaled), *WHOLE_RANGES[plan.dtype])
    return np.ascontiguousarray(scaled, dtype=plan.dtype)


def affine(input_format: InputFormat) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(scale, offset), one a channel, that take [-1, 1] to the range, minus mean, over std."""
    low, high = input_format.range
    mean, std = np.asarray(input_format.mean), np.asarray(input_format.std)
    scale = (high - low) / 2 / std
    offset = ((high + low) / 2 - mean) / std
    return scale.astype(np.float32), offset.astype(np.float32)


def in_layout(images: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Images (B, H, W, C) with their channels where the layout has them."""
    moved = images.transpose(0, 3, 1, 2) if layout == "NCHW" else images
    return np.ascontiguousarray(moved)
