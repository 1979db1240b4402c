"""Measuring a ladder: at the steps that are asked for, or at those that a plan chooses."""

from collections.abc import Sequence

from sizer.datasets import Dataset
from sizer.errors import UsageError
from sizer.measure.cells import Measurement, measure, require_images
from sizer.measure.few import measure_few
from sizer.measure.protocols import CellStore, Evaluator
from sizer.measure.rounds import Goal, Ladder, Steps, measure_planned
from sizer.measure.work import Engine
from sizer.noise import Noise
from sizer.progress import ReportProgress
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import MOST_CELLS
from sizer.scaling.master import MasterCurve

MOST_PLANNED = 40  # steps of a model, about the most that a plan takes
MOST_ANSWERS = 150_000_000  # that are held in memory at once


def measure_ladder(
    models: Sequence[Evaluator],
    dataset: Dataset,
    noise: Noise,
    store: CellStore,
    steps: tuple[float, ...] | None,
    images: int | None,
    progress: ReportProgress,
    *,
    tolerance: float,
    cut: Cut,
    engine: Engine,
    shape: MasterCurve | None = None,
    workers: int | None = None,
) -> Measurement:
    """Every model at every step; without steps, at those that a plan chooses.

    tolerance: of the widths of this cut, at which the plan stops. shape: known beforehand, with
    which few steps do. Raises UsageError for what cannot be run, or is too much.
    """

    def run(label: str, wanted: Steps, count: int) -> Measurement:
        return measure(
            [model for model in models if model.info.name in wanted],
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
    _require_room(len(models), MOST_PLANNED if steps is None else len(steps), count)
    ladder = Ladder(infos, 1 / dataset.info.classes, noise.schedule, run)
    if steps is not None:
        return run("measuring", ladder.everywhere(steps), count)
    goal = Goal(count, tolerance, cut)
    if shape is not None:
        return measure_few(ladder, goal, shape)
    return measure_planned(ladder, goal)


def _require_room(models: int, steps: int, images: int) -> None:
    """Raise UsageError before any work for more than can be held, or fitted within hours."""
    cells = models * steps
    asked = f"{models:,} models at {steps:,} noise steps"
    if cells > MOST_CELLS:
        raise UsageError(
            f"{asked} are {cells:,} measurements: give fewer models or --steps, {MOST_CELLS:,} "
            "together at most"
        )
    if cells * images > MOST_ANSWERS:
        raise UsageError(
            f"{asked} on {images:,} images are too many answers to hold: give --images "
            f"{MOST_ANSWERS // cells}, or fewer models"
        )
