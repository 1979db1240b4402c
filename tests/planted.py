"""Ladders whose law is known: curves with exact or drawn counts, and the CSV that holds them."""

import csv

import numpy as np

from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining, Recipe
from sizer.results import NoiseCurve

EXACT = 10**12  # trials, so many that a count is the accuracy itself


def curve(name, parameters, steps, accuracy, trials=EXACT, chance=0.0, random=None):
    """Counts of a model whose accuracy at each step is known; rounded, or drawn by `random`."""
    share = np.broadcast_to(accuracy, np.shape(steps))
    if random is None:
        correct = np.rint(np.multiply(share, trials)).astype(np.int64)
    else:
        correct = random.binomial(trials, share)
    return NoiseCurve(
        ModelInfo(name, "", int(parameters)),
        chance,
        tuple(float(step) for step in steps),
        tuple(correct.tolist()),
        (trials,) * len(steps),
    )


def ladder(accuracy, sizes, steps, trainings=1, **options):
    """Curves of acc(step, parameters), named by size and training."""
    return [
        curve(f"m{size}-{i}", size, steps, accuracy(np.array(steps, float), size), **options)
        for size in sizes
        for i in range(trainings)
    ]


def write_table(path, curves):
    """The CSV that `sizer fit` reads."""
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["model", "parameters", "step", "correct", "trials", "chance"])
        for one in curves:
            for step, correct, trials in zip(one.steps, one.correct, one.trials, strict=True):
                writer.writerow(
                    [one.model.name, one.model.parameters, step, correct, trials, one.chance]
                )
    return path


def trained_with(noise_steps):
    """The training of a ladder, on noise of these steps."""
    recipe = Recipe(2, 128, 0.01, 0.02, 0.0, "none", noise_steps)
    data = DatasetInfo("some", "train", "f" * 64, 10, 1000, (8, 8, 3))
    return LadderTraining("sizer train", "test", data, recipe)
