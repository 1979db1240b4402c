"""Trainings on a Ray cluster: one task a model, whose epochs, checkpoints and file come back.

The caller's process alone writes the ladder. A worker that is lost costs the epoch it was at: the
model goes on elsewhere, from the checkpoint that has come back. `ray` is an extra.
"""

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

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
from sizer.io import make_folder, replacing
from sizer.networks.manifest import ANOTHER_OUT
from sizer.networks.plan import Member, Plan
from sizer.networks.reports import Report, Trained

SAME = ("sizer", "numpy", "torch", "onnx", "onnxscript")  # packages that decide a training
NEEDS = "give every node the same sizer with its extra `train`, and memory for the images"

Files = dict[str, bytes]  # of checkpoints and exported networks, by name
Sent = tuple[Report, Files]


@contextlib.contextmanager
def cluster_trainers(plan: Plan, tell: Callable[[str], None]) -> "Iterator[ClusterTrainers]":
    """Trainers on the cluster that RAY_ADDRESS names, or on one of this machine alone."""
    with cluster("training", tell):
        yield ClusterTrainers(plan)


@dataclass(slots=True)
class _Task:
    """A member that is being trained; reports: that have come of it."""

    member: Member
    reports: int = field(default=0)


class ClusterTrainers:
    """Members to the cluster, what they yield to the caller."""

    def __init__(self, plan: Plan) -> None:
        import ray

        resource = "GPU" if plan.accelerator == "cuda" else "CPU"
        require_room(resource, ", or take --accelerator cpu" if resource == "GPU" else "")
        self._plan, self._resource = plan, resource
        # In the object store once, from which nodes take them; labels and tests are in the plan.
        self._given = (ray.put(plan), ray.put(np.load(plan.images)))
        wants = {"num_cpus": int(resource == "CPU"), "num_gpus": int(resource == "GPU")}
        # Ray's own retries would train again what has come back.
        self._train = ray.remote(max_retries=0, **wants)(_train)
        self._timed = ray.remote(**wants)(_timed)
        self._todo: deque[Member] = deque()
        self._running: dict[Any, _Task] = {}
        self._lost: Counter[str] = Counter()

    @property
    def workers(self) -> int:
        """How many models are trained at once."""
        return room(self._resource)

    def seconds(self, members: list[Member]) -> list[float]:
        """Of an image's training, for each of the members."""
        import ray

        times = [self._timed.remote(each, self._given, versions(SAME)) for each in members]
        try:
            return list(map(_right, ray.get(times)))
        except ray.exceptions.RayError as error:
            raise _failed(error) from error

    def add(self, members: list[Member]) -> None:
        """More members to train, in their order, after those that wait already."""
        self._todo.extend(members)

    def reports(self) -> Iterator[Report]:
        """What comes, until all members are trained; others may be added between two reports."""
        import ray

        while self._todo or self._running:
            # One more than there is room for, so that no worker waits for its next.
            while self._todo and len(self._running) <= room(self._resource):
                self._send(self._todo.popleft())
            ready, _ = ray.wait(list(self._running), num_returns=1, timeout=PATIENCE)
            for stream in ready:
                yield from self._received(stream)

    def _send(self, member: Member) -> None:
        files = _contents(self._plan, f"{member.name}-*")
        stream = self._train.remote(member, self._given, files, versions(SAME))
        self._running[stream] = _Task(member)

    def _received(self, stream: Any) -> Iterator[Report]:
        """One report, or the end of a stream, or the loss of its worker."""
        import ray

        task = self._running.pop(stream)
        try:
            report, files = _right(ray.get(next(stream)))
        except StopIteration:
            self._again(task.member, "an early end")
            return
        except ray.exceptions.RayError as error:
            if not isinstance(cause_of(error), ray.exceptions.RayError):
                raise _failed(error) from error
            self._again(task.member, first_line(cause_of(error)))
            return
        for name, contents in files.items():
            with replacing(self._plan.checkpoints / Path(name).name, ANOTHER_OUT) as partial:
                partial.write_bytes(contents)
        if not isinstance(report, Trained):
            self._running[stream] = task
        self._lost.pop(task.member.name, None)
        yield report

    def _again(self, member: Member, reason: str) -> None:
        """Train what is left of a member, unless it has brought down too many workers."""
        self._lost[member.name] += 1
        if self._lost[member.name] == ATTEMPTS:
            raise ClusterError(
                f"{member.name}: {ATTEMPTS} workers were lost over one epoch, the last one to "
                f"{reason}; {NEEDS}, then run the same line again"
            )
        self._todo.appendleft(member)


def _failed(error: Exception) -> ClusterError:
    return ClusterError(
        f"a worker of the Ray cluster failed ({first_line(cause_of(error))}); {NEEDS}"
    )


def _right(result: Any) -> Any:
    """A result, unless it is the error that a user can mend, which is raised."""
    if isinstance(result, SizerError):
        raise result
    return result


def _contents(plan: Plan, names: str) -> Files:
    return {path.name: path.read_bytes() for path in plan.checkpoints.glob(names)}


# What follows runs in the workers.


def _timed(member: Member, given: tuple[Any, Any], versions_there: str) -> float | SizerError:
    from sizer.networks.member import timed

    try:
        require_same(versions_there, SAME)
        return timed(*_taken(given), member)
    except SizerError as error:
        return error


def _train(
    member: Member, given: tuple[Any, Any], files: Files, versions_there: str
) -> Iterator[Sent | SizerError]:
    """Everything that a training yields, and the files that are new by then; or its error."""
    from sizer.networks.member import train_member

    plan, images = _taken(given)
    with TemporaryDirectory(prefix="sizer-") as folder:
        there = replace(plan, folder=Path(folder))
        try:
            require_same(versions_there, SAME)
            make_folder(there.checkpoints, ANOTHER_OUT)
            for name, contents in files.items():
                (there.checkpoints / name).write_bytes(contents)
            for report in train_member(there, images, member):
                yield report, _new_files(there, files)
        except SizerError as error:
            yield type(error)(str(error).replace(folder, str(plan.folder)))


def _taken(given: tuple[Any, Any]) -> tuple[Plan, Any]:
    """The plan and the images, out of the object store."""
    import ray

    plan, images = ray.get(list(given))
    return plan, images


def _new_files(plan: Plan, known: Files) -> Files:
    """Files that are not known yet, which they are by then."""
    new = {name: data for name, data in _contents(plan, "*").items() if known.get(name) != data}
    known.update(new)
    return new
