"""The engine of one machine: a thread a core, each with one session, and cells handed in."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sizer.cores import usable_cores
from sizer.measure.blocks import Blocks
from sizer.measure.protocols import Done, Evaluator, Predictor, Task
from sizer.measure.work import run_task
from sizer.progress import Progress


@dataclass(frozen=True, slots=True)
class WorkList:
    """What is to do, what is done, and whether the workers are to leave.

    handed counts what was added to `finished`: cells, and failures of workers.
    """

    todo: deque[Task]
    finished: deque[Done | Exception] = field(default_factory=deque)
    handed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Event = field(default_factory=threading.Event)

    def hand_in(self, result: Done | Exception) -> None:
        self.finished.append(result)
        self.handed.release()


def run(
    tasks: Sequence[Task],
    blocks: Blocks,
    workers: int | None,
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Run all tasks, on a thread a usable core by default. See `Engine`."""
    work = WorkList(deque(tasks))
    count = min(workers or usable_cores(), len(tasks))
    threads = [threading.Thread(target=_work, args=(work, blocks)) for _ in range(count)]
    gather(work, threads, keep, progress)


def gather(
    work: WorkList,
    threads: Sequence[threading.Thread],
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Start the threads and keep every cell that they hand in, whatever ends the run early."""
    tasks = tuple(work.todo)
    try:
        for thread in threads:
            thread.start()
        _collect(work, tasks, keep, progress)
    finally:
        work.leave.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for done in work.finished:
            if isinstance(done, Done):
                keep(done)


def _collect(
    work: WorkList, tasks: Sequence[Task], keep: Callable[[Done], None], progress: Progress
) -> None:
    """Keep each finished cell; raise a worker's failure."""
    total = sum(task.cost * len(task.steps) for task in tasks)
    spent = 0.0
    progress(spent, total)
    for _ in range(sum(len(task.steps) for task in tasks)):
        work.handed.acquire()
        done = work.finished[0]
        if isinstance(done, Exception):
            raise done
        keep(done)
        work.finished.popleft()  # only now: an interrupt before it makes `gather` keep it again
        spent += done.cost
        progress(spent, total)


def _work(work: WorkList, blocks: Blocks) -> None:
    """One worker: takes tasks until none is left, with one live session at a time."""
    current: Evaluator | None = None
    predictor: Predictor | None = None
    try:
        for task in _taken(work):
            if predictor is None or task.evaluator is not current:
                predictor = None  # ends the old session before the next one is opened
                current, predictor = task.evaluator, task.evaluator.open()
            block = blocks.block(task.start, task.stop, task.evaluator.info)
            coefficients = [blocks.coefficients(step) for step in task.steps]
            for done in run_task(task, predictor, block, coefficients):
                work.hand_in(done)
                if work.leave.is_set():
                    return
    except Exception as error:  # whatever it is, the main thread raises it
        work.hand_in(error)


def _taken(work: WorkList) -> Iterator[Task]:
    """Tasks, until none is left or the workers are to leave."""
    while not work.leave.is_set():
        try:
            task = work.todo.popleft()
        except IndexError:
            return
        yield task
