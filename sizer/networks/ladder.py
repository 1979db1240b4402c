"""Training a ladder: sizes times seeds, one single-threaded process a core, resumable."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING

from sizer.errors import ModelError
from sizer.io import make_folder
from sizer.networks.manifest import ANOTHER_OUT, Epoch, Manifest, TrainedModel, write_manifest
from sizer.networks.plan import Member, Plan
from sizer.networks.timings import add_timing

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

POLL = 0.2  # seconds between looks at the workers' progress


@dataclass(frozen=True, slots=True)
class EpochDone:
    """Epochs done of one model, and the newest of them."""

    name: str
    done: int
    epoch: Epoch


def train_ladder(plan: Plan, workers: int, tell: Callable[[EpochDone], None]) -> Manifest:
    """Train what the folder's manifest does not hold yet; the manifest grows model by model.

    Raises OutputError where the folder holds another ladder or cannot be written, and ModelError
    where a training fails or its process is killed. What is finished by then is kept.
    """
    manifest = plan.manifest()
    waiting = plan.waiting(manifest)
    if waiting:
        make_folder(plan.checkpoints, ANOTHER_OUT)
        with closing(_trained(plan, waiting, workers, tell)) as finished:
            for member, model, seconds in finished:
                # Read anew, for another line may have added its own models meanwhile.
                manifest = plan.manifest().with_model(model)
                write_manifest(plan.folder, manifest)
                if seconds is not None:
                    add_timing(plan.folder, model.file, seconds)
                plan.checkpoint(member).unlink(missing_ok=True)
    with suppress(OSError):  # another recipe's checkpoints may lie there
        plan.checkpoints.rmdir()
    return manifest


def _trained(
    plan: Plan,
    waiting: list[Member],
    workers: int,
    tell: Callable[[EpochDone], None],
) -> Generator[tuple[Member, TrainedModel, float | None], None, None]:
    """Finished models as they come; workers send their progress through a queue."""
    context = multiprocessing.get_context("spawn")
    progress: Queue[EpochDone] = context.Queue()
    bystanders = set(multiprocessing.active_children())
    size = min(workers, len(waiting))
    with ProcessPoolExecutor(size, context, _start_worker, (progress,)) as pool:
        try:
            with _interrupts_held():
                pending = {pool.submit(_train, plan, member) for member in waiting}
            while pending:
                done, pending = wait(pending, POLL, FIRST_COMPLETED)
                _pass_on(progress, tell)
                failed = [future for future in done if future.exception()]
                yield from (future.result() for future in done if future not in failed)
                for future in failed:
                    future.result()  # raises what its worker raised
        except BaseException as error:
            for process in set(multiprocessing.active_children()) - bystanders:
                process.terminate()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise ModelError(
                    f"{plan.folder}: the system killed a training process, perhaps for want of "
                    "memory; free some and give the same line again: it goes on"
                ) from error
            raise


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


def _pass_on(progress: "Queue[EpochDone]", tell: Callable[[EpochDone], None]) -> None:
    """Report what has come in by now."""
    with suppress(Empty):
        while True:
            tell(progress.get_nowait())


_to_parent: "Queue[EpochDone] | None" = None  # in a worker process; its pool has no other way in


def _start_worker(progress: "Queue[EpochDone]") -> None:
    global _to_parent  # noqa: PLW0603
    _to_parent = progress
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind, to write beside those of its successor."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train(plan: Plan, member: Member) -> tuple[Member, TrainedModel, float | None]:
    """In a worker process; seconds: of all epochs at the pace of those that were trained here."""
    from sizer.networks.member import train_member

    times: list[float] = []

    def tell(done: int, epoch: Epoch) -> None:
        times.append(time.perf_counter())
        if _to_parent is not None:
            _to_parent.put(EpochDone(member.name, done, epoch))

    start = time.perf_counter()
    model = train_member(plan, member, tell)
    epochs = plan.recipe.epochs
    if len(times) > 1:
        return member, model, (times[-1] - times[0]) / (len(times) - 1) * epochs
    return member, model, times[0] - start if epochs == 1 else None
