"""Progress bars, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sizer.networks.ladder import EpochDone

PATIENCE = 2.0  # seconds: a phase that is done before has no bar


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

            def show(message: "EpochDone") -> None:
                newly = message.done - done.get(message.name, 0)
                done[message.name] = message.done
                note = (
                    f"{message.name} epoch {message.done}/{epochs} "
                    f"loss {message.epoch.loss:.3f} accuracy {message.epoch.accuracy:.3f}"
                )
                progress.update(task, advance=newly * costs[message.name], note=note)

            return show

        yield start


@contextmanager
def measuring_progress() -> Iterator[Callable[[str], Callable[[float, float], None]]]:
    """A bar for each phase of the measurement, in the cost of what is left to run.

    A phase that comes again has the same bar anew; one that is done at once has none. Nothing is
    loaded or printed before the first bar.
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
        """A phase begins; returns what is told how far it is (done, total), and shows its bar."""
        began = monotonic()
        if self._progress is not None and phase in self._tasks:
            self._progress.reset(self._tasks[phase])

        def update(done: float, total: float) -> None:
            if phase in self._tasks or monotonic() - began > PATIENCE:
                progress, task = self._bar(phase)
                progress.update(task, completed=done, total=total)

        return update

    def _bar(self, phase: str) -> "tuple[Progress, TaskID]":
        if self._progress is None:
            self._progress = bars()
            self._progress.start()
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=None, note="")
        return self._progress, self._tasks[phase]

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
