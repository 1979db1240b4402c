"""The engine of one machine: a thread a core, each with one session, and cells handed in."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sizer.measure.blocks import Block, Blocks
from sizer.measure.protocols import Done, Evaluator, Labels, Predictor, Progress, Task


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


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    tasks: Sequence[Task],
    blocks: Blocks,
    workers: int | None,
    keep: Callable[[Done], None],
    progress: Progress,
) -> None:
    """Run all tasks, on a thread a usable core by default. See `Engine`."""
    bench = Bench(deque(tasks))
    threads = [
        threading.Thread(target=_work, args=(bench, blocks))
        for _ in range(min(workers or usable_cores(), len(tasks)))
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


def _work(bench: Bench, blocks: Blocks) -> None:
    """One worker: takes tasks until none is left, with one live session at a time."""
    current: Evaluator | None = None
    predictor: Predictor | None = None
    try:
        for task in _taken(bench):
            if predictor is None or task.evaluator is not current:
                predictor = None  # ends the old session before the next one is opened
                current, predictor = task.evaluator, task.evaluator.open()
            block = blocks.block(task.start, task.stop)
            coefficients = [blocks.coefficients(step) for step in task.steps]
            for done in finished(task, predictor, block, coefficients, bench.leave):
                bench.hand_in(done)
    except Exception as error:  # whatever it is, the main thread raises it
        bench.hand_in(error)


def _taken(bench: Bench) -> Iterator[Task]:
    while not bench.leave.is_set():
        try:
            task = bench.todo.popleft()
        except IndexError:
            return
        yield task


def finished(
    task: Task,
    predictor: Predictor,
    block: Block,
    coefficients: Sequence[tuple[float, float]],
    leave: threading.Event,
) -> Iterator[Done]:
    """The cells of a task one after the other, until told to leave. coefficients: of its steps."""
    for step, scales in zip(task.steps, coefficients, strict=True):
        labels = _predict(predictor, block, scales, leave)
        if labels is None:
            return
        yield Done(task.evaluator, (step, task.start, task.stop), labels, task.cost)


def _predict(
    predictor: Predictor, block: Block, coefficients: tuple[float, float], leave: threading.Event
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
