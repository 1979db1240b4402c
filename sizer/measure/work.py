"""What a worker does, whichever engine runs it."""

from collections.abc import Iterator, Sequence

from sizer.measure.blocks import Block
from sizer.measure.protocols import Done, Predictor, Task


def run_task(
    task: Task, predictor: Predictor, block: Block, coefficients: Sequence[tuple[float, float]]
) -> Iterator[Done]:
    """The cells of a task, each as soon as it is finished. coefficients: (mu, sigma) by step."""
    labels = predictor.prepare(block.clean, block.epsilon)
    for step, (mu, sigma) in zip(task.steps, coefficients, strict=True):
        yield Done(task.evaluator, (step, task.start, task.stop), labels(mu, sigma), task.cost)
