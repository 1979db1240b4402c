"""What people read in the terminal: tables on stdout, progress on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from sizer.manifest import Manifest

if TYPE_CHECKING:
    from sizer.zoo.ladder import Progress as TrainingProgress


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=False,
    )


@contextmanager
def training_progress() -> Iterator["Callable[[int, dict[str, int]], Callable[[TrainingProgress], None]]"]:
    """A bar over all epochs, each weighted by its model's multiply-accumulates."""
    with _progress() as progress:

        def start(epochs: int, costs: dict[str, int]) -> "Callable[[TrainingProgress], None]":
            total = epochs * sum(costs.values())
            task = progress.add_task("training", total=total, note="")
            done: dict[str, int] = {}

            def report(message: "TrainingProgress") -> None:
                newly = message.done - done.get(message.name, 0)
                done[message.name] = message.done
                note = (
                    f"{message.name} epoch {message.done}/{epochs} "
                    f"loss {message.epoch.loss:.3f} accuracy {message.epoch.accuracy:.3f}"
                )
                progress.update(task, advance=newly * costs[message.name], note=note)

            return report

        yield start


def show_ladder(manifest: Manifest) -> None:
    table = Table(title=Text(f"{manifest.recipe.family} ladder on {manifest.dataset.spec}"))
    for heading in ("model", "parameters", "MACs", "seed", "clean accuracy"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for model in manifest.models:
        table.add_row(
            Text(model.file),
            f"{model.parameters:,}",
            f"{model.macs:,}",
            str(model.seed),
            f"{model.clean_accuracy:.3f}",
        )
    Console().print(table)
