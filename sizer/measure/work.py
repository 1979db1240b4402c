"""What an engine is, and what the workers of every engine do."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sizer.measure.blocks import Block, Blocks
from sizer.measure.protocols import Done, Predictor, Task
from sizer.progress import Progress


class Engine(Protocol):
    """Runs all tasks, at most so many at once; None: as many as there is room for.

    `keep` and `progress` are called in the caller's thread. Raises what a worker raises; whatever
    ends it early, every cell that was finished has been kept.
    """

    def __call__(
        self,
        tasks: Sequence[Task],
        blocks: Blocks,
        workers: int | None,
        keep: Callable[[Done], None],
        progress: Progress,
        /,
    ) -> None: ...


class Keeping:
    """Hands finished cells to the caller, and tells how far the work is."""

    def __init__(
        self, tasks: Sequence[Task], keep: Callable[[Done], None], progress: Progress
    ) -> None:
        self.keep, self._progress = keep, progress
        self._total = sum(task.cost * len(task.steps) for task in tasks)
        self._spent = 0.0
        progress(self._spent, self._total)

    def __call__(self, done: Done) -> None:
        self.keep(done)
        self._spent += done.cost
        self._progress(self._spent, self._total)


def run_task(
    task: Task, predictor: Predictor, block: Block, coefficients: Sequence[tuple[float, float]]
) -> Iterator[Done]:
    """The cells of a task, each as soon as it is finished. coefficients: mu, noise_std by step."""
    labels = predictor.prepare(block.clean, block.epsilon)
    for step, (mu, noise_std) in zip(task.steps, coefficients, strict=True):
        yield Done(task.evaluator, (step, task.start, task.stop), labels(mu, noise_std), task.cost)
