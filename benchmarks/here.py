"""An engine without children, for models that are the project's own."""

from collections.abc import Callable, Sequence

from sizer.measure.blocks import Blocks
from sizer.measure.protocols import Done, Task
from sizer.measure.work import Keeping, run_task
from sizer.progress import Progress


def here(
    tasks: Sequence[Task],
    blocks: Blocks,
    _workers: int | None,
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Run all tasks in this process, one after the other. See `sizer.measure.work.Engine`."""
    kept = Keeping(tasks, keep, progress)
    for task in tasks:
        block = blocks.ingredients(task.start, task.stop, task.evaluator.info).block()
        coefficients = [blocks.coefficients(step) for step in task.steps]
        for done in run_task(task, task.evaluator.open(), block, coefficients):
            kept(done)
