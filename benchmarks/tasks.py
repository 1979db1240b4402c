"""What the league asks: ladders, questions about them, and the truth.

A size question: which size reaches this accuracy at this noise? An accuracy question: what will
the next training of this size measure? Sizes are asked only where size buys accuracy: below 0.02
a decade no ladder can tell one size from another.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from changes import failures, harmless
from ladders import (
    Floats,
    Ladder,
    mean_accuracy,
    read_calibration,
    read_table,
    steps_of_fall,
)
from laws import LAWS, SETTINGS, STEP
from truths import Simulation, simulate, simulate_law

ROOT = Path(__file__).parent.parent
PUBLIC = ROOT.parent / "shared" / "data" / "public"  # tables of published accuracies
DEMO = ROOT / "out" / "demo.json"  # the calibration that `make demo` makes
SHIPPED = ("builtin", "cifar100-clean", "cifar100-noise")
LEAST_GAIN = 0.02  # of accuracy a decade of size
STEPS_ASKED = 6  # of a shipped ladder
DEEPEST = 0.75  # share of the fall down to which a shipped ladder is asked about
HELD_OUT = (1, 2, 3)  # largest sizes
LEAST_LEFT = 3  # sizes to predict from
SIMULATED_SHARES = (0.1, 0.35, 0.6)  # of the fall, at which a simulated ladder is asked about
DISTANCES = (1.5, 3.0, 6.0)  # times the largest size
NEAR = 10**0.05  # between which, either side of a size, a truth's gain is read
CHANGED = (100.0, 0.85)  # step and target asked of a changed ladder
DEMONSTRATED = (200.0, 0.75)  # and of the demo


@dataclass(frozen=True)
class SizeQuestion:
    """Which size reaches the accuracy `target` at `step`? truth: parameters, None if unknown."""

    group: str
    step: float
    target: float
    truth: float | None


@dataclass(frozen=True)
class AccuracyQuestion:
    """What does a training of `size` measure at `step`? measured: what one did."""

    group: str
    step: float
    size: float
    measured: float


Question = SizeQuestion | AccuracyQuestion


@dataclass(frozen=True)
class Task:
    """A ladder to learn from and what is asked about it. design: what was left out, or the truth.

    seed: of a simulated ladder, its number.
    """

    name: str
    ladder: Ladder
    questions: tuple[Question, ...]
    design: str = ""
    seed: int = 0


def shipped_ladders() -> list[Ladder]:
    return [read_calibration(ROOT / "calibration" / f"{name}.json") for name in SHIPPED]


def public_ladders(folder: Path) -> list[Ladder]:
    return [read_table(path) for path in sorted(folder.glob("*.csv"))]


def middle_tasks() -> Iterator[Task]:
    """Every middle size of the shipped ladders left out, six steps each.

    The target is the mean measured accuracy of the left-out trainings, the truth is their size.
    What size buys is read off the measured sizes either side.
    """
    for ladder in shipped_ladders():
        steps = steps_of_fall(ladder, STEPS_ASKED, DEEPEST)
        means = [mean_accuracy(ladder.of_size(size), steps) for size in ladder.sizes]
        for i, size in list(enumerate(ladder.sizes))[1:-1]:
            decades = np.log10(ladder.sizes[i + 1] / ladder.sizes[i - 1])
            gains = (means[i + 1] - means[i - 1]) / decades
            questions = tuple(
                SizeQuestion(ladder.name, float(step), float(target), size)
                for step, target, gain in zip(steps, means[i], gains, strict=True)
                if gain >= LEAST_GAIN
            )
            yield Task("middle", ladder.without([size]), questions, f"without {size}")


def held_out_tasks(
    name: str, ladders: list[Ladder], steps: Callable[[Ladder], Floats]
) -> Iterator[Task]:
    """The 1, 2 and 3 largest sizes held out, where three sizes are left to predict from.

    Every held-out model is asked about at each of the steps.
    """
    for ladder in ladders:
        for count in HELD_OUT:
            if len(ladder.sizes) - count >= LEAST_LEFT:
                largest = ladder.sizes[-count:]
                questions = tuple(accuracy_questions(ladder, largest, steps(ladder)))
                yield Task(name, ladder.without(largest), questions, f"{count} held out")


def shipped_tasks() -> Iterator[Task]:
    """The largest sizes of the shipped ladders, six steps each."""

    def steps(ladder: Ladder) -> Floats:
        return steps_of_fall(ladder, STEPS_ASKED, DEEPEST)

    return held_out_tasks("shipped", shipped_ladders(), steps)


def public_tasks(folder: Path) -> Iterator[Task]:
    """The largest sizes of published tables, at all of their steps."""
    return held_out_tasks("public", public_ladders(folder), lambda ladder: ladder.steps)


def accuracy_questions(
    ladder: Ladder, sizes: tuple[int, ...], steps: Floats
) -> Iterator[AccuracyQuestion]:
    for size in sizes:
        for curve in ladder.of_size(size):
            measured = mean_accuracy([curve], steps)
            for step, accuracy in zip(steps.tolist(), measured.tolist(), strict=True):
                yield AccuracyQuestion(ladder.name, step, size, accuracy)


def simulated_tasks(count: int, seed: int, truths: tuple[str, ...]) -> Iterator[Task]:
    """Ladders drawn from the truths in turn."""
    for index in range(count):
        random = np.random.default_rng([seed, index])
        yield simulated_task(simulate(truths[index % len(truths)], random), index, random)


def simulated_task(simulation: Simulation, index: int, random: np.random.Generator) -> Task:
    """A simulated ladder, three steps, sizes inside and beyond.

    Asked at the log-midpoints between neighbouring sizes, and beyond the largest size. A size
    question has the true mean accuracy as its target; it is asked where no smaller size reaches
    it. An accuracy question is answered by a new training, on the ladder's images if shared.
    """
    ladder = simulation.ladder(random)
    steps = steps_of_truth(simulation)
    questions = tuple(
        question
        for group, size in sizes_asked(ladder)
        for question in questions_about(simulation, group, size, steps, random)
    )
    return Task("simulated", ladder, questions, simulation.truth, index)


def sizes_asked(ladder: Ladder) -> Iterator[tuple[str, float]]:
    for below, above in pairwise(ladder.sizes):
        yield "inside", float(np.sqrt(below * above))
    for distance in DISTANCES:
        yield f"{distance:g} times", distance * ladder.sizes[-1]


def steps_of_truth(simulation: Simulation) -> Floats:
    """Whole steps at which the truth of the ladder's middle size has lost certain shares."""
    grid = np.arange(simulation.design.steps[-1] + 1)
    middle = float(np.sqrt(simulation.design.sizes[0] * simulation.design.sizes[-1]))
    above = simulation.accuracy(middle, grid) - simulation.design.chance
    return np.asarray(np.interp(SIMULATED_SHARES, 1 - above / above[0], grid).round())


