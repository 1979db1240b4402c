"""What a worker does, whichever engine runs it."""

from collections.abc import Iterator

from sizer.measure.blocks import Blocks
from sizer.measure.protocols import Done, Predictor, Task


def run_task(task: Task, predictor: Predictor, blocks: Blocks) -> Iterator[Done]:
    """The cells of a task, one after another, each as soon as it is finished."""
    block = blocks.block(task.start, task.stop)
    labels = predictor.prepare(block.clean, block.epsilon)
    for step in task.steps:
        cell = (step, task.start, task.stop)
        yield Done(task.evaluator, cell, labels(*blocks.coefficients(step)), task.cost)
