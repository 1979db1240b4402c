"""A mixture of normal distributions of z, at each of several sizes, read in accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.predict.normal import cumulative
from sizer.predict.observations import LEAST, LINKS, MOST, steepness

Floats = NDArray[np.float64]
LARGEST_Z = 30.0
RESOLUTION = 201  # of accuracy, in a quantile
# Nodes and weights of a Gauss-Hermite sum over a standard normal.
NODES = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Accuracy at sizes (m,), as components of z.

    link: of each component (components,). weights: (breaks, components), one in all. mean: of z;
    sd: of the mean over trainings; training_sd: of what the next training measures (breaks,
    components, m).
    """

    chance: float
    link: NDArray[np.int64]
    weights: Floats
    mean: Floats
    sd: Floats
    training_sd: Floats

    def above(self, accuracy: float, training: bool = False) -> Floats:
        """Probability that the mean over trainings, or the next training, is above (m,)."""
        target = self._targets(np.array([accuracy]))
        share = cumulative((self.mean - target) / self._sd(training))
        return np.asarray(np.einsum("bc,bcm->m", self.weights, share))

    def quantiles(self, shares: Sequence[float], training: bool = False) -> Floats:
        """The accuracies below which it lies with these probabilities (shares, m)."""
        angle = np.linspace(0, np.pi, RESOLUTION)
        accuracies = self.chance + (1 - self.chance) * (0.5 - 0.5 * np.cos(angle))
        targets, sd = self._targets(accuracies), self._sd(training)
        columns = []
        for size in range(self.mean.shape[-1]):
            share = cumulative((targets - self.mean[..., size, None]) / sd[..., size, None])
            below = np.maximum.accumulate(np.einsum("bc,bca->a", self.weights, share))
            columns.append(np.interp(shares, np.append(below[:-1], 1.0), accuracies))
        return np.array(columns).T

    def expected(self) -> Floats:
        """The mean accuracy (m,)."""
        total = np.zeros(self.mean.shape)
        for node, weight in NODES:
            total += weight * inverse(self.link, self.mean + node * self.sd)
        return np.asarray(
            self.chance + (1 - self.chance) * np.einsum("bc,bcm->m", self.weights, total)
        )

    def _targets(self, accuracies: Floats) -> Floats:
        """Values of z at accuracies (n,), each by the link of its component (components, n)."""
        p = np.clip((accuracies - self.chance) / (1 - self.chance), 1e-9, 1 - 1e-9)
        return np.stack([link.forward(p) for link in LINKS])[self.link]

    def _sd(self, training: bool) -> Floats:
        return self.training_sd if training else self.sd


def inverse(link: NDArray[np.int64], z: Floats) -> Floats:
    """The share p of z (..., components, m), each by the link of its component."""
    z = np.clip(z, -LARGEST_Z, LARGEST_Z)
    return np.asarray(np.where((link == 0)[:, None], *(one.inverse(z) for one in LINKS)))


def accuracy_and_steepness(
    link: NDArray[np.int64], z: Floats, chance: float
) -> tuple[Floats, Floats]:
    """Accuracy and dz/dacc at z (..., components, m)."""
    p = np.clip(inverse(link, z), LEAST, MOST)
    steep = np.where((link == 0)[:, None], *(steepness(one, p, chance) for one in LINKS))
    return np.asarray(chance + (1 - chance) * p), np.asarray(steep)
