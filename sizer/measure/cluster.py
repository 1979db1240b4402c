"""The engine of many machines: a Ray cluster, whose workers get all they need and keep nothing.

A task goes to whichever worker is free, with its model's files and its block's clean images out of
the object store; noise is drawn there, and cells come back one by one. The caller's process is the
only one that keeps them. A worker runs the model in a child (`sizer.inference.child`), bounded as
on one machine. `ray` is imported inside functions, since it is an extra.
"""

import contextlib
import secrets
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sizer.cluster import (
    ATTEMPTS,
    PATIENCE,
    cause_of,
    cluster,
    first_line,
    require_room,
    require_same,
    room,
    versions,
)
from sizer.errors import ClusterError, SizerError
from sizer.inference.child import ATTEMPTS as CHILDREN
from sizer.inference.child import Child, ChildLostError, Ended
from sizer.inference.records import ModelInfo
from sizer.measure.blocks import Blocks, Ingredients
from sizer.measure.protocols import Done, Evaluator, Labels, PackedModel, Task
from sizer.measure.serving import labels_of_block
from sizer.measure.work import Engine, Keeping
from sizer.progress import Progress

QUEUED = 2  # tasks for each worker that are on their way at most, so that none waits for its next
RECENT_MODELS = 2  # that stay in the object store for the next task
RECENT_BLOCKS = 32  # of 4 MiB at most
SAME = ("sizer", "numpy", "onnxruntime", "onnxruntime-gpu")  # packages that decide a prediction
NEEDS = "give every node the same sizer, and memory for a model and a block of images"

Coefficients = tuple[tuple[float, float], ...]


@contextlib.contextmanager
def ray_engine(tell: Callable[[str], None]) -> Iterator[Engine]:
    """An engine on the cluster that RAY_ADDRESS names, or on a cluster of this machine alone.

    It is joined or started when there is something to run, and left or stopped at the end. `tell`
    is told which one it is. Raises ClusterError where it cannot be joined or started.
    """
    joined = False

    with contextlib.ExitStack() as stack:

        def run(
            tasks: Sequence[Task],
            blocks: Blocks,
            workers: int | None,
            keep: Callable[[Done], None],
            progress: Progress,
        ) -> None:
            nonlocal joined
            if not joined:
                joined = True
                stack.enter_context(cluster("measuring", tell))
            resource = "GPU" if tasks[0].evaluator.provider == "cuda" else "CPU"
            require_room(resource, ", or take --provider cpu" if resource == "GPU" else "")
            keeping = Keeping(tasks, keep, progress)
            _Spread(deque(tasks), blocks, resource, workers, keeping).run()

        yield run


