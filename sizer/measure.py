"""Which (model, step, image range) cells to run, and running them, each kept as soon as it is done.

Every model and step sees the same images under the same noise. A cell is one block of images: a
range of positions in one fixed order of the whole set, so that a longer measurement starts with
the cells of a shorter one.
"""

import json
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sizer.errors import DataError, UsageError
from sizer.results import Cell, DatasetInfo, ModelInfo

ORDER_SEED = 20250711  # of the order of the images; another one makes another measurement
BLOCK_LENGTHS = (500, 250, 100, 50, 25)  # each divides the one before it
BLOCK_VALUES = 1 << 22  # values in a block's images at most, which bounds a worker's memory
CACHE_VALUES = 1 << 25  # values in the blocks kept for the next model at most: 256 MiB with noise
LUCK = 3.0  # standard deviations above chance that guessing does not explain

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
CellRange = tuple[float, int, int]  # step, first position, last position + 1
Draw = Callable[[int, int, tuple[int, ...]], Images]
Progress = Callable[[float, float], None]


class Predictor(Protocol):
    """Labels (B,) of noisy images (B, H, W, C); one thread's own."""

    @property
    def batch(self) -> int:
        """Number of images that it takes at once."""

    def __call__(self, images: Images, /) -> Labels: ...


class Evaluator(Protocol):
    """A classifier to measure. `fingerprint` hashes all that decides its predictions."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def provider(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def open(self) -> Predictor: ...


class ImageSet(Protocol):
    """A labelled data set that can be read in pieces."""

    @property
    def info(self) -> DatasetInfo: ...

    def read(self, indices: NDArray[np.int64], /) -> tuple[NDArray[np.uint8], Labels]:
        """Images (B, H, W, C) and labels (B,) in the order of `indices`."""


class Forward(Protocol):
    """The noise process: x_t = mu x_0 + sigma epsilon. `fingerprint` hashes its parameters."""

    @property
    def fingerprint(self) -> str: ...

    def coefficients(self, step: float, /) -> tuple[float, float]: ...


class CellStore(Protocol):
    """Predicted labels by source, step and range; `keep` never overwrites."""

    def cells(self, source: str, /) -> Mapping[CellRange, Labels]: ...

    def keep(self, source: str, cell: CellRange, labels: Labels, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Measurement:
    """Cells by model, then by ascending step, and what looked wrong about them.

    right: whether each model was right at each step on each image (models, steps, images).
    """

    cells: tuple[Cell, ...]
    right: NDArray[np.bool_] = field(compare=False, repr=False)
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts and macro averages of one model at one step."""

    correct: int
    trials: int
    macro_f1: float
    macro_precision: float
    macro_recall: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise process, its seed, and how to draw one image's epsilon from (seed, index)."""

    forward: Forward
    draw: Draw
    seed: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Clean images (B, H, W, C) on the [-1, 1] scale and their noise."""

    clean: Images
    epsilon: Images


@dataclass(frozen=True, slots=True)
class _Task:
    """The steps that one model has yet to run on one block; `cost` of one step."""

    evaluator: Evaluator
    start: int
    stop: int
    steps: tuple[float, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class _Done:
    """A finished cell, on its way to the store."""

    evaluator: Evaluator
    cell: CellRange
    labels: Labels
    cost: float


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where threads meet: what is to do, what is done, and whether to leave.

    handed counts what was added to `finished`: a finished cell, a worker's failure.
    """

    todo: deque[_Task]
    finished: deque[_Done | Exception] = field(default_factory=deque)
    handed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Event = field(default_factory=threading.Event)

    def hand_in(self, result: _Done | Exception) -> None:
        self.finished.append(result)
        self.handed.release()


