"""The engine of one machine: a thread a core, each with one session, and cells handed in.

A trial on the way may find that fewer threads get more done; then the others leave (`Crew`).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from sizer.cores import usable_cores
from sizer.measure.blocks import Blocks
from sizer.measure.crew import Crew
from sizer.measure.protocols import Done, Evaluator, Predictor, Task
from sizer.measure.work import run_task
from sizer.progress import Progress


@dataclass(frozen=True, slots=True)
class Bench:
    """Where threads meet: what is to do, what is done, and whether to leave.

    handed counts what was added to `finished`: a finished cell, a worker's failure.
    """

    todo: deque[Task]
    finished: deque[Done | Exception] = field(default_factory=deque)
    handed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Event = field(default_factory=threading.Event)

    def hand_in(self, result: Done | Exception) -> None:
        self.finished.append(result)
        self.handed.release()


@dataclass(frozen=True, slots=True)
class Turns:
    """Whose turn it is. The first worker never waits, and its end lets all others go on."""

    crew: Crew
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, worker: int) -> bool:
        """Wait while a trial runs without this worker; returns whether it is one of the crew."""
        with self.changed:
            self.changed.wait_for(lambda: worker < self.crew.active or self.crew.settled)
            return worker < self.crew.active

    def finished(self, task: Task, seconds: float) -> None:
        with self.changed:
            self.crew.finished(task, seconds)
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.crew.settle(self.crew.active)
            self.changed.notify_all()


def run(
    tasks: Sequence[Task],
    blocks: Blocks,
    workers: int | None,
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Run all tasks, on a thread a usable core by default. See `Engine`."""
    bench = Bench(deque(tasks))
    count = min(workers or usable_cores(), len(tasks))
    turns = Turns(Crew(count, sum(task.cost * len(task.steps) for task in tasks)))
    threads = [
        threading.Thread(target=_work, args=(bench, blocks, turns, worker))
        for worker in range(count)
    ]
    gather(bench, threads, keep, progress)


def gather(
    bench: Bench,
    threads: Sequence[threading.Thread],
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Start the threads and keep what they hand in; none of it is lost, whatever ends it early."""
    tasks = tuple(bench.todo)
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
            if isinstance(done, Done):
                keep(done)


def _collect(
    bench: Bench, tasks: Sequence[Task], keep: Callable[[Done], None], progress: Progress
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
        bench.finished.popleft()  # only now: an interrupt before it makes `gather` keep it again
        spent += done.cost
        progress(spent, total)


def _work(bench: Bench, blocks: Blocks, turns: Turns, worker: int) -> None:
    """One worker: takes tasks until none is left, with one live session at a time."""
    current: Evaluator | None = None
    predictor: Predictor | None = None
    try:
        for task in _taken(bench, turns, worker):
            if predictor is None or task.evaluator is not current:
                predictor = None  # ends the old session before the next one is opened
                current, predictor = task.evaluator, task.evaluator.open()
            block = blocks.block(task.start, task.stop)
            coefficients = [blocks.coefficients(step) for step in task.steps]
            begun = perf_counter()
            for done in run_task(task, predictor, block, coefficients):
                bench.hand_in(done)
                if worker == 0:
                    turns.finished(task, perf_counter() - begun)
                turns.wait(worker)  # with its task in hand, which nobody else will run
                if bench.leave.is_set():
                    return
                begun = perf_counter()
    except Exception as error:  # whatever it is, the main thread raises it
        bench.hand_in(error)
    finally:
        if worker == 0:
            turns.end()


def _taken(bench: Bench, turns: Turns, worker: int) -> Iterator[Task]:
    """Tasks, until none is left, or for a worker that is not one of the crew."""
    while turns.wait(worker) and not bench.leave.is_set():
        try:
            task = bench.todo.popleft()
        except IndexError:
            return
        yield task
