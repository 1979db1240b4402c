"""What `--steps auto` saves: the plan against a uniform full grid, on ladders whose law is known.

Each ladder is drawn as in `truths.py`: a logistic fall whose width is a power of N, scatter
between trainings, images whose difficulty all models share in part. It is measured twice, with the
same answers: by the plan, and at 50 steps on all images. Compared are the images run, the
exponent of the widths and log10 N* for a requirement beyond the ladder, each with its 90 %
interval.

Run: python benchmarks/planning.py --seeds 20 --json out/planning.json
"""

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from here import here
from laws import CHANCE, SIZES, logistic
from numpy.typing import NDArray
from scipy.special import ndtri
from truths import SHARED

from sizer.datasets.records import DatasetInfo
from sizer.fitting import fit_measurements
from sizer.inference.records import ModelInfo
from sizer.measure.blocks import image_order
from sizer.measure.cells import Measurement
from sizer.measure.ladder import measure_ladder
from sizer.noise import Noise, linear_schedule
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement
from sizer.progress import ignore_progress
from sizer.scaling.choices import TOLERANCE
from sizer.scaling.crossings import Cut, cut_curves
from sizer.scaling.curves import Cell, NoiseCurve
from sizer.scaling.width import fit_width_law

Floats = NDArray[np.float64]
IMAGES, CLASSES = 10_000, 100
GRID = np.linspace(0, 1000, 50).round()  # of the full grid: uniform, to where all guess
STEP, BEYOND = 300.0, 1.7  # of the requirement; its true size over the largest of the ladder
LADDER = (7, 3)  # sizes, trainings of each
SCATTERS = (0.03, 0.05)
SHAPE = (2, 2, 1)  # an image: one white pixel, and its number in the other three
SCHEDULE = linear_schedule()
INFO = DatasetInfo("simulated", "test", "numbered", CLASSES, IMAGES, SHAPE)


