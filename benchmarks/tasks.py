"""What the league asks: ladders, questions about them, and the truth.

A size question: which size reaches this accuracy at this noise? An accuracy question: what will
the next training of this size measure? Only size questions where size buys accuracy are asked:
below 0.02 a decade no ladder can tell one size from another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from ladders import Ladder, mean_accuracy, read_calibration, read_table, steps_of_fall
from truths import TRUTHS, Simulation, simulate

ROOT = Path(__file__).parent.parent
PUBLIC = ROOT.parent / "shared" / "data" / "public"  # tables of published accuracies
SHIPPED = ("builtin", "cifar100-clean", "cifar100-noise")
LEAST_GAIN = 0.02  # of accuracy a decade of size
STEPS_ASKED = 6  # of a shipped ladder
DEEPEST = 0.75  # share of the fall down to which a shipped ladder is asked about
HELD_OUT = (1, 2, 3)  # largest sizes
LEAST_LEFT = 3  # sizes to predict from
SIMULATED_SHARES = (0.1, 0.35, 0.6)  # of the fall
DISTANCES = (1.5, 3.0, 6.0)  # times the largest size
LAST_TRUTH = 10.0  # times the largest size: beyond it nothing is asked


@dataclass(frozen=True)
class SizeQuestion:
    """Which size reaches `target` at `step`? truth: parameters."""

    group: str
    step: float
    target: float
    truth: float


@dataclass(frozen=True)
class AccuracyQuestion:
    """What does a training of `size` measure at `step`? measured: what one did."""

    group: str
    step: float
    size: float
    measured: float


@dataclass(frozen=True)
class Task:
    """A ladder to learn from and what is asked about it; `name` is the task of the league."""

    name: str
    ladder: Ladder
    questions: tuple[SizeQuestion | AccuracyQuestion, ...]
    design: str = ""


def shipped_ladders() -> list[Ladder]:
    return [read_calibration(ROOT / "calibration" / f"{name}.json") for name in SHIPPED]


def middle_tasks() -> Iterator[Task]:
    """Every middle size of the shipped ladders left out, six steps each.

    The target is the mean measured accuracy of the left-out trainings, the truth is their size.
    What size buys is read off the measured sizes either side.
    """
    for ladder in shipped_ladders():
        steps = steps_of_fall(ladder, STEPS_ASKED, DEEPEST)
        for below, size, above in zip(ladder.sizes, ladder.sizes[1:], ladder.sizes[2:]):
            low, middle, high = (
                mean_accuracy(ladder.of_size(near), steps) for near in (below, size, above)
            )
            gain = (high - low) / np.log10(above / below)
            questions = tuple(
                SizeQuestion(ladder.name, step, target, size)
                for step, target in zip(steps[gain >= LEAST_GAIN], middle[gain >= LEAST_GAIN])
            )
            yield Task("middle", ladder.without([size]), questions, f"without {size}")


def held_out_tasks(ladders: list[Ladder], name: str) -> Iterator[Task]:
    """The 1, 2 and 3 largest sizes held out, as long as three sizes are left to predict from.

    Every held-out model is asked about at six steps of a shipped ladder, at all of a table's.
    """
    for ladder in ladders:
        steps = (
            np.array(ladder.curves[0].steps)
            if name == "public"
            else steps_of_fall(ladder, STEPS_ASKED, DEEPEST)
        )
        for count in HELD_OUT:
            if len(ladder.sizes) - count < LEAST_LEFT:
                continue
            largest = ladder.sizes[-count:]
            questions = tuple(
                AccuracyQuestion(ladder.name, float(step), size, float(measured))
                for size in largest
                for curve in ladder.of_size(size)
                for step, measured in zip(steps, mean_accuracy([curve], steps))
            )
            yield Task(name, ladder.without(largest), questions, f"{count} held out")


def public_ladders(folder: Path) -> list[Ladder]:
    return [read_table(path) for path in sorted(folder.glob("*.csv"))]


def simulated_tasks(count: int, seed: int, truths: tuple[str, ...]) -> Iterator[Task]:
    """Ladders drawn from the truths in turn, three steps each.

    Asked at the log-midpoints between neighbouring sizes, and beyond the largest size. A size
    question has the true mean accuracy as its target; it is asked where no smaller size reaches
    it, too. An accuracy question is answered by a new training on the ladder's images.
    """
    for index in range(count):
        random = np.random.default_rng([seed, index])
        simulation = simulate(truths[index % len(truths)], random)
        ladder = simulation.ladder
        steps = fall_of_truth(simulation)
        questions = tuple(
            question
            for group, size in asked_sizes(ladder)
            for question in questions_about(simulation, group, size, steps, random)
        )
        yield Task("simulated", ladder, questions, simulation.truth)


def asked_sizes(ladder: Ladder) -> Iterator[tuple[str, float]]:
    for below, above in pairwise(ladder.sizes):
        yield "inside", float(np.sqrt(below * above))
    for distance in DISTANCES:
        yield f"{distance:g} times", distance * ladder.sizes[-1]


def fall_of_truth(simulation: Simulation) -> np.ndarray:
    """Whole steps at which the truth of the ladder's middle size has lost certain shares."""
    grid = np.arange(1001.0)
    middle = float(np.sqrt(simulation.design.sizes[0] * simulation.design.sizes[-1]))
    above = simulation.accuracy(middle, grid) - simulation.design.chance
    return np.interp(SIMULATED_SHARES, 1 - above / above[0], grid).round()


def questions_about(
    simulation: Simulation,
    group: str,
    size: float,
    steps: np.ndarray,
    random: np.random.Generator,
) -> Iterator[SizeQuestion | AccuracyQuestion]:
    measured = simulation.train(size, steps, random).mean(axis=1)
    targets = simulation.accuracy(size, steps)
    near = 10**0.05
    above, below = (simulation.accuracy(size * by, steps) for by in (near, 1 / near))
    smaller = np.geomspace(simulation.design.sizes[0] / 10, size, 100, endpoint=False)
    reached = np.max([simulation.accuracy(each, steps) for each in smaller], axis=0)
    for i, step in enumerate(steps.tolist()):
        yield AccuracyQuestion(group, step, size, float(measured[i]))
        if (above[i] - below[i]) / 0.1 >= LEAST_GAIN and reached[i] < targets[i]:
            yield SizeQuestion(group, step, float(targets[i]), size)


ALL_TRUTHS = tuple(TRUTHS)