def questions_about(
    simulation: Simulation, group: str, size: float, steps: Floats, random: np.random.Generator
) -> Iterator[Question]:
    """An accuracy question a step, and a size question where it has one answer."""
    targets = simulation.accuracy(size, steps)
    above, below = (simulation.accuracy(near, steps) for near in (size * NEAR, size / NEAR))
    gains = (above - below) / (2 * np.log10(NEAR))
    smaller = np.geomspace(simulation.design.sizes[0] / 10, size / NEAR, 100)
    reached = np.max([simulation.accuracy(each, steps) for each in smaller], axis=0)
    measured = simulation.train(size, steps, random).mean(axis=1)
    for i, step in enumerate(steps.tolist()):
        yield AccuracyQuestion(group, step, size, float(measured[i]))
        if gains[i] >= LEAST_GAIN and reached[i] < targets[i]:
            yield SizeQuestion(group, step, float(targets[i]), size)


def law_tasks(count: int, seed: int) -> Iterator[Task]:
    """Ladders of the fitted set of laws, one question each beyond the ladder; `count` a setting."""
    for law, (sizes, trainings, scatter, beyond) in product(LAWS, SETTINGS):
        group = f"{law}, {sizes} x {trainings}, {scatter:.0%}, {beyond:g} times"
        for index in range(count):
            random = np.random.default_rng([seed, index, *map(ord, law)])
            simulation = simulate_law(law, sizes, trainings, scatter, random)
            truth = beyond * simulation.design.sizes[-1]
            target = float(simulation.accuracy(truth, np.array([STEP]))[0])
            question = SizeQuestion(group, STEP, target, truth)
            yield Task("laws", simulation.ladder(random), (question,), law, index)


def change_tasks() -> Iterator[Task]:
    """One question to the built-in ladder, changed in ways that should not change the answer."""
    step, target = CHANGED
    ladder = shipped_ladders()[0]
    for design, changes in (("harmless", harmless), ("failed training", failures)):
        for change in changes(ladder, step):
            question = SizeQuestion(change.name, change.step, target, None)
            yield Task("changes", change.ladder, (question,), design)


def demo_tasks() -> Iterator[Task]:
    """One question to the calibration of `make demo`, and to the shipped one of the same nets."""
    question = SizeQuestion("builtin", *DEMONSTRATED, None)
    yield Task("demo", shipped_ladders()[0], (question,), "shipped")
    if not DEMO.exists():
        demonstrate()
    yield Task("demo", read_calibration(DEMO), (question,), "demo")


def demonstrate() -> None:
    """Measure the shipped networks as `make demo` does; it takes minutes, once."""
    DEMO.parent.mkdir(exist_ok=True)
    code = "from sizer.cli import main; main()"
    options = ("calibrate", "--images", "2000", "--out", str(DEMO))
    subprocess.run([sys.executable, "-c", code, *options], cwd=ROOT, check=True)
