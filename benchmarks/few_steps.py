"""What a known shape saves: four steps a model against the whole plan, on the same answers.

Ladders are simulated, of one class: the shape exp(-ln 2 (noise / half)^k), whose k differs a little
from ladder to ladder, and two scales that are powers of N; or of none, whose fall narrows with N;
or they are the shipped ones, replayed: a model is right as often as it was measured to be. The
shape is taken from another ladder, never from the one that is measured. Compared are the images run
and the interval of log10 N* for a requirement, and whether it holds the truth where that is known.

Run: python benchmarks/few_steps.py --seeds 20 --json out/few-steps.json
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from laws import CHANCE, SIZES, logistic
from numpy.typing import NDArray
from planning import IMAGES, LADDER, SCHEDULE, Simulated, quartiles
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression
from truths import SHARED

from sizer.calibration import Calibration, load
from sizer.fitting import fit_measurements
from sizer.inference.records import ModelInfo
from sizer.measure.cells import Measurement
from sizer.measure.few import measure_few
from sizer.measure.rounds import Goal, Ladder, Steps, measure_planned
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement
from sizer.scaling.choices import TOLERANCE
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import Cell, NoiseCurve
from sizer.scaling.master import MasterCurve
from sizer.universality.borrowing import master_of

Floats = NDArray[np.float64]
SHIPPED = ("builtin", "cifar100-clean", "cifar100-noise")
SCATTER = 0.03
STEEPNESS, BETWEEN = 1.45, 0.05  # of a class: its k, and the spread of ln k between ladders
HALF_NOISE, HALF_GROWTH = 90.0, 0.03  # grey levels at 100,000 parameters, and their power of N
ASKED = (
    0.3  # size of the requirement, over the largest of a simulated ladder: its interval has ends
)
KINDS = ("one class", "narrowing", "shipped")


@dataclass(frozen=True)
class Case:
    """A ladder to be measured, a requirement, and the true size for it where that is known."""

    models: list[Simulated]
    chance: float
    requirement: Requirement
    size: float | None


@dataclass(frozen=True)
class Found:
    """One way of measuring a ladder. log_size: log10 of low, best and high; None without an end."""

    images: int
    used: int
    cells: float
    widened: int
    log_size: tuple[float | None, float | None, float | None]


def scale_free(steepness: float, size: float, step: Floats) -> Floats:
    x = np.log(size / 1e5)
    clean, half = 0.8 - 0.25 * np.exp(-0.3 * x), HALF_NOISE * np.exp(HALF_GROWTH * x)
    sigma = np.array([SCHEDULE.sigma(min(at, SCHEDULE.last_step)) for at in np.atleast_1d(step)])
    left = np.exp(-np.log(2) * (sigma / half) ** steepness)
    return np.asarray(CHANCE + (clean - CHANCE) * left)


def drawn(law: Callable[[float, Floats], Floats], random: np.random.Generator) -> list[Simulated]:
    """Trainings of each size: each curve is moved along the noise and in height."""
    shared = random.standard_normal(IMAGES)
    models = []
    for size in np.round(np.geomspace(*SIZES, LADDER[0])):
        for training in range(LADDER[1]):
            moved, raised = 1 + SCATTER * random.normal(size=2)
            curve = partial(_scattered, law, size, moved, raised)
            models.append(_simulated(f"{size:.0f}-{training}", int(size), curve, shared, random))
    return models


def _scattered(
    law: Callable[[float, Floats], Floats], size: float, moved: float, raised: float, step: Floats
) -> Floats:
    return CHANCE + (law(size, step * moved) - CHANCE) * raised


def _simulated(
    name: str,
    size: int,
    curve: Callable[[Floats], Floats],
    shared: Floats,
    random: np.random.Generator,
) -> Simulated:
    own = random.standard_normal(IMAGES)
    latent = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
    return Simulated(ModelInfo(name, "", size), curve, latent)


def simulated(law: Callable[[float, Floats], Floats], step: float, seed: int) -> Case:
    size = SIZES[1] * ASKED
    target = float(law(size, np.array([step]))[0])
    models = drawn(law, np.random.default_rng([seed, 1]))
    return Case(models, CHANCE, Requirement(step, target), size)


def class_law(seed: int) -> Callable[[float, Floats], Floats]:
    """The law of one ladder of the class."""
    random = np.random.default_rng([seed, 2])
    return partial(scale_free, STEEPNESS * float(np.exp(BETWEEN * random.normal())))


def replayed(name: str) -> Case:
    """A shipped ladder; asked for what a middle size of it reaches, where a tenth is lost."""
    calibration, random = load(name), np.random.default_rng(0)
    shared = random.standard_normal(IMAGES)
    curves = calibration.measured_curves
    models = [
        _simulated(curve.model.name, curve.size, _smooth(curve), shared, random) for curve in curves
    ]
    master = master_of([name])
    step = float(SCHEDULE.step_from_sigma(master.half_noise * master.ratio_at(0.9)))
    size = calibration.sizes[len(calibration.sizes) // 2]
    at = np.mean([curve.accuracy_at(step) for curve in curves if curve.size == size])
    return Case(models, calibration.chance, Requirement(step, float(at)), None)


def _smooth(curve: NoiseCurve) -> Callable[[Floats], Floats]:
    falling = isotonic_regression(curve.accuracy, increasing=False).x
    inside = PchipInterpolator(curve.steps, np.clip(falling, 1e-4, 1 - 1e-4))
    return lambda step: np.asarray(inside(np.clip(step, curve.steps[0], curve.steps[-1])))


class Counted:
    """Runs what a plan asks for, and counts the images as a store would keep them."""

    def __init__(self, models: Sequence[Simulated]) -> None:
        self._models = models
        self._run: dict[tuple[str, float], int] = {}

    @property
    def images(self) -> int:
        """Run in all, by all models."""
        return sum(self._run.values())

    def run(self, _label: str, steps: Steps, images: int) -> Measurement:
        wanted = [model for model in self._models if model.info.name in steps]
        cells, right = [], []
        for model in wanted:
            own = sorted(set(steps[model.info.name]))
            answers = np.array([model.right(step)[:images] for step in own])
            right.append(answers)
            for step, each in zip(own, answers.sum(axis=1).tolist(), strict=True):
                key = model.info.name, step
                self._run[key] = max(self._run.get(key, 0), images)
                cells.append(Cell(model.info.name, step, each, images))
        return Measurement(tuple(cells), tuple(right), ())


def measured(case: Case, tolerance: float, shape: MasterCurve | None) -> tuple[Found, Calibration]:
    counted = Counted(case.models)
    infos = tuple(model.info for model in case.models)
    ladder = Ladder(infos, case.chance, SCHEDULE, counted.run)
    goal = Goal(IMAGES, tolerance, Cut())
    found = measure_planned(ladder, goal) if shape is None else measure_few(ladder, goal, shape)
    calibration = fit_measurements(
        models=tuple(model.info for model in case.models),
        cells=found.cells,
        chance=case.chance,
        schedule=SCHEDULE,
        dataset=None,
        cut=Cut(),
        right=found.right,
        shape=found.shape,
        fitted=False,
    )
    sizes = advise(calibration, case.requirement).parameters
    ends = (None,) * 3 if sizes is None else (sizes.low, sizes.best, sizes.high)
    widened = (
        0 if shape is None else len(case.models) - len(found.shape.scales if found.shape else ())
    )
    return (
        Found(
            images=counted.images,
            used=found.cells[0].trials,
            cells=len(found.cells) / len(case.models),
            widened=widened,
            log_size=tuple(float(np.log10(end)) if end else None for end in ends),  # type: ignore[arg-type]
        ),
        calibration,
    )


def one_class(seed: int) -> tuple[Case, MasterCurve]:
    """A ladder of the class, and the shape of another one, which was measured in full."""
    step = SCHEDULE.step_from_sigma(0.6 * HALF_NOISE)
    other = simulated(class_law(seed + 5000), step, seed + 5000)
    _, source = measured(other, TOLERANCE, None)
    return simulated(class_law(seed), step, seed), master_of([source])


def narrowing(seed: int) -> tuple[Case, MasterCurve]:
    """A ladder whose width falls as N^-0.28, and a shape that is not its own."""
    return simulated(logistic, 300.0, seed), one_class(seed)[1]


def shipped(number: int) -> tuple[Case, MasterCurve]:
    name = SHIPPED[number]
    return replayed(name), master_of([other for other in SHIPPED if other != name])


def compared(kind: str, tolerances: Sequence[float], seed: int) -> dict[str, object]:
    """The whole plan's answer, and that of few steps at each tolerance."""
    make = {"one class": one_class, "narrowing": narrowing, "shipped": shipped}[kind]
    case, shape = make(seed)
    whole, _ = measured(case, TOLERANCE, None)
    return {
        "kind": kind,
        "seed": seed,
        "size": case.size,
        "spread": shape.spread,
        "whole": asdict(whole),
        "few": {str(each): asdict(measured(case, each, shape)[0]) for each in tolerances},
    }