class _Blocks:
    """Blocks of a data set with their noise; recent ones are kept for the next model."""

    def __init__(self, data: ImageSet, noise: Noise) -> None:
        self._data = data
        self._noise = noise
        self._order = image_order(data.info.images)
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[int, int], _Block] = OrderedDict()
        self._labels: dict[tuple[int, int], Labels] = {}

    def block(self, start: int, stop: int) -> _Block:
        with self._lock:
            if (start, stop) in self._recent:
                self._recent.move_to_end((start, stop))
                return self._recent[start, stop]
        images = self._read(start, stop)
        clean = images.astype(np.float32) / np.float32(127.5) - np.float32(1)
        noise = self._noise
        shape = images.shape[1:]
        drawn = [noise.draw(noise.seed, int(i), shape) for i in self._indices(start, stop)]
        block = _Block(clean, np.stack(drawn))
        self._remember((start, stop), block)
        return block

    def coefficients(self, step: float) -> tuple[float, float]:
        return self._noise.forward.coefficients(step)

    def labels(self, start: int, stop: int) -> Labels:
        if (start, stop) not in self._labels:
            self._read(start, stop)
        return self._labels[start, stop]

    def _indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Of the images in a block, ascending, which is how files are read fastest."""
        return np.sort(self._order[start:stop])

    def _read(self, start: int, stop: int) -> NDArray[np.uint8]:
        info = self._data.info
        with self._lock:  # a data set need not bear several threads
            images, labels = self._data.read(self._indices(start, stop))
        if labels.min() < 0 or labels.max() >= info.classes:
            raise DataError(f"{info.spec}: labels must lie in 0..{info.classes - 1}; correct them")
        self._labels[start, stop] = labels
        return images

    def _remember(self, key: tuple[int, int], block: _Block) -> None:
        with self._lock:
            self._recent[key] = block
            while sum(kept.clean.size for kept in self._recent.values()) > CACHE_VALUES:
                self._recent.popitem(last=False)


def ignore_progress(done: float, total: float, /) -> None:
    """Show nothing."""


def measure(
    evaluators: Sequence[Evaluator],
    data: ImageSet,
    noise: Noise,
    store: CellStore,
    *,
    steps: Sequence[float],
    images: int | None = None,
    workers: int | None = None,
    progress: Progress = ignore_progress,
) -> Measurement:
    """Run every cell that the store does not hold, and score all.

    images: how many of the set, all by default. workers: threads, one a usable core by default.
    progress: called with (done, total) in images times the cost of a model, counting only what
    was left to run; not called if nothing was. Raises UsageError for a plan that cannot be run,
    and whatever a worker raises. By then every finished cell is in the store, as it is on
    KeyboardInterrupt.
    """
    count = data.info.images if images is None else images
    _require_plan(evaluators, steps, count, data.info)
    for step in steps:
        noise.forward.coefficients(step)  # raises on a step outside the schedule, before any work
    wanted = sorted(set(map(float, steps)))
    ranges = list(block_ranges(count, data.info.shape))
    kept = {e.info.name: dict(store.cells(source_of(e, data.info, noise))) for e in evaluators}
    tasks = list(_tasks(evaluators, ranges, wanted, kept))
    blocks = _Blocks(data, noise)

    def keep(done: _Done) -> None:
        store.keep(source_of(done.evaluator, data.info, noise), done.cell, done.labels)
        kept[done.evaluator.info.name][done.cell] = done.labels

    if tasks:
        _run(tasks, blocks, workers or usable_cores(), keep, progress)
    truth = np.concatenate([blocks.labels(*positions) for positions in ranges])
    cells = tuple(
        _cell(evaluator, step, _join(kept[evaluator.info.name], step, ranges), truth, data.info)
        for evaluator in evaluators
        for step in wanted
    )
    right = np.array(
        [[_join(kept[e.info.name], step, ranges) == truth for step in wanted] for e in evaluators]
    )
    return Measurement(cells, right, tuple(_warnings(cells, truth)))


def source_of(evaluator: Evaluator, data: DatasetInfo, noise: Noise) -> str:
    """Everything besides step and range that decides predicted labels, as one line of JSON."""
    ingredients = {
        "data": data.fingerprint,
        "model": evaluator.fingerprint,
        "noise": noise.forward.fingerprint,
        "order": ORDER_SEED,
        "provider": evaluator.provider,
        "seed": noise.seed,
    }
    return json.dumps(ingredients, sort_keys=True)


def image_order(images: int) -> NDArray[np.int64]:
    """Indices of a set of this length in the order of use.

    A fixed shuffle, so that a set that is sorted by class is no trap.
    """
    return np.random.default_rng([ORDER_SEED, images]).permutation(images).astype(np.int64)


def block_ranges(count: int, shape: tuple[int, int, int]) -> Iterator[tuple[int, int]]:
    """Ranges (start, stop) of positions that cover 0..count.

    Their length depends on the size of an image alone, save for a shorter last one.
    """
    values = shape[0] * shape[1] * shape[2]
    fitting = (length for length in BLOCK_LENGTHS if length * values <= BLOCK_VALUES)
    length = next(fitting, BLOCK_LENGTHS[-1])
    for start in range(0, count, length):
        yield start, min(start + length, count)


def score(predicted: Labels, labels: Labels, classes: int) -> Scores:
    """Counts and macro averages of labels (n,) in 0..classes-1.

    Averages are over the classes that occur among the labels or the predictions; a ratio whose
    denominator is zero counts as 0.
    """
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    predictions = np.bincount(predicted, minlength=classes)
    occurrences = np.bincount(labels, minlength=classes)
    seen = predictions + occurrences > 0
    hits, predictions, occurrences = hits[seen], predictions[seen], occurrences[seen]
    return Scores(
        correct=int(hits.sum()),
        trials=len(labels),
        macro_f1=float(np.mean(2 * hits / (predictions + occurrences))),
        macro_precision=float(np.mean(hits / np.maximum(predictions, 1))),
        macro_recall=float(np.mean(hits / np.maximum(occurrences, 1))),
    )


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_plan(
    evaluators: Sequence[Evaluator], steps: Sequence[float], count: int, info: DatasetInfo
) -> None:
    names = [evaluator.info.name for evaluator in evaluators]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models are called {twice[0]}; rename one of the files")
    if not names or not steps:
        raise UsageError("nothing to measure: give at least one model and one noise step")
    if not 1 <= count <= info.images:
        raise UsageError(f"{count} images of {info.spec}: give a number from 1 to {info.images}")


def _tasks(
    evaluators: Sequence[Evaluator],
    ranges: Sequence[tuple[int, int]],
    steps: Sequence[float],
    kept: Mapping[str, Mapping[CellRange, Labels]],
) -> Iterator[_Task]:
    """What is left to run: dearest model first, so that the workers end together."""
    costs = _costs([evaluator.info for evaluator in evaluators])
    for evaluator in sorted(evaluators, key=lambda e: costs[e.info.name], reverse=True):
        name = evaluator.info.name
        for start, stop in ranges:
            left = tuple(step for step in steps if (step, start, stop) not in kept[name])
            if left:
                yield _Task(evaluator, start, stop, left, (stop - start) * costs[name])


def _costs(models: Sequence[ModelInfo]) -> dict[str, float]:
    """Cost of one image by model: multiply-accumulates if all are known, else parameters."""
    macs = {model.name: float(model.macs) for model in models if model.macs is not None}
    return macs if len(macs) == len(models) else {m.name: float(m.parameters) for m in models}


def _run(
    tasks: Sequence[_Task],
    blocks: _Blocks,
    workers: int,
    keep: Callable[[_Done], None],
    progress: Progress,
) -> None:
    """Run all tasks; whatever ends it early, every finished cell has been kept."""
    bench = _Bench(deque(tasks))
    threads = [
        threading.Thread(target=_work, args=(bench, blocks))
        for _ in range(min(workers, len(tasks)))
    ]
    try:
        for thread in threads:
            thread.start()
        _collect(bench, tasks, keep, progress)
    finally:
        bench.leave.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for done in bench.finished:
            if isinstance(done, _Done):
                keep(done)


def _collect(
    bench: _Bench, tasks: Sequence[_Task], keep: Callable[[_Done], None], progress: Progress
) -> None:
    """Keep each finished cell; raise a worker's failure."""
    total = sum(task.cost * len(task.steps) for task in tasks)
    spent = 0.0
    progress(spent, total)
    for _ in range(sum(len(task.steps) for task in tasks)):
        bench.handed.acquire()
        done = bench.finished[0]
        if isinstance(done, Exception):
            raise done
        keep(done)
        bench.finished.popleft()  # only now: an interrupt before it makes `_run` keep it again
        spent += done.cost
        progress(spent, total)


