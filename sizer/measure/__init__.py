"""Which (model, step, image range) cells to run, and running them, each kept as soon as it is done.

Every model and step sees the same images under the same noise. A cell is one block of images: a
range of positions in one fixed order of the whole set, so that a longer measurement starts with
the cells of a shorter one.
"""

from sizer.measure.blocks import block_ranges, image_order
from sizer.measure.cells import Measurement, measure, require_images, source_of
from sizer.measure.protocols import CellStore, Evaluator
from sizer.measure.scores import score
from sizer.measure.work import Engine

__all__ = [
    "CellStore",
    "Engine",
    "Evaluator",
    "Measurement",
    "block_ranges",
    "image_order",
    "measure",
    "require_images",
    "score",
    "source_of",
]
