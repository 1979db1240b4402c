"""Ladders that fall in the stretched exponential, with planted exponents of the size."""

import numpy as np
from planted import ladder, write_table

from sizer.noise import linear_schedule

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
SIGMAS = np.array([0, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200.0])
CHANCE = 0.1


def falling(half=50.0, half_exponent=0.2, steepness=1.5, steepness_exponent=0.0, luck=None):
    """acc(sigma, parameters); the accuracy above chance without noise goes as N^0.05.

    luck: a generator, for the luck of each training in its half noise, 3 %.
    """

    def accuracy(sigma, size):
        ratio = size / 1e5
        lucky = 1 if luck is None else np.exp(0.03 * luck.standard_normal())
        at = half * ratio**half_exponent * lucky
        k = steepness * ratio**steepness_exponent
        return CHANCE + 0.6 * ratio**0.05 * np.exp(-np.log(2) * (sigma / at) ** k)

    return accuracy


def falling_curves(accuracy, sizes=SIZES, sigmas=SIGMAS, trainings=1, **options):
    return ladder(accuracy, sizes, sigmas, trainings, chance=CHANCE, **options)


def falling_table(path, accuracy, noise="sigma", **options):
    """A CSV of it, in a column of that name."""
    write_table(path, falling_curves(accuracy, **options))
    path.write_text(path.read_text().replace("step", noise, 1))
    return path


def steps_of(sigmas=SIGMAS):
    return tuple(linear_schedule().step_from_sigma(sigma) for sigma in sigmas)