class _Spread:
    """Tasks to the cluster, their cells to the caller."""

    def __init__(
        self,
        todo: deque[Task],
        blocks: Blocks,
        resource: str,
        workers: int | None,
        keep: Callable[[Done], None],
    ) -> None:
        import ray

        self._todo, self._blocks, self._keep = todo, blocks, keep
        self._resource = resource
        self._workers = workers
        self._most = 1
        self._running: dict[Any, Task] = {}  # by the stream of its cells, with the steps to come
        self._lost: Counter[tuple[str, int]] = Counter()
        # Ray's own retries would run a task's finished cells again too.
        self._remote = ray.remote(
            max_retries=0, num_cpus=int(resource == "CPU"), num_gpus=int(resource == "GPU")
        )(_cells)
        self._model: Callable[..., Any] = lru_cache(RECENT_MODELS)(self._put_model)
        self._block: Callable[..., Any] = lru_cache(RECENT_BLOCKS)(self._put_block)

    def run(self) -> None:
        try:
            while self._todo or self._running:
                self._send()
                self._receive(PATIENCE)
        except BaseException:
            with contextlib.suppress(Exception):  # what else has arrived is kept all the same
                self._receive(0)
            raise

    def _send(self) -> None:
        """Keep every worker busy, and no more tasks under way than that needs."""
        if len(self._running) < self._most:  # the cluster may have grown or shrunk
            self._most = self._workers or max(1, QUEUED * room(self._resource))
        while self._todo and len(self._running) < self._most:
            task = self._todo.popleft()
            stream = self._remote.remote(
                task,
                (self._model(task.evaluator),),  # inside a tuple, a reference is not followed
                self._block(task.start, task.stop, task.evaluator.info),
                tuple(self._blocks.coefficients(step) for step in task.steps),
                versions(SAME),
            )
            self._running[stream] = task

    def _put_model(self, evaluator: Evaluator) -> Any:
        import ray

        return ray.put(evaluator.packed())

    def _put_block(self, start: int, stop: int, model: ModelInfo) -> Any:
        import ray

        return ray.put(self._blocks.ingredients(start, stop, model))

    def _receive(self, patience: float) -> None:
        import ray

        streams = list(self._running)
        if streams:
            ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
            ready = ready or ray.wait(streams, num_returns=1, timeout=patience)[0]
            for stream in ready:
                self._take(stream)

    def _take(self, stream: Any) -> None:
        """One cell of a stream, or its end, or the loss of its worker."""
        import ray

        task = self._running.pop(stream)
        try:
            result: Done | SizerError = ray.get(next(stream))
        except StopIteration:
            if task.steps:
                self._lost_worker(task, "an early end")
        except ray.exceptions.RayError as error:
            cause = cause_of(error)
            if not isinstance(cause, ray.exceptions.RayError):
                raise ClusterError(
                    f"a worker of the Ray cluster failed ({first_line(cause)}); {NEEDS}"
                ) from error
            self._lost_worker(task, first_line(cause))
        else:
            if isinstance(result, ChildLostError):
                self._again(task, CHILDREN, result)
                return
            if isinstance(result, SizerError):
                raise result
            self._keep(result)
            self._lost.pop((task.evaluator.info.name, task.start), None)
            self._running[stream] = replace(task, steps=task.steps[1:])

    def _lost_worker(self, task: Task, reason: str) -> None:
        error = ClusterError(
            f"{task.evaluator.info.name}: {ATTEMPTS} workers were lost over one cell, the last "
            f"one to {reason}; {NEEDS}, then run the same line again"
        )
        self._again(task, ATTEMPTS, error)

    def _again(self, task: Task, attempts: int, error: SizerError) -> None:
        """Put back what is left of a task, unless so many attempts at its next cell have failed."""
        key = task.evaluator.info.name, task.start
        self._lost[key] += 1
        if self._lost[key] >= attempts:
            raise error
        self._todo.appendleft(task)


# What follows runs in the workers.

_child = Child()


class _Unpacked:
    """A model on its way into the child; its files lie in a folder only while a task runs."""

    def __init__(self, packed: PackedModel) -> None:
        self._packed = packed
        self._folder = Path(tempfile.gettempdir(), f"sizer-{secrets.token_hex(8)}")

    @contextlib.contextmanager
    def evaluator(self) -> Iterator[Evaluator]:
        """For one task; errors name the files that the user gave."""
        self._folder.mkdir(mode=0o700)
        try:
            yield self._packed.unpack(self._folder)
        except SizerError as error:
            told = str(error).replace(str(self._folder), self._packed.home)
            raise type(error)(told) from None
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


_unpacked: dict[str, _Unpacked] = {}  # by its name in the object store: what this process ran last


def _cells(
    task: Task,
    model: tuple[Any],
    ingredients: Ingredients,
    coefficients: Coefficients,
    versions_there: str,
) -> Iterator[Done | SizerError]:
    """A task's cells one by one; an error that a user can cause comes in place of one."""
    try:
        require_same(versions_there, SAME)
        with _open(*model).evaluator() as evaluator:
            there = replace(task, evaluator=evaluator)
            for step, labels in zip(
                task.steps, _answers(there, ingredients, coefficients), strict=True
            ):
                yield Done(task.evaluator, (step, task.start, task.stop), labels, task.cost)
    except SizerError as error:
        yield error


def _answers(task: Task, ingredients: Ingredients, coefficients: Coefficients) -> Iterator[Labels]:
    """A task's labels from the child, step by step."""
    bounds = task.evaluator.bounds(task.stop - task.start)
    try:
        _child.send(bounds, labels_of_block, task, ingredients, coefficients)
        while not isinstance(answer := _child.receive(), Ended):
            yield answer
    except SizerError:
        raise
    except BaseException:  # what the child still answers is nobody's
        _child.end()
        raise


def _open(model: Any) -> _Unpacked:
    import ray

    if model.hex() not in _unpacked:
        _unpacked.clear()
        _unpacked[model.hex()] = _Unpacked(ray.get(model))
    return _unpacked[model.hex()]
