"""A mixture of normal distributions of z, at each of several sizes, read in accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.normal import cumulative
from sizer.prediction.observations import LEAST, LINKS, MOST, steepness

Floats = NDArray[np.float64]
LARGEST_Z = 30.0
COARSE, FINE = 33, 49  # accuracies that a quantile is sought among
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
        return self._mixed(self._shares(accuracy, training))

    def reached(self, accuracy: float, training: bool = False) -> Floats:
        """The same of each of ascending sizes or any smaller of them (m,).

        A larger model of a family is no worse, only less well known.
        """
        return self._mixed(np.maximum.accumulate(self._shares(accuracy, training), axis=-1))

    def quantiles(self, shares: Sequence[float], training: bool = False) -> Floats:
        """The accuracies below which it lies with these probabilities (shares, m)."""
        sizes = range(self.mean.shape[-1])
        return np.array([self._quantiles_at(size, shares, training) for size in sizes]).T

    def _quantiles_at(self, size: int, shares: Sequence[float], training: bool) -> Floats:
        """On a coarse grid of accuracies, and then on a fine one around where they lie."""
        angle = np.linspace(0, np.pi, COARSE)
        grid = self.chance + (1 - self.chance) * (0.5 - 0.5 * np.cos(angle))
        below = self._below(size, grid, training)
        first = max(0, int(np.searchsorted(below, min(shares))) - 1)
        last = min(COARSE - 1, int(np.searchsorted(below, max(shares))))
        fine = np.linspace(grid[first], grid[last], FINE)
        return np.asarray(np.interp(shares, self._below(size, fine, training), fine))

    def _below(self, size: int, accuracies: Floats, training: bool) -> Floats:
        """Probability that the accuracy of a size is below each of those that ascend (n,)."""
        mean, sd = self.mean[..., size, None], self._sd(training)[..., size, None]
        share = cumulative((self._targets(accuracies) - mean) / sd)
        return np.asarray(np.maximum.accumulate(np.einsum("bc,bca->a", self.weights, share)))

    def expected(self) -> Floats:
        """The mean accuracy (m,)."""
        return self.chance + (1 - self.chance) * self._moment(1)

    def standard_deviation(self) -> Floats:
        """Of the mean over trainings, in accuracy (m,)."""
        variance = self._moment(2) - self._moment(1) ** 2
        return np.asarray((1 - self.chance) * np.sqrt(np.maximum(variance, 0)))

    def _moment(self, power: int) -> Floats:
        """The mean of p to a power (m,)."""
        total = np.zeros(self.mean.shape)
        for node, weight in NODES:
            total += weight * inverse(self.link, self.mean + node * self.sd) ** power
        return np.asarray(np.einsum("bc,bcm->m", self.weights, total))

    def _shares(self, accuracy: float, training: bool) -> Floats:
        """Each component's probability of being above (breaks, components, m)."""
        target = self._targets(np.array([accuracy]))
        return cumulative((self.mean - target) / self._sd(training))

    def _mixed(self, shares: Floats) -> Floats:
        return np.asarray(np.einsum("bc,bcm->m", self.weights, shares))

    def _targets(self, accuracies: Floats) -> Floats:
        """Values of z at accuracies (n,), each by the link of its component (components, n)."""
        p = np.clip((accuracies - self.chance) / (1 - self.chance), 1e-9, 1 - 1e-9)
        return np.stack([link.forward(p) for link in LINKS])[self.link]

    def _sd(self, training: bool) -> Floats:
        return self.training_sd if training else self.sd


def inverse(link: NDArray[np.int64], z: Floats) -> Floats:
    """The share p of z (..., components, m), each by the link of its component."""
    z = np.clip(z, -LARGEST_Z, LARGEST_Z)
    return np.asarray(np.where((link == 0)[:, None], *(each.inverse(z) for each in LINKS)))


def accuracy_and_steepness(
    link: NDArray[np.int64], z: Floats, chance: float
) -> tuple[Floats, Floats]:
    """Accuracy and dz/dacc at z (..., components, m)."""
    p = np.clip(inverse(link, z), LEAST, MOST)
    steep = np.where((link == 0)[:, None], *(steepness(each, p, chance) for each in LINKS))
    return np.asarray(chance + (1 - chance) * p), np.asarray(steep)
