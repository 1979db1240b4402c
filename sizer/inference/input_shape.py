"""Of which shape the pictures must be for a model, and what they are cropped to on the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from sizer.datasets.records import Shape
from sizer.errors import ModelError, UsageError
from sizer.inference.inputs import Layout

CROP_KEY = "sizer.crop_share"
AXES: dict[Layout, tuple[int, int, int]] = {"NCHW": (2, 3, 1), "NHWC": (1, 2, 3)}
GREY_OR_COLOUR = (1, 3)

Dims = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class InputSize:
    """What a user says of it. side: of models that take any. crop_share: in (0, 1], of all."""

    side: int | None = None
    crop_share: float | None = None

    def __post_init__(self) -> None:
        if self.side is not None and self.side < 1:
            raise UsageError(f"--input-side {self.side}: give a number of pixels, as in 224")
        if self.crop_share is not None and not 0 < self.crop_share <= 1:
            raise UsageError(f"--crop-share {self.crop_share:g}: give a share above 0, 1 at most")


def input_shapes(
    dims: Dims, pictures: Shape | None, side: int | None
) -> list[tuple[Layout, Shape]]:
    """Layouts that a model's input may have, and the shape of one image in each.

    dims: as the graph states them, None where dynamic. pictures: the shape of the data's, None
    where they differ in size. Raises ModelError, with the remedy, where there is none.
    """
    if len(dims) != 4:
        raise ModelError(f"takes {_stated(dims)}, no pictures; export it with a 4-D image input")
    fitting = [
        (layout, tuple(dims[axis] for axis in axes))
        for layout, axes in AXES.items()
        if dims[axes[2]] in {None, *GREY_OR_COLOUR, *(pictures or ())[2:]}
    ]
    if not fitting:
        raise ModelError(f"takes {_stated(dims)}, which has no axis of 1 or 3 channels")
    stated = [(layout, sizes) for layout, sizes in fitting if sizes[2] is not None]
    default = pictures or (None, None, 3)
    shapes = []
    for layout, (height, width, channels) in stated or fitting:
        if side is not None and {height, width} - {side, None}:
            raise ModelError(
                f"takes {_stated(dims)}, not --input-side {side}; leave it out, or export the"
                " model for that side"
            )
        shape = (height or side or default[0], width or side or default[1], channels or default[2])
        if shape[0] is None or shape[1] is None:
            raise ModelError(
                f"takes {_stated(dims)}, and the pictures differ in size; give --input-side"
            )
        shapes.append((layout, (shape[0], shape[1], shape[2] or 3)))
    return shapes


def crop_share_from(metadata: Mapping[str, str]) -> float | None:
    """The share that a model's metadata state, None where they do not. Raises ModelError."""
    text = metadata.get(CROP_KEY)
    if text is None:
        return None
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ModelError(f"metadata {CROP_KEY} must be a share above 0, 1 at most, not {text!r}")
    return share


def _stated(dims: Dims) -> str:
    return "x".join("?" if dim is None else str(dim) for dim in dims) or "no stated shape"
