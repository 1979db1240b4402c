"""Running every cell that the store does not hold, and scoring all."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from sizer.datasets import Dataset
from sizer.datasets.records import DatasetInfo, Shape
from sizer.errors import UsageError
from sizer.inference.records import ModelInfo
from sizer.measure.blocks import ORDER_SEED, Blocks, block_ranges, input_of, seen_by
from sizer.measure.protocols import CellRange, CellStore, Done, Evaluator, Labels, Task
from sizer.measure.scores import guess_of, one_answer, scored_cell
from sizer.measure.work import Engine
from sizer.noise import Noise
from sizer.progress import Progress, ignore_progress
from sizer.scaling.curves import Cell
from sizer.scaling.master import BorrowedShape


@dataclass(frozen=True, slots=True)
class Measurement:
    """Cells by model, then by ascending step, and what looked wrong about them.

    refusal: why nothing can be fitted to them, if that is so. right: whether a model was right at
    each of its steps on each image (steps, images), by model. shape: with which few steps did.
    """

    cells: tuple[Cell, ...]
    right: tuple[NDArray[np.bool_], ...] = field(compare=False, repr=False)
    warnings: tuple[str, ...]
    refusal: str | None = None
    shape: BorrowedShape | None = None


def measure(
    evaluators: Sequence[Evaluator],
    data: Dataset,
    noise: Noise,
    store: CellStore,
    *,
    engine: Engine,
    steps: Sequence[float] | Mapping[str, Sequence[float]],
    images: int | None = None,
    workers: int | None = None,
    progress: Progress = ignore_progress,
) -> Measurement:
    """Run every cell that the store does not hold, and score all.

    engine: what runs the cells. steps: of all models, or each model's own by its name. images: how
    many of the set, all by default, the same at every step of every model. workers: at once, all
    that the engine has by default.
    progress: called with (done, total) in images times the cost of a model, counting only what
    was left to run; not called if nothing was. Raises UsageError for a plan that cannot be run,
    and whatever a worker raises. By then every finished cell is in the store, as it is on
    KeyboardInterrupt.
    """
    count = data.info.images if images is None else images
    wanted = _steps_by_model(evaluators, steps)
    _require_plan(evaluators, wanted, count, data.info)
    for step in set().union(*wanted.values()):
        noise.schedule.coefficients(step)  # raises on a step outside the schedule, before any work
    ranges = list(block_ranges(count, _largest_input(evaluators, data.info)))
    sources = {e.info.name: source_of(e, data, noise) for e in evaluators}
    small = np.min_scalar_type(data.info.classes - 1)  # of all labels at once there may be many
    kept = {
        name: {
            cell: labels.astype(small)
            for cell, labels in store.cells(source, data.info.classes).items()
        }
        for name, source in sources.items()
    }
    tasks = list(_tasks_left(evaluators, ranges, wanted, kept))
    blocks = Blocks(data, noise)

    def keep(done: Done) -> None:
        store.keep(sources[done.evaluator.info.name], done.cell, done.labels)
        kept[done.evaluator.info.name][done.cell] = done.labels.astype(small)

    if tasks:
        engine(tasks, blocks, workers, keep, progress)
    truth = np.concatenate([blocks.labels(*positions) for positions in ranges])
    cells = tuple(
        scored_cell(
            evaluator, step, _joined(kept[evaluator.info.name], step, ranges), truth, data.info
        )
        for evaluator in evaluators
        for step in wanted[evaluator.info.name]
    )
    right = tuple(
        np.array([_joined(kept[name], step, ranges) == truth for step in wanted[name]])
        for name in (evaluator.info.name for evaluator in evaluators)
    )
    guesses = [
        guess_of(name, _joined(kept[name], 0.0, ranges), truth) if 0.0 in steps_of_model else None
        for name, steps_of_model in wanted.items()
    ]
    warnings = tuple(str(guess) for guess in guesses if guess is not None)
    return Measurement(cells, right, warnings, one_answer(guesses))


def source_of(evaluator: Evaluator, data: Dataset, noise: Noise) -> str:
    """Everything besides step and range that decides predicted labels, as one line of JSON."""
    info = seen_by(evaluator.info, data).info
    brought_to = {} if info.preprocessing is None else {"preprocessing": asdict(info.preprocessing)}
    ingredients = {
        **brought_to,
        "data": info.fingerprint,
        "model": evaluator.fingerprint,
        "noise": noise.schedule.fingerprint,
        "order": ORDER_SEED,
        "provider": evaluator.provider,
        "seed": noise.seed,
    }
    return json.dumps(ingredients, sort_keys=True)


def _largest_input(evaluators: Sequence[Evaluator], info: DatasetInfo) -> Shape:
    """The shape with most values: blocks are the same for all models, as are their images."""
    inputs = (input_of(evaluator.info) for evaluator in evaluators)
    shapes = [brought_to.shape if brought_to else info.shape for brought_to in inputs]
    return max((shape for shape in shapes if shape is not None), key=math.prod)


def _steps_by_model(
    evaluators: Sequence[Evaluator], steps: Sequence[float] | Mapping[str, Sequence[float]]
) -> dict[str, list[float]]:
    """Each model's steps, ascending."""
    if not isinstance(steps, Mapping):
        steps = {evaluator.info.name: steps for evaluator in evaluators}
    return {name: sorted(set(map(float, wanted))) for name, wanted in steps.items()}


def _require_plan(
    evaluators: Sequence[Evaluator],
    steps: Mapping[str, Sequence[float]],
    count: int,
    info: DatasetInfo,
) -> None:
    names = [evaluator.info.name for evaluator in evaluators]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models are called {twice[0]}; rename one of the files")
    if not names or not all(steps.get(name) for name in names):
        raise UsageError("nothing to measure: give at least one model and one noise step")
    require_images(count, info)


def require_images(count: int, info: DatasetInfo) -> None:
    """Raise UsageError for a number of images that the set does not have."""
    if not 1 <= count <= info.images:
        raise UsageError(f"{count} images of {info.spec}: give a number from 1 to {info.images}")


def _tasks_left(
    evaluators: Sequence[Evaluator],
    ranges: Sequence[tuple[int, int]],
    steps: Mapping[str, Sequence[float]],
    kept: Mapping[str, Mapping[CellRange, Labels]],
) -> Iterator[Task]:
    """What is left to run: dearest model first, so that the workers end together."""
    costs = _costs([evaluator.info for evaluator in evaluators])
    for evaluator in sorted(evaluators, key=lambda e: costs[e.info.name], reverse=True):
        name = evaluator.info.name
        for start, stop in ranges:
            left = tuple(step for step in steps[name] if (step, start, stop) not in kept[name])
            if left:
                yield Task(evaluator, start, stop, left, (stop - start) * costs[name])


def _costs(models: Sequence[ModelInfo]) -> dict[str, float]:
    """Cost of one image by model: multiply-accumulates if all are known, else parameters."""
    macs = {model.name: float(model.macs) for model in models if model.macs is not None}
    return macs if len(macs) == len(models) else {m.name: float(m.parameters) for m in models}


def _joined(
    kept: Mapping[CellRange, Labels], step: float, ranges: Sequence[tuple[int, int]]
) -> Labels:
    return np.concatenate([kept[step, start, stop] for start, stop in ranges])
