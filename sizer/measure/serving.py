"""What the children of every engine run: labels of one model's task after another."""

from collections.abc import Iterator, Sequence

from sizer.measure.blocks import Block, BlockKey, Ingredients
from sizer.measure.protocols import Evaluator, Labels, Predictor, Task
from sizer.measure.work import run_task

_live: dict[str, Predictor] = {}  # by the fingerprint of its model: the one that ran last
_blocks: dict[BlockKey, Block] = {}  # those that the parent knows to be here


def labels_of(
    task: Task,
    key: BlockKey,
    ingredients: Ingredients | None,
    forgotten: Sequence[BlockKey],
    coefficients: Sequence[tuple[float, float]],
) -> Iterator[Labels]:
    """A task's labels, step by step. ingredients: of a block that is not here yet.

    forgotten: blocks that are no longer wanted.
    """
    for other in forgotten:
        _blocks.pop(other, None)
    if ingredients is not None:
        _blocks[key] = ingredients.block()
    for done in run_task(task, predictor_of(task.evaluator), _blocks[key], coefficients):
        yield done.labels


def labels_of_block(
    task: Task, ingredients: Ingredients, coefficients: Sequence[tuple[float, float]]
) -> Iterator[Labels]:
    """The same, of a block that is here for this task alone."""
    predictor = predictor_of(task.evaluator)
    for done in run_task(task, predictor, ingredients.block(), coefficients):
        yield done.labels


def predictor_of(evaluator: Evaluator) -> Predictor:
    """With one live session at a time: the old one ends before the next is opened."""
    if evaluator.fingerprint not in _live:
        _live.clear()
        _live[evaluator.fingerprint] = evaluator.open()
    return _live[evaluator.fingerprint]
