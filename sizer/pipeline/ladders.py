"""The models of a measurement: found, opened, measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sizer.pipeline.planned import Goal, Ladder, Steps, measure_planned
from sizer.progress import ReportProgress
from sizer.scaling.crossings import Cut

if TYPE_CHECKING:
    from sizer.datasets import Dataset
    from sizer.measure import CellStore, Engine, Evaluator, Measurement
    from sizer.noise import Noise

BUILTIN = "builtin"
NOISE_SEED = 0


def measure_ladder(
    models: "Sequence[Evaluator]",
    dataset: "Dataset",
    noise: "Noise",
    store: "CellStore",
    steps: tuple[float, ...] | None,
    images: int | None,
    progress: ReportProgress,
    *,
    precision: float,
    cut: Cut,
    workers: int | None = None,
    engine: "Engine | None" = None,
) -> "Measurement":
    """Every model at every step; without steps, at those that a plan finds worth it.

    precision: at which the plan stops. cut: the widths that it is about.
    """
    from sizer.measure import measure, require_images

    def run(label: str, wanted: Steps, count: int) -> "Measurement":
        return measure(
            models,
            dataset,
            noise,
            store,
            steps=wanted,
            images=count,
            workers=workers,
            engine=engine,
            progress=progress(label),
        )

    infos = tuple(model.info for model in models)
    count = dataset.info.images if images is None else images
    require_images(count, dataset.info)
    ladder = Ladder(infos, 1 / dataset.info.classes, noise.schedule, run)
    if steps is not None:
        return run("measuring", ladder.everywhere(steps), count)
    return measure_planned(ladder, Goal(count, precision, cut))
