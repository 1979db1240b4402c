"""Trainings in single-threaded processes of this machine, one a core."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from queue import Empty
from typing import TYPE_CHECKING

import numpy as np

from sizer.errors import ModelError
from sizer.networks.plan import Member, Plan
from sizer.networks.reports import EpochDone, Report, RunFailed, Trained

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

POLL = 0.2  # seconds between looks at the workers' progress


class Processes:
    """The workers; ends all of them with the block that it manages.

    workers: how many models are trained at once.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        self.workers = workers
        context = multiprocessing.get_context("spawn")
        self._plan = plan
        self._bystanders = set(multiprocessing.active_children())
        self._reports: Queue[EpochDone | RunFailed] = context.Queue()
        self._pool = ProcessPoolExecutor(workers, context, _start_worker, (self._reports,))
        self._pending: set[Future[Trained]] = set()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for process in set(multiprocessing.active_children()) - self._bystanders:
                process.terminate()
        self._pool.shutdown(cancel_futures=True)

    def seconds(self, members: list[Member]) -> list[float]:
        """Of an image's training, for each of the members, timed while all workers are busy."""
        with _interrupts_held():
            timed = [self._pool.submit(_timed, self._plan, each) for each in members]
        with self._named():
            return [future.result() for future in timed]

    def add(self, members: list[Member]) -> None:
        """More members to train, in their order, after those that wait already."""
        with _interrupts_held():
            self._pending |= {self._pool.submit(_train, self._plan, each) for each in members}

    def reports(self) -> Iterator[Report]:
        """What comes, until all members are trained; others may be added between two reports."""
        while self._pending:
            with self._named():
                done, self._pending = wait(self._pending, POLL, FIRST_COMPLETED)
                failed = [future for future in done if future.exception()]
            with suppress(Empty):
                while True:
                    yield self._reports.get_nowait()
            yield from (future.result() for future in done if future not in failed)
            with self._named():
                for future in failed:
                    future.result()  # raises what its worker raised

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenProcessPool as error:
            raise ModelError(
                f"{self._plan.folder}: the system killed a training process, perhaps for want of "
                "memory; free some and give the same line again: it goes on"
            ) from error


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, and the processes started in it never see it.

    A terminal sends it to all of them; the parent alone answers, and ends the others. They inherit
    the mask; the handler is for the parent's other threads, to which the signal may go as well.
    """
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield
        return
    held: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)


# What follows runs in the workers.

_to_parent: "Queue[EpochDone | RunFailed] | None" = None  # their pool has no other way in


def _start_worker(reports: "Queue[EpochDone | RunFailed]") -> None:
    global _to_parent  # noqa: PLW0603
    _to_parent = reports
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind, to write beside those of its successor."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _timed(plan: Plan, member: Member) -> float:
    from sizer.networks.member import timed

    return timed(plan, np.load(plan.images, mmap_mode="r"), member)


def _train(plan: Plan, member: Member) -> Trained:
    from sizer.networks.member import train_member

    assert _to_parent is not None
    for report in train_member(plan, np.load(plan.images, mmap_mode="r"), member):
        if isinstance(report, Trained):
            return report
        _to_parent.put(report)
    raise AssertionError("a training ends with what it came to, or with an error")
