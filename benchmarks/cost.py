"""What it costs until a model that meets a requirement is in hand: `sizer start`, and by hand.

`grid` trains every size of the family up to 585,000 parameters on the built-in pictures, once, and
keeps how each does under noise (cost.json). The comparison asks 12 requirements whose smallest
sizes lie from 30,000 to 600,000 parameters, and lets each way choose what to train; a training
that is chosen is looked up. Its cost is its multiply-accumulates an image times the images that
were trained on and measured. Requirements follow from the grid by a rule, below.

    python benchmarks/cost.py grid FOLDER   about forty minutes of a core
    python benchmarks/cost.py               seconds
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

import sizer
from sizer.calibration import Calibration
from sizer.fitting import fit_measurements
from sizer.inference.records import ModelInfo
from sizer.job.journal import Journal
from sizer.job.loop import Choice, run
from sizer.networks.architecture import SMALL_STEMS, macs, parameters, small
from sizer.noise import linear_schedule
from sizer.prediction.question import Requirement
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import Cell

KEPT = Path(__file__).with_name("cost.json")
STEMS = tuple(stem for stem in SMALL_STEMS if stem <= 68)
SIDE, CLASSES, EPOCHS, TRAINED = 16, 48, 1, 100_000
LAST_STEP = 800
STEPS = (0.0, 100.0, 200.0, 300.0)
ASKED, FIRST, LAST = 12, 30_000, 600_000
CONFIDENCE = 0.9
FAR = 200_000  # parameters above which a search by hand is dear

Meets = Callable[[int], bool]


@dataclass(frozen=True)
class Grid:
    """How many of `images` each size has right at each of STEPS; sizes ascend."""

    images: int
    macs: dict[int, int]
    correct: dict[int, tuple[int, ...]]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.correct)

    def accuracy(self, size: int, step: float) -> float:
        return self.correct[size][STEPS.index(step)] / self.images

    def cost(self, size: int) -> float:
        """Multiply-accumulates times images, of a training and its measurement."""
        return self.macs[size] * (EPOCHS * TRAINED + len(STEPS) * self.images)


@dataclass(frozen=True)
class Question:
    """smallest: the first size of the grid that meets it."""

    step: float
    target: float
    smallest: int


@dataclass
class Shop:
    """A workshop that looks trainings up, and remembers which were asked for."""

    grid: Grid
    trained: list[int] = field(default_factory=list)

    def measured(self, sizes: Sequence[int]) -> Calibration:
        self.trained += [size for size in sizes if size not in self.trained]
        models = {size: ModelInfo(f"m{size}", str(size), size) for size in sorted(self.trained)}
        cells = [
            Cell(model.name, step, right, self.grid.images)
            for size, model in models.items()
            for step, right in zip(STEPS, self.grid.correct[size], strict=True)
        ]
        return fit_measurements(
            models=tuple(models.values()),
            cells=tuple(cells),
            chance=1 / CLASSES,
            schedule=linear_schedule(),
            dataset=None,
            cut=Cut(),
            fitted=False,
        )

    def seconds(self, _size: int) -> float:
        return 0.0


def train_grid(folder: Path) -> None:
    """Train what is not there yet, measure it, and keep the counts."""
    members = [small(stem, SIDE, CLASSES) for stem in STEMS]
    sizes = [parameters(member) for member in members]
    noise = (0, LAST_STEP)
    sizer.train(
        sizes, folder, seeds=1, epochs=EPOCHS, augment="none", noise_steps=noise, tell=print
    )
    curves = sizer.calibrate(folder, steps=STEPS, tell=print).curves
    kept = {
        "images": curves[0].trials[0],
        "steps": STEPS,
        "models": [
            {
                "parameters": curve.size,
                "macs": macs(members[sizes.index(curve.size)]),
                "correct": curve.correct,
            }
            for curve in curves
        ],
    }
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


def read_grid() -> Grid:
    kept = json.loads(KEPT.read_text())
    models = kept["models"]
    return Grid(
        kept["images"],
        {model["parameters"]: model["macs"] for model in models},
        {model["parameters"]: tuple(model["correct"]) for model in models},
    )


def questions(grid: Grid) -> list[Question]:
    """At sizes spread evenly in ratio, the steps in turn: halfway to what all smaller ones reach.

    Of each the nearest size at which a step rises that was not asked there.
    """
    ratio = log(LAST / FIRST) / (ASKED - 1)
    asked: list[Question] = []
    for number in range(ASKED):
        wanted = FIRST * exp(ratio * number)
        nearest = sorted(grid.sizes[1:], key=lambda size: abs(log(size / wanted)))
        turn = [STEPS[(number + shift) % len(STEPS)] for shift in range(len(STEPS))]
        found = (_question(grid, size, step) for size in nearest for step in turn)
        asked += [next(question for question in found if question and question not in asked)]
    return asked


def _question(grid: Grid, size: int, step: float) -> Question | None:
    before = max(grid.accuracy(n, step) for n in grid.sizes if n < size)
    here = grid.accuracy(size, step)
    return Question(step, (before + here) / 2, size) if here > before else None


def by_start(grid: Grid, question: Question) -> tuple[list[int], int | None]:
    shop = Shop(grid)
    choice = Choice(grid.sizes, tuple(grid.macs.values()))
    requirement = Requirement(question.step, question.target, CONFIDENCE)
    with tempfile.TemporaryDirectory() as folder:
        ending = run(Journal(Path(folder), {}), shop, choice, requirement, 1e9)
    return shop.trained, int(ending.acceptance.model[1:]) if ending.meets else None


def by_bisection(grid: Grid, meets: Meets) -> Iterator[int]:
    """Halve what is left of the family until the smallest size is known."""
    low, high = 0, len(grid.sizes)
    while low < high:
        middle = (low + high) // 2
        yield grid.sizes[middle]
        low, high = (low, middle) if meets(grid.sizes[middle]) else (middle + 1, high)


def by_doubling(grid: Grid, meets: Meets) -> Iterator[int]:
    """The smallest size, then about twice the last, until one will do."""
    size = grid.sizes[0]
    yield size
    while not meets(size) and size < grid.sizes[-1]:
        size = min(grid.sizes, key=lambda n: abs(log(n / (2 * size))))
        yield size


def by_the_largest(grid: Grid, _meets: Meets) -> Iterator[int]:
    yield grid.sizes[-1]


BY_HAND = {"bisection": by_bisection, "doubling": by_doubling, "the largest": by_the_largest}


def all_ways(grid: Grid, question: Question) -> dict[str, tuple[list[int], int | None]]:
    """What each way trained, and the smallest of it that meets the requirement."""

    def meets(size: int) -> bool:
        return grid.accuracy(size, question.step) >= question.target

    ways = {"start": by_start(grid, question)}
    for name, way in BY_HAND.items():
        trained = list(way(grid, meets))
        ways[name] = trained, min(filter(meets, trained), default=None)
    return ways


def table(grid: Grid) -> Table:
    shown = Table(title="cost in 10^12 multiply-accumulates x images, and size over the smallest")
    for column in ("step", "accuracy", "smallest", "start", *BY_HAND):
        shown.add_column(column, justify="right")
    asked = questions(grid)
    every = [all_ways(grid, question) for question in asked]
    for question, ways in zip(asked, every, strict=True):
        cells = [_shown(grid, *found, question.smallest) for found in ways.values()]
        noise, wanted = f"{question.step:g}", f"{question.target:.4f}"
        shown.add_row(noise, wanted, f"{question.smallest:,}", *cells)
    near = [question.smallest <= FAR for question in asked]
    for title, chosen in (("up to 200k", near), ("above", [not it for it in near])):
        rows = [ways for ways, take in zip(every, chosen, strict=True) if take]
        start = sum(paid(grid, ways["start"][0]) for ways in rows)
        times = [sum(paid(grid, ways[name][0]) for ways in rows) / start for name in rows[0]]
        shown.add_row(title, "", "over start", *(f"{ratio:.2f}" for ratio in times))
    over = [
        median(
            (ways[name][1] or grid.sizes[-1]) / question.smallest
            for question, ways in zip(asked, every, strict=True)
        )
        for name in every[0]
    ]
    shown.add_row("median", "", "over smallest", *(f"{ratio:.2f}" for ratio in over))
    return shown


def paid(grid: Grid, trained: list[int]) -> float:
    """10^12 multiply-accumulates times images."""
    return sum(grid.cost(size) for size in trained) / 1e12


def _shown(grid: Grid, trained: list[int], found: int | None, smallest: int) -> str:
    size = "none" if found is None else f"{found / smallest:.2f}"
    return f"{paid(grid, trained):.2f} {size}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["grid"])
    parser.add_argument("folder", nargs="?", type=Path)
    arguments = parser.parse_args()
    if arguments.what:
        train_grid(arguments.folder)
    Console(width=110).print(table(read_grid()))


if __name__ == "__main__":
    main()
