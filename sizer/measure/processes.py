"""The engine of one machine: a child process a core, each with one session, and labels back.

The parent reads images, hands out tasks and keeps cells; one loop does all of it, and waits. What
runs a model is a child (`sizer.inference.child`): one that hangs or crashes costs the cell it was
at, which is tried once more.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from multiprocessing.connection import wait

from sizer.cores import usable_cores
from sizer.errors import ModelError
from sizer.inference.child import ATTEMPTS, Child, ChildLostError, Children, Ended
from sizer.measure.blocks import CACHE_VALUES, BlockKey, Blocks
from sizer.measure.protocols import Done, Task
from sizer.measure.serving import labels_of
from sizer.measure.work import Keeping
from sizer.progress import Progress

AHEAD = 2  # tasks that a worker has at most, so that it never waits for its next


@dataclass(slots=True)
class _Worker:
    """A child, the tasks that it was sent with their steps to come, and the blocks it holds."""

    child: Child
    tasks: deque[Task] = field(default_factory=deque)
    held: OrderedDict[BlockKey, int] = field(default_factory=OrderedDict)

    def lose(self) -> list[Task]:
        """Forget what the child had; returns the tasks that it left."""
        left = list(self.tasks)
        self.tasks.clear()
        self.held.clear()
        return left


class Processes:
    """An engine. tell: is told of a cell that is tried again."""

    def __init__(self, children: Children, tell: Callable[[str], None]) -> None:
        self._children, self._tell = children, tell
        self._workers: list[_Worker] = []

    def __call__(
        self,
        tasks: Sequence[Task],
        blocks: Blocks,
        workers: int | None,
        keep: Callable[[Done], None],
        progress: Progress,
    ) -> None:
        """See `Engine`."""
        count = min(workers or usable_cores(), len(tasks))
        started = self._children.first(count)[len(self._workers) :]
        self._workers += [_Worker(child) for child in started]
        team = self._workers[:count]
        run = _Run(team, deque(tasks), blocks, Keeping(tasks, keep, progress), self._tell)
        try:
            run.all()
        except BaseException:
            run.stop()
            raise


class _Run:
    """One measurement's tasks, on their way through the workers."""

    def __init__(
        self,
        team: Sequence[_Worker],
        todo: deque[Task],
        blocks: Blocks,
        keep: Keeping,
        tell: Callable[[str], None],
    ) -> None:
        self._team, self._todo, self._blocks = team, todo, blocks
        self._keep, self._tell = keep, tell
        self._lost: Counter[tuple[str, float, int]] = Counter()

    def all(self) -> None:
        while self._todo or any(worker.tasks for worker in self._team):
            for worker in self._team:
                self._feed(worker)
            busy = {worker.child.pipe: worker for worker in self._team if worker.tasks}
            for pipe in wait(list(busy)):
                self._take(busy[pipe])  # type: ignore[index]

    def stop(self) -> None:
        """Keep what has arrived, and end the children that are at work."""
        try:
            for worker in self._team:
                with suppress(ModelError):  # what ended the run is raised already
                    while worker.tasks and worker.child.pipe.poll():
                        self._receive(worker, self._keep.keep)
        finally:
            for worker in self._team:
                if worker.lose():
                    worker.child.end()

    def _feed(self, worker: _Worker) -> None:
        """Send tasks. One with images waits until the child waits too, and takes them at once."""
        while self._todo and len(worker.tasks) < AHEAD:
            task = self._next_for(worker)
            key = self._key(task)
            if worker.tasks and key not in worker.held:
                return
            self._todo.remove(task)
            self._send(worker, task, key)

    def _next_for(self, worker: _Worker) -> Task:
        """Of the first model's tasks, one on a block that the worker holds, if there is one."""
        first = self._todo[0]
        same = takewhile(lambda task: task.evaluator is first.evaluator, self._todo)
        held = (task for task in same if self._key(task) in worker.held)
        return next(held, first)

    def _key(self, task: Task) -> BlockKey:
        return self._blocks.key(task.start, task.stop, task.evaluator.info)

    def _send(self, worker: _Worker, task: Task, key: BlockKey) -> None:
        ingredients = None
        if key not in worker.held:
            ingredients = self._blocks.ingredients(task.start, task.stop, task.evaluator.info)
            worker.held[key] = ingredients.images.size
        worker.held.move_to_end(key)
        forgotten = []
        while sum(worker.held.values()) > CACHE_VALUES // len(self._team) and len(worker.held) > 1:
            forgotten.append(worker.held.popitem(last=False)[0])
        coefficients = [self._blocks.coefficients(step) for step in task.steps]
        bounds = task.evaluator.bounds(task.stop - task.start)
        worker.child.send(bounds, labels_of, task, key, ingredients, forgotten, coefficients)
        worker.tasks.append(task)

    def _take(self, worker: _Worker) -> None:
        try:
            self._receive(worker, self._keep)
        except ChildLostError as error:
            self._again(worker.lose(), error)

    def _receive(self, worker: _Worker, keep: Callable[[Done], None]) -> None:
        """A cell, or the end of a task."""
        answer = worker.child.receive()
        if isinstance(answer, Ended):
            worker.tasks.popleft()
            return
        task = worker.tasks[0]
        worker.tasks[0] = replace(task, steps=task.steps[1:])
        cell = (task.steps[0], task.start, task.stop)
        keep(Done(task.evaluator, cell, answer, task.cost))

    def _again(self, tasks: list[Task], error: ChildLostError) -> None:
        """Put back what a lost child had, unless its cell has ended too many of them."""
        first = tasks[0]
        cell = (first.evaluator.info.name, first.steps[0] if first.steps else -1.0, first.start)
        self._lost[cell] += 1
        if self._lost[cell] == ATTEMPTS:
            raise error
        self._tell(f"{error}; that cell is tried once more")
        self._todo.extendleft(task for task in reversed(tasks) if task.steps)
