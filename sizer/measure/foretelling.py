"""How long a measurement will take on this machine, by the batch that each model was tried with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sizer.cores import usable_cores
from sizer.datasets import Dataset
from sizer.measure.cells import source_of
from sizer.measure.protocols import CellStore
from sizer.noise import Noise
from sizer.progress import time_in_words

if TYPE_CHECKING:
    from sizer.inference.model import OnnxModel

LONG = 60.0  # seconds: what takes less is not foretold
PLANNED = 30  # steps of a model that a plan takes: 26 to 33 on the shipped ladders


def foretold(
    models: "Sequence[OnnxModel]",
    images: Mapping[str, float],
    doing: str = "measuring",
    bound: str = "",
) -> Iterator[str]:
    """A line that says how long it will take, where it is long.

    images: by the name of a model, how many it will be shown. bound: said before the time.
    """
    seconds = sum(model.seconds * images[model.info.name] for model in models) / usable_cores()
    if seconds >= LONG:
        count = f"{len(models)} model{'s' * (len(models) > 1)}"
        about = f"{bound}about {time_in_words(seconds)}"
        yield f"{doing} {count}: {about} on this machine, as a batch of each tells"


def images_left(
    models: "Sequence[OnnxModel]",
    data: Dataset,
    noise: Noise,
    store: CellStore,
    steps: Sequence[float] | None,
    images: int | None,
) -> dict[str, float]:
    """By the name of a model, how many images it will be shown at most, those kept left out.

    steps: None where a plan will choose them.
    """
    each = (images or data.info.images) * (PLANNED if steps is None else len(steps))
    left = {}
    for model in models:
        cells = store.cells(source_of(model, data, noise), data.info.classes)
        kept = sum(stop - start for step, start, stop in cells if steps is None or step in steps)
        left[model.info.name] = max(0.0, each - kept)
    return left
