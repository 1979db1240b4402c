"""Ladders whose law is known: curves with exact or drawn counts, and the CSV that holds them."""

import csv

import numpy as np

from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining, Recipe
from sizer.scaling.curves import NoiseCurve

EXACT = 10**12  # trials, so many that a count is the accuracy itself
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STEPS = np.round(1000 * np.linspace(0, 1, 21) ** 1.25)
CHANCE = 0.05


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


def scattered(accuracy, luck, chance, random):
    """The same law, but each training has luck of its own: `luck` is the standard deviation of the
    factor on its accuracy above chance.
    """

    def training(step, size):
        factor = 1 + luck * random.standard_normal()
        return np.clip(chance + factor * (accuracy(step, size) - chance), 0, 1)

    return training


def transition(step, size):
    """The transition law, written out again from its equation; N0 = 100,000."""
    ratio = size / 1e5
    clean = 0.85 - 0.12 * ratio**-0.3
    middle, width = 500 * ratio**0.04, 90 * ratio**-0.15

    def logistic(t):
        return 1 / (1 + np.exp((t - middle) / width))

    return CHANCE + (clean - CHANCE) * logistic(step) / logistic(0)


def saturating(step, size):
    """A(t) - B(t) N^-lambda(t), with B largest in mid-fall, as the design measured it."""
    share = step / 1000
    ceiling = 0.05 + 0.87 * (1 - share) ** 1.5
    gain = (1 - share) * (0.08 + 0.5 * share * (1 - share))
    return ceiling - gain * (size / 1e5) ** -(0.14 + 0.2 * share)


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
