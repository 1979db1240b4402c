"""Scripted models whose accuracy follows a planted law, and how they are measured."""

import numpy as np
from scripted import SHAPE, ScriptedEvaluator, no_noise

from sizer.inference.records import ModelInfo
from sizer.noise import Noise, linear_schedule
from sizer.scaling.crossings import Cut

SIZES = (10_000, 25_000, 63_000, 158_000, 398_000, 1_000_000)


def planted_accuracy(step, size):
    """The transition law, chance 0.1, clean 0.65 to 0.85 over the sizes, falling near step 500."""
    ratio = size / 1e5
    clean, middle = 0.9 - 0.12 * ratio**-0.3, 500 * ratio**0.03
    width = 80 * ratio**-0.1

    def logistic(t):
        return 1 / (1 + np.exp((t - middle) / width))

    return 0.1 + (clean - 0.1) * logistic(step) / logistic(0)


NOISE = Noise(linear_schedule(), no_noise, 0)
CUT = Cut()


def models(sizes=SIZES, trainings=2):
    return [
        ScriptedEvaluator(
            ModelInfo(f"m{size}-{i}", f"{size} {i}", size, None, SHAPE, "scripted", i),
            planted_accuracy,
        )
        for size in sizes
        for i in range(trainings)
    ]
