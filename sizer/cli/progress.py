"""Progress bars, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sizer.networks.ladder import EpochDone


def bars() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        transient=False,
    )


@contextmanager
def training_progress() -> Iterator["Callable[[int, dict[str, int]], Callable[[EpochDone], None]]"]:
    """A bar over all epochs, each weighted by its model's multiply-accumulates."""
    with bars() as progress:

        def start(epochs: int, costs: dict[str, int]) -> "Callable[[EpochDone], None]":
            total = epochs * sum(costs.values())
            task = progress.add_task("training", total=total, note="")
            done: dict[str, int] = {}

            def report(message: "EpochDone") -> None:
                newly = message.done - done.get(message.name, 0)
                done[message.name] = message.done
                note = (
                    f"{message.name} epoch {message.done}/{epochs} "
                    f"loss {message.epoch.loss:.3f} accuracy {message.epoch.accuracy:.3f}"
                )
                progress.update(task, advance=newly * costs[message.name], note=note)

            return report

        yield start


@contextmanager
def measuring_progress() -> Iterator[Callable[[str], Callable[[float, float], None]]]:
    """A bar for each phase of the measurement, in the cost of what is left to run.

    A phase that comes again has the same bar anew. Nothing is loaded or printed before the first.
    """
    phases = Phases()
    try:
        yield phases.start
    finally:
        phases.stop()


class Phases:
    """The bars of the phases that have begun."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def start(self, phase: str) -> Callable[[float, float], None]:
        """Shows the phase's bar; returns what it is told (done, total)."""
        if self._progress is None:
            self._progress = bars()
            self._progress.start()
        progress = self._progress
        if phase in self._tasks:
            progress.reset(self._tasks[phase])
        else:
            self._tasks[phase] = progress.add_task(phase, total=None, note="", visible=False)
        task = self._tasks[phase]

        def update(done: float, total: float) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        return update

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
