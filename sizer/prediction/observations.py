"""What is known at one noise step: the accuracies of the trained models, in z."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST, MOST = 0.0015, 0.9985  # of p in a link
STEEPEST = 60.0  # of dz/dacc
MOST_SIZES = 64  # that are told apart: what is worked out grows with their square


@dataclass(frozen=True, slots=True)
class Link:
    """z(p), dz/dp and p(z), for the share p = (acc - chance) / (1 - chance)."""

    forward: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]


LINKS = (
    Link(
        forward=lambda p: np.log(p / (1 - p)),
        slope=lambda p: 1 / (p * (1 - p)),
        inverse=lambda z: 1 / (1 + np.exp(-z)),
    ),
    Link(
        forward=lambda p: -np.log1p(-p),
        slope=lambda p: 1 / (1 - p),
        inverse=lambda z: np.maximum(-np.expm1(-z), 0.0),
    ),
)


@dataclass(frozen=True, slots=True)
class Observations:
    """Accuracies of the trained models at one noise step.

    sizes: parameters (models,). accuracy: fractions (models,). trials: images of each (models,).
    chance: a guesser's accuracy. image_share: of the counting variance, what all models have in
    common. inflation: of the variance between trainings, by model (models,): 1, or more for a
    training that failed.
    """

    sizes: Floats
    accuracy: Floats
    trials: Floats
    chance: float
    image_share: float
    inflation: Floats

    @property
    def distinct_sizes(self) -> Floats:
        """The different sizes, ascending (sizes,)."""
        return np.array(sorted(set(self.sizes.tolist())))

    @property
    def p(self) -> Floats:
        """Accuracy above chance as a share of what is possible, within what a link can take."""
        return share_above_chance(self.accuracy, self.chance)

    def z(self) -> tuple[Floats, Floats]:
        """Values of z and of dz/dacc by link (links, models)."""
        z = np.stack([link.forward(self.p) for link in LINKS])
        return z, np.stack([steepness(link, self.p, self.chance) for link in LINKS])

    @property
    def counting(self) -> Floats:
        """Variance of the accuracy from a model's own images (models,)."""
        binomial = self.accuracy * (1 - self.accuracy) / self.trials
        return np.asarray(np.maximum(binomial * (1 - self.image_share), 0.25 / self.trials**2))


def told_apart(sizes: Floats) -> Floats:
    """The sizes (models,), where very many differ each as the nearest of so many, even in ln N."""
    if len(np.unique(sizes)) <= MOST_SIZES:
        return sizes
    told = np.geomspace(sizes.min(), sizes.max(), MOST_SIZES)
    between = np.sqrt(told[1:] * told[:-1])
    return np.asarray(told[np.searchsorted(between, sizes)])


def share_above_chance(accuracy: Floats, chance: float) -> Floats:
    """p, kept where a link and its slope are finite."""
    return np.asarray(np.clip((accuracy - chance) / (1 - chance), LEAST, MOST))


def steepness(link: Link, p: Floats, chance: float) -> Floats:
    """dz/dacc, bounded."""
    return np.asarray(np.minimum(link.slope(p) / (1 - chance), STEEPEST))