@dataclass(frozen=True)
class NumberedImages:
    """Images that hold their own number; all of one class, the models' answers being drawn."""

    info: DatasetInfo
    class_names: None = None

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.zeros(self.info.images, np.int64)

    def read(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        digits = np.stack([indices % 256, indices // 256 % 256, indices // 65536], axis=1)
        white = np.full((len(indices), 1), 255)
        pixels = np.hstack([white, digits]).astype(np.uint8)
        return pixels.reshape(-1, *SHAPE), np.zeros(len(indices), np.int64)


@dataclass(frozen=True)
class Simulated:
    """Right on an image where its latent difficulty is below the quantile of the accuracy."""

    info: ModelInfo
    accuracy: Callable[[Floats], Floats] = field(compare=False)
    latent: Floats = field(compare=False, repr=False)  # of every image
    batch: int = 500
    provider: str = "cpu"

    @property
    def fingerprint(self) -> str:
        return self.info.name

    def open(self) -> "Simulated":
        return self

    def prepare(
        self, clean: NDArray[np.float32], _epsilon: NDArray[np.float32]
    ) -> Callable[[float, float], NDArray[np.int64]]:
        return lambda mu, _sigma: self(np.float32(mu) * clean)

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        values = images.reshape(len(images), 4).astype(np.float64)
        step = step_of(float(values[0, 0]))
        pixels = np.rint((values / values[:, :1] + 1) * 127.5).astype(np.int64)
        numbers = pixels[:, 1] + 256 * pixels[:, 2] + 65536 * pixels[:, 3]
        return (~self.right(step)[numbers]).astype(np.int64)  # labels are 0, a wrong answer 1

    def right(self, step: float) -> NDArray[np.bool_]:
        return np.asarray(self.latent < ndtri(self.accuracy(np.array([step])))[0])


LOG_MU = SCHEDULE.log_alpha_bar(np.arange(SCHEDULE.last_step + 1)) / 2


def step_of(mu: float) -> float:
    return round(float(np.interp(-np.log(mu), -LOG_MU, np.arange(len(LOG_MU)))), 2)


class MemoryStore:
    """Cells that live as long as the process."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[tuple[float, int, int], NDArray[np.int64]]] = {}

    def cells(self, source: str, _classes: int) -> dict[tuple[float, int, int], NDArray[np.int64]]:
        return self.kept.get(source, {})

    def keep(self, source: str, cell: tuple[float, int, int], labels: NDArray[np.int64]) -> None:
        self.kept.setdefault(source, {}).setdefault(cell, labels)

    def images(self) -> int:
        """Run in all, by all models."""
        return sum(stop - start for own in self.kept.values() for _, start, stop in own)


@dataclass(frozen=True)
class Answer:
    """What one way of measuring says. Intervals are 90 % ones; None where one has no end."""

    images: int
    steps: float
    used: int
    exponent: float
    exponent_width: float
    log_size: float | None
    log_size_width: float | None


def no_noise(_seed: int, _index: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def drawn(scatter: float, seed: int) -> list[Simulated]:
    """A ladder: each training's curve is moved along the noise and in height."""
    random = np.random.default_rng([seed, round(1000 * scatter)])
    shared = random.standard_normal(IMAGES)
    models = []
    for size in np.round(np.geomspace(*SIZES, LADDER[0])):
        for training in range(LADDER[1]):
            moved, raised = 1 + scatter * random.normal(size=2)
            own = random.standard_normal(IMAGES)
            models.append(
                Simulated(
                    ModelInfo(f"{size:.0f}-{training}", "", int(size)),
                    partial(training_curve, size, moved, raised),
                    np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own,
                )
            )
    return models


def training_curve(size: float, moved: float, raised: float, step: Floats) -> Floats:
    return CHANCE + (logistic(size, step * moved) - CHANCE) * raised


def full_grid(models: Sequence[Simulated]) -> Measurement:
    """What `measure` would give at the full grid, from the same answers, without running it."""
    right = tuple(np.array([model.right(step) for step in GRID]) for model in models)
    cells = tuple(
        Cell(model.info.name, float(step), int(row.sum()), IMAGES)
        for model, own in zip(models, right, strict=True)
        for step, row in zip(GRID, own, strict=True)
    )
    return Measurement(cells, right, ())


def planned(models: Sequence[Simulated], tolerance: float) -> tuple[Measurement, int]:
    store = MemoryStore()
    found = measure_ladder(
        models,
        NumberedImages(INFO),
        Noise(SCHEDULE, no_noise, 0),
        store,
        None,
        None,
        lambda _label: ignore_progress,
        tolerance=tolerance,
        cut=Cut(),
        engine=here,
    )
    return found, store.images()


def answer(models: Sequence[Simulated], found: Measurement, images: int) -> Answer:
    """Fitted and asked as `calibrate` and `recommend` do."""
    calibration = fit_measurements(
        models=tuple(model.info for model in models),
        cells=found.cells,
        chance=CHANCE,
        schedule=SCHEDULE,
        dataset=None,
        cut=Cut(),
        right=found.right,
    )
    target = float(logistic(SIZES[1] * BEYOND, np.array([STEP]))[0])
    sizes = advise(calibration, Requirement(STEP, target)).parameters
    exponent = calibration.width_law.exponent
    return Answer(
        images=images,
        steps=len(found.cells) / len(models),
        used=found.cells[0].trials,
        exponent=exponent.value,
        exponent_width=exponent.high - exponent.low,
        log_size=float(np.log10(sizes.best)) if sizes and sizes.best else None,
        log_size_width=(
            float(np.log10(sizes.high / sizes.low)) if sizes and sizes.low and sizes.high else None
        ),
    )


def compare(scatter: float, tolerance: float, seed: int) -> tuple[Answer, Answer]:
    """The plan's and the full grid's answers to one ladder."""
    models = drawn(scatter, seed)
    found, images = planned(models, tolerance)
    require_same_answers(models, found)
    return (
        answer(models, found, images),
        answer(models, full_grid(models), len(models) * len(GRID) * IMAGES),
    )


def require_same_answers(models: Sequence[Simulated], found: Measurement) -> None:
    """What was measured is what the full grid counts, on the images that the plan used."""
    by_name = {model.info.name: model for model in models}
    used = image_order(IMAGES)[: found.cells[0].trials]
    for cell in found.cells:
        if by_name[cell.model].right(cell.step)[used].sum() != cell.correct:
            raise RuntimeError(f"{cell.model} at step {cell.step}: other answers than drawn")


def true_exponent() -> float:
    """Of the curves of the law itself, without scatter and counting."""
    steps, many = np.arange(0, 1001.0), 10**12
    curves = [
        NoiseCurve(
            ModelInfo(f"{size:.0f}", "", int(size)),
            CHANCE,
            tuple(steps),
            tuple(int(share * many) for share in logistic(size, steps)),
            (many,) * len(steps),
        )
        for size in np.round(np.geomspace(*SIZES, LADDER[0]))
    ]
    law = fit_width_law(cut_curves(curves)[1])
    assert law is not None
    assert law.exponent.value is not None
    return law.exponent.value


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def row(scatter: float, tolerance: float, pairs: Sequence[tuple[Answer, Answer]]) -> dict[str, Any]:
    """One line of the table. Bias and difference: mean and its standard error over the ladders."""
    truth = {"exponent": true_exponent(), "log_size": float(np.log10(SIZES[1] * BEYOND))}
    found: dict[str, Any] = {
        "scatter": scatter,
        "tolerance": tolerance,
        "ladders": len(pairs),
        "images_used": quartiles([plan.used for plan, _ in pairs]),
        "steps": quartiles([plan.steps for plan, _ in pairs]),
        "times_fewer": quartiles([full.images / plan.images for plan, full in pairs]),
    }
    for name, true in truth.items():
        both = [
            (getattr(plan, name), getattr(full, name))
            for plan, full in pairs
            if getattr(plan, name) is not None and getattr(full, name) is not None
        ]
        ends = [
            (getattr(plan, f"{name}_width"), getattr(full, f"{name}_width")) for plan, full in pairs
        ]
        found[name] = {
            "truth": true,
            "answered": len(both),
            "bias_plan": mean_and_error([plan - true for plan, _ in both]),
            "bias_full": mean_and_error([full - true for _, full in both]),
            "difference": mean_and_error([plan - full for plan, full in both]),
            "width_ratio": quartiles([plan / full for plan, full in ends if plan and full]),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tolerance", type=float, nargs="+", default=[TOLERANCE])
    parser.add_argument("--scatter", type=float, nargs="+", default=list(SCATTERS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for scatter in options.scatter:
        for tolerance in options.tolerance:
            with ProcessPoolExecutor(options.workers) as pool:
                pairs = list(pool.map(partial(compare, scatter, tolerance), range(options.seeds)))
            rows.append(
                row(scatter, tolerance, pairs)
                | {"ladder": [[asdict(one) for one in pair] for pair in pairs]}
            )
            print(json.dumps({k: v for k, v in rows[-1].items() if k != "ladder"}), flush=True)
            if options.json:
                options.json.parent.mkdir(parents=True, exist_ok=True)
                options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
