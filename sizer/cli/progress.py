"""Progress on stderr: bars, and lines now and then where nobody sees a bar move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from sizer.cli.messages import is_quiet, mention, talk

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sizer.networks.reports import EpochDone, ReportTraining

    # Told what is done, of how much, the time left in words, and the newest epoch in words.
    ShowTraining = Callable[[float, float, str, str], None]

PATIENCE = 2.0  # seconds: a phase that is done before has no bar
BAR = 20  # columns of a bar, so that all of its line fits 80
EVERY = 60.0  # seconds between two lines of a phase
TICK = 1e-3  # seconds, so that no pace is without end
ROUNDING = 1e-9


def bars() -> "Progress":
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(BAR),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=talk(),
        disable=is_quiet(),
    )


class Lines:
    """Of one phase: how far it is and how long it will take, where no bar can move."""

    def __init__(self) -> None:
        self._began = self._said = monotonic()

    def say(self, phase: str, done: float, total: float) -> None:
        now = monotonic()
        if now - self._said < EVERY or not 0 < done < total or talk().is_terminal:
            return
        seconds = round((now - self._began) * (total - done) / done)
        self._said = now
        mention(f"{phase}: {done / total:.0%}, {timedelta(seconds=seconds)} left")


@contextmanager
def training_progress() -> Iterator["ReportTraining"]:
    """A bar over all epochs in the terminal, else a line from time to time."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    if not talk().is_terminal:
        yield lambda epochs, costs: Trainings(epochs, costs, _lines())
        return
    note = TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True))
    columns = (TextColumn("training"), BarColumn(10), TaskProgressColumn(), note)
    with Progress(*columns, console=talk(), disable=is_quiet()) as bar:
        task = bar.add_task("", total=None, note="")

        def show(done: float, total: float, left: str, newest: str) -> None:
            bar.update(task, completed=done, total=total, note=f"{left} {newest}")

        yield lambda epochs, costs: Trainings(epochs, costs, show)


def _lines() -> "ShowTraining":
    """One line whenever another tenth is done."""
    told = 0

    def show(done: float, total: float, left: str, newest: str) -> None:
        nonlocal told
        tenths = int(10 * done / total + ROUNDING)
        if tenths > told:
            told = tenths
            mention(f"training: {tenths}0 %, {left}, {newest}")

    return show


class Trainings:
    """How far all trainings are, each in the cost of its epochs; called with each epoch."""

    def __init__(self, epochs: int, costs: dict[str, float], show: "ShowTraining") -> None:
        self._epochs, self._costs, self._show = epochs, costs, show
        self._total = epochs * sum(costs.values())
        self._done, self._resumed = 0.0, 0.0
        self._by_name: dict[str, int] = {}
        self._began = monotonic()

    def __call__(self, message: "EpochDone") -> None:
        before, cost = self._by_name.get(message.name), self._costs[message.name]
        if before is None:  # what an earlier line did says nothing about the pace of this one
            self._resumed += (message.done - 1) * cost
        elif message.done < before:  # another run, from the start
            self._total += before * cost
            before = 0
        self._by_name[message.name] = message.done
        self._done += (message.done - (before or 0)) * cost
        newest = (
            f"{message.name} {message.done}/{self._epochs} "
            f"loss {message.epoch.loss:.2f} acc {message.epoch.accuracy:.2f}"
        )
        self._show(self._done, self._total, self._left(), newest)

    def _left(self) -> str:
        """The time left, at the pace so far."""
        pace = (self._done - self._resumed) / (monotonic() - self._began + TICK)
        seconds = round((self._total - self._done) / pace)
        return f"{timedelta(seconds=max(0, seconds))} left"


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
        """A phase begins; returns what is told how far it is (done, total), and shows its bar.

        Where nothing is left to do, an earlier bar of it stays full.
        """
        began, lines = monotonic(), Lines()
        again = phase in self._tasks

        def update(done: float, total: float) -> None:
            nonlocal again
            if not total or (phase not in self._tasks and monotonic() - began <= PATIENCE):
                return
            progress, task = self._bar(phase)
            if again:
                progress.reset(task)
                again = False
            progress.update(task, completed=done, total=total)
            lines.say(phase, done, total)

        return update

    def _bar(self, phase: str) -> "tuple[Progress, TaskID]":
        if self._progress is None:
            self._progress = bars()
            self._progress.start()
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=None)
        return self._progress, self._tasks[phase]

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
