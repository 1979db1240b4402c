"""Training a ladder: sizes times seeds, resumable, and what came to nothing tried again."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Protocol

from sizer.io import make_folder, sweep
from sizer.networks.manifest import ANOTHER_OUT, FailedRun, Manifest, write_manifest
from sizer.networks.plan import Member, Plan
from sizer.networks.reports import EpochDone, Report, ReportTraining, RunFailed, Trained
from sizer.networks.timings import add_timing
from sizer.progress import time_in_words


class Trainers(Protocol):
    """What trains members: processes here, or a cluster. workers: how many at once."""

    @property
    def workers(self) -> int: ...

    def seconds(self, members: list[Member], /) -> list[float]:
        """Of an image's training, for each of the members."""

    def add(self, members: list[Member], /) -> None:
        """More members to train."""

    def reports(self) -> Iterator[Report]:
        """What comes, until all members are trained; more may be added between two reports."""


def train_ladder(
    plan: Plan,
    open_trainers: Callable[[], AbstractContextManager[Trainers]],
    progress: ReportTraining,
    tell: Callable[[str], None],
) -> Manifest:
    """Train what the folder's manifest does not hold yet; the manifest grows model by model.

    Raises OutputError where
    the folder holds another ladder or cannot be written, and ModelError where a training fails or
    its process is killed. What is finished by then is kept.
    """
    low = dict[str, str]()  # why a model is trained again, by its name
    again = _to_try_again(plan, low, tell)
    if waiting := [*plan.missing(), *again]:
        make_folder(plan.checkpoints, ANOTHER_OUT)
        with open_trainers() as trainers:
            costs = _costs(plan, waiting, trainers)
            tell(_foretold(plan, costs, trainers.workers))
            show = progress(plan.recipe.epochs, costs)
            trainers.add(waiting)
            for report in trainers.reports():
                if isinstance(report, EpochDone):
                    show(report)
                elif isinstance(report, RunFailed):
                    tell(f"{report.name}: {report.failed.reason}; trained again with another seed")
                else:
                    _taken(plan, report, low.get(report.member.name))
                    trainers.add(_to_try_again(plan, low, tell))
    sweep(plan.checkpoints, older_than=0)  # nobody else fills the folder
    with suppress(OSError):  # another recipe's checkpoints may lie there
        plan.checkpoints.rmdir()
    return plan.manifest()


def _costs(plan: Plan, members: list[Member], trainers: Trainers) -> dict[str, float]:
    """Seconds of an epoch of each of the members, by its name."""
    one_a_size = {member.blueprint: member for member in members}
    seconds = trainers.seconds(list(one_a_size.values()))
    by_size = dict(zip(one_a_size, seconds, strict=True))
    return {each.name: by_size[each.blueprint] * plan.dataset.images for each in members}


def _foretold(plan: Plan, costs: dict[str, float], workers: int) -> str:
    """How long all of it will take, in words."""
    seconds = plan.recipe.epochs * time_for(list(costs.values()), workers)
    return (
        f"training {len(costs)} model{'s' * (len(costs) > 1)}, {min(workers, len(costs))} at once:"
        f" about {time_in_words(seconds)}, as a few batches tell"
    )


def time_for(costs: list[float], workers: int) -> float:
    """When the last of so many workers is done, who each take the next of the costs in turn."""
    busy = [0.0] * workers
    for cost in costs:
        heapq.heapreplace(busy, busy[0] + cost)
    return max(busy)


def _taken(plan: Plan, trained: Trained, low: str | None) -> None:
    """Take a finished model into the ladder, unless an earlier run of it was better.

    low: why that one was not good enough.
    """
    member, model = trained.member, trained.model
    # Read anew, for another line may have added its own models meanwhile.
    manifest = plan.manifest()
    before = next((kept for kept in plan.finished(manifest) if kept.file == model.file), None)
    if before is not None and before.clean_accuracy >= model.clean_accuracy:
        worse = FailedRun(member.drawn_from, f"accuracy {model.clean_accuracy:.3f}, no better")
        kept = replace(before, failed_runs=(*model.failed_runs, worse))
    else:
        failed = () if before is None or low is None else (FailedRun(before.seed, low),)
        kept = replace(model, failed_runs=(*failed, *model.failed_runs))
        plan.exported(member).replace(plan.folder / model.file)
    write_manifest(plan.folder, manifest.with_model(kept))
    if trained.seconds is not None:
        add_timing(plan.folder, model.file, trained.seconds)
    for run in range(member.run + 1):
        plan.forget(replace(member, run=run))


def _to_try_again(plan: Plan, low: dict[str, str], tell: Callable[[str], None]) -> list[Member]:
    """Members far below others that were not tried again yet, which is said and added to `low`."""
    again = []
    for member, reason in plan.far_below(plan.finished(plan.manifest())):
        if member.name not in low:
            low[member.name] = reason
            again.append(member)
            tell(f"{member.name}: {reason}; trained again with another seed")
    return again