def _work(bench: _Bench, blocks: _Blocks) -> None:
    """One worker: takes tasks until none is left, with one live session at a time."""
    current: Evaluator | None = None
    predictor: Predictor | None = None
    try:
        for task in _taken(bench):
            if predictor is None or task.evaluator is not current:
                predictor = None  # ends the old session before the next one is opened
                current, predictor = task.evaluator, task.evaluator.open()
            _run_task(task, predictor, bench, blocks)
    except Exception as error:  # whatever it is, the main thread raises it
        bench.hand_in(error)


def _taken(bench: _Bench) -> Iterator[_Task]:
    while not bench.leave.is_set():
        try:
            task = bench.todo.popleft()
        except IndexError:
            return
        yield task


def _run_task(task: _Task, predictor: Predictor, bench: _Bench, blocks: _Blocks) -> None:
    block = blocks.block(task.start, task.stop)
    for step in task.steps:
        labels = _predict(predictor, block, blocks.coefficients(step), bench.leave)
        if labels is None:
            return
        cell = (step, task.start, task.stop)
        bench.hand_in(_Done(task.evaluator, cell, labels, task.cost))


def _predict(
    predictor: Predictor, block: _Block, coefficients: tuple[float, float], leave: threading.Event
) -> Labels | None:
    """Labels of a block at one step; None if told to leave before its end."""
    mu, sigma = map(np.float32, coefficients)  # float32 throughout: a float64 would spread
    labels = []
    for start in range(0, len(block.clean), predictor.batch):
        if leave.is_set():
            return None
        part = slice(start, start + predictor.batch)
        labels.append(predictor(mu * block.clean[part] + sigma * block.epsilon[part]))
    return np.concatenate(labels)


def _join(
    kept: Mapping[CellRange, Labels], step: float, ranges: Sequence[tuple[int, int]]
) -> Labels:
    return np.concatenate([kept[step, start, stop] for start, stop in ranges])


def _cell(
    evaluator: Evaluator, step: float, predicted: Labels, truth: Labels, info: DatasetInfo
) -> Cell:
    scores = score(predicted, truth, info.classes)
    return Cell(
        model=evaluator.info.name,
        step=step,
        correct=scores.correct,
        trials=scores.trials,
        macro_f1=scores.macro_f1,
        macro_precision=scores.macro_precision,
        macro_recall=scores.macro_recall,
        provider=evaluator.provider,
    )


def _warnings(cells: Sequence[Cell], truth: Labels) -> Iterator[str]:
    """One line for each model that only guesses on clean images."""
    commonest = float(np.bincount(truth).max() / len(truth))
    spread = (commonest * (1 - commonest) / len(truth)) ** 0.5
    for cell in cells:
        accuracy = cell.correct / cell.trials
        if cell.step == 0 and accuracy <= commonest + LUCK * spread:
            yield (
                f"{cell.model}: accuracy {accuracy:.3f} on clean images is no better than "
                "guessing; check --input-range, --mean and --std, and the order of its classes"
            )
