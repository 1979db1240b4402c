"""What a ladder of three sizes gains by borrowing of others, where the rest is known.

The three smallest sizes of a ladder predict those 1.8 to 7 times as large, with and without what
other ladders have learned; the ladder itself is never among them. Ladders: the shipped ones, each
with the other two; tables of a folder, each with all others; and simulated ones, whose lenders are
of the same truth (class), of another one (others), or of both. Errors are of the next training at
the steps where the model keeps a tenth of its clean accuracy; intervals are 90 % ones.

Run: python benchmarks/borrowing.py --cases shipped class others both --json out/borrowing.json
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ladders import Ladder, read_calibration, read_table, steps_of_fall
from numpy.typing import NDArray
from scores import markdown
from tasks import PUBLIC
from truths import TRUTHS, Simulation, simulate

from sizer.prediction.predictor import Predictor, predictor

Floats = NDArray[np.float64]
SHIPPED = ("builtin", "cifar100-clean", "cifar100-noise")
CALIBRATIONS = Path(__file__).parent.parent / "calibration"
LEARNT = 3  # smallest sizes
REACH = (1.8, 7.0)  # times the largest of them, that are predicted
STEPS = 6
SHARES = (0.05, 0.95)
LENDERS = 2  # of a simulated ladder, of each kind


@dataclass(frozen=True)
class Case:
    """A ladder of few sizes, those of which it may borrow, and what it is asked.

    asked: size, step and the true accuracy of the next training of it; where `shared`, one that was
    measured.
    """

    group: str
    name: str
    small: Predictor
    lenders: tuple[tuple[str, Predictor], ...]
    asked: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Answered:
    """borrowed: the posterior weight of all lenders together."""

    group: str
    name: str
    ratio: float
    truth: float
    alone: tuple[float, float, float]
    borrowing: tuple[float, float, float]
    borrowed: float


def as_predictor(ladder: Ladder) -> Predictor:
    return predictor(ladder.curves, ladder.image_share)


def measured_case(
    group: str, ladder: Ladder, others: Sequence[Ladder], steps: Sequence[float]
) -> Case:
    """Asked for every model of the sizes that lie within reach."""
    largest = ladder.sizes[LEARNT - 1]
    asked = [
        (float(curve.size), step, curve.accuracy_at(step))
        for curve in ladder.curves
        if REACH[0] <= curve.size / largest <= REACH[1]
        for step in steps
        if curve.steps[0] <= step <= curve.steps[-1]
    ]
    return Case(
        group,
        ladder.name,
        as_predictor(ladder.without(ladder.sizes[LEARNT:])),
        tuple((other.name, as_predictor(other)) for other in others),
        tuple(asked),
    )


def shipped() -> Iterator[Case]:
    ladders = [read_calibration(CALIBRATIONS / f"{name}.json") for name in SHIPPED]
    yield from _each_with_others("shipped", ladders, _of_fall)


def tables(folder: Path) -> Iterator[Case]:
    ladders = [read_table(path) for path in sorted(folder.glob("*.csv"))]
    long_enough = [ladder for ladder in ladders if len(ladder.sizes) > LEARNT]
    yield from _each_with_others("tables", long_enough, lambda ladder: ladder.steps.tolist())


def _each_with_others(
    group: str, ladders: Sequence[Ladder], steps: Callable[[Ladder], list[float]]
) -> Iterator[Case]:
    for ladder in ladders:
        others = [other for other in ladders if other is not ladder]
        yield measured_case(group, ladder, others, steps(ladder))


def _of_fall(ladder: Ladder) -> list[float]:
    return steps_of_fall(ladder, STEPS, 0.9).tolist()


def simulated(group: str, count: int, seed: int) -> Iterator[Case]:
    names = list(TRUTHS)
    for index in range(count):
        random = np.random.default_rng([seed, index])
        own = names[index % len(names)]
        other = names[(index + 1 + index // len(names)) % len(names)]
        lent = {"class": [own], "others": [other], "both": [own, other]}[group]
        lenders = [(truth, simulate(truth, random).ladder(random)) for truth in lent * LENDERS]
        yield _simulated_case(group, simulate(own, random), lenders, random)


def _simulated_case(
    group: str,
    simulation: Simulation,
    lenders: Sequence[tuple[str, Ladder]],
    random: np.random.Generator,
) -> Case:
    """Asked for new trainings of sizes that may not be in the ladder."""
    ladder = simulation.ladder(random)
    steps = np.array(_of_fall(ladder))
    sizes = [ladder.sizes[LEARNT - 1] * times for times in (2.0, 4.0, 6.0)]
    asked = []
    for size in sizes:
        right = simulation.train(size, steps, random).mean(axis=1)
        asked += [(size, step, float(at)) for step, at in zip(steps.tolist(), right, strict=True)]
    return Case(
        group,
        simulation.truth,
        as_predictor(ladder.without(ladder.sizes[LEARNT:])),
        tuple((name, as_predictor(lender)) for name, lender in lenders),
        tuple(asked),
    )


def answers(case: Case) -> Iterator[Answered]:
    small = case.small
    lent = predictor(small.curves, small.image_share, case.lenders)
    largest = float(small.sizes[-1])
    for size, step, truth in case.asked:
        first, last = small.step_range
        if not first <= step <= last or not small.spanning(step):
            continue
        alone, borrowing = (_range(ladder, step, size) for ladder in (small, lent))
        weight = sum(share for _, share in lent.at(step).rests_on)
        yield Answered(case.group, case.name, size / largest, truth, alone, borrowing, weight)


def _range(ladder: Predictor, step: float, size: float) -> tuple[float, float, float]:
    seen = ladder.at(step).at(np.array([size]))
    low, high = seen.quantiles(SHARES, training=True)[:, 0].tolist()
    return low, float(seen.expected()[0]), high


def row(answered: Sequence[Answered], **named: str) -> dict[str, object]:
    """One line of a table."""
    truth = np.array([one.truth for one in answered])
    line: dict[str, object] = {**named, "questions": len(answered)}
    for way in ("alone", "borrowing"):
        low, best, high = np.array([getattr(one, way) for one in answered]).T
        line |= {
            f"{way}_rms": float(np.sqrt(np.mean((best - truth) ** 2))),
            f"{way}_held": float(np.mean((low <= truth) & (truth <= high))),
            f"{way}_width": float(np.mean(high - low)),
        }
    line["weight_borrowed"] = float(np.mean([one.borrowed for one in answered]))
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=["shipped", "class", "others", "both"])
    parser.add_argument("--ladders", type=int, default=24, help="simulated ones of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", type=Path, default=PUBLIC)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    all_answered: list[Answered] = []
    rows = []
    for group in given.cases:
        cases = {"shipped": shipped, "tables": lambda: tables(given.tables)}.get(
            group, lambda group=group: simulated(group, given.ladders, given.seed)
        )()
        mine: list[Answered] = []
        for case in cases:
            found = list(answers(case))
            mine += found
            if group in {"shipped", "tables"} and found:
                rows.append(row(found, cases=group, ladder=case.name))
            print(f"{group}: {case.name}", file=sys.stderr, flush=True)
        rows.append(row(mine, cases=group, ladder="all"))
        all_answered += mine
    print(markdown(rows))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"rows": rows, "answers": [asdict(one) for one in all_answered]}
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