def width(found: dict[str, object]) -> float | None:
    low, _, high = found["log_size"]  # type: ignore[misc]
    return None if low is None or high is None else high - low


def held(found: dict[str, object], size: float | None) -> bool | None:
    low, best, high = found["log_size"]  # type: ignore[misc]
    if size is None or best is None:
        return None
    return (low is None or low <= np.log10(size)) and (high is None or np.log10(size) <= high)


def row(kind: str, tolerance: float, cases: Sequence[dict[str, object]]) -> dict[str, object]:
    """One line of the table: medians and quartiles over the ladders."""
    pairs = [(case["few"][str(tolerance)], case["whole"], case["size"]) for case in cases]  # type: ignore[index]
    widths = [(width(few), width(whole)) for few, whole, _ in pairs]
    both = [few / whole for few, whole in widths if few and whole]
    few_held = [held(few, size) for few, _, size in pairs]
    whole_held = [held(whole, size) for _, whole, size in pairs]
    return {
        "kind": kind,
        "tolerance": tolerance,
        "ladders": len(cases),
        "images_a_step": quartiles([few["used"] for few, _, _ in pairs]),
        "widened": float(np.mean([few["widened"] for few, _, _ in pairs])),
        "times_fewer": quartiles([whole["images"] / few["images"] for few, whole, _ in pairs]),
        "width_ratio": quartiles(both) if both else None,
        "coverage_few": _share(few_held),
        "coverage_whole": _share(whole_held),
    }


def _share(held: Sequence[bool | None]) -> tuple[float, int] | None:
    known = [each for each in held if each is not None]
    return (float(np.mean(known)), len(known)) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tolerance", type=float, nargs="+", default=[TOLERANCE])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows, cases = [], []
    for kind in given.kinds:
        seeds = range(len(SHIPPED)) if kind == "shipped" else range(given.seeds)
        first = 0 if kind == "shipped" else given.first_seed
        mine = [compared(kind, given.tolerance, first + seed) for seed in seeds]
        cases += mine
        for tolerance in given.tolerance:
            rows.append(row(kind, tolerance, mine))
            print(json.dumps(rows[-1]), flush=True)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({"rows": rows, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
