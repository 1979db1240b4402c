"""The posterior at one noise step, and the accuracy that it foretells at any size."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.borrowing import Prior, own_prior
from sizer.prediction.grid import POWERS, ROUGHNESSES, SCATTERS, covariances, trend
from sizer.prediction.mixture import Mixture, accuracy_and_steepness
from sizer.prediction.normal import cumulative
from sizer.prediction.observations import Observations, share_above_chance
from sizer.prediction.process import Process, between_seed_variance, forward_substitution, process

Floats = NDArray[np.float64]
EFFECTIVE_STEPS = 2.0  # independent noise steps that neighbouring steps are worth together
KEPT = 0.98  # of the posterior's weight; the rest of the grid is dropped
# Data or capacity may run out beyond the ladder: at these ln N past its end, with these
# probabilities, after which size buys only this share of what it bought.
BREAKS = (0.0, 0.7, 1.4)
BREAK_WEIGHTS = (0.79, 0.06, 0.08, 0.07)  # of no break, and of each
SLOWED = 0.55
WANDERING = 0.1  # of the slope, a unit of ln N beyond the ladder: error of the trend's form


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one noise step foretells.

    places: of each component in the grid (link, kernel, power, scatter, roughness, rate), each
    (components,). weights: of the components, one in all. log_evidence: of the observations.
    rests_on: of each ladder that was borrowed of, its share of the posterior.
    """

    seen: Observations
    process: Process
    places: tuple[NDArray[np.int64], ...]
    weights: Floats
    log_evidence: float
    rests_on: tuple[tuple[str, float], ...] = ()
    _mixtures: dict[bytes, Mixture] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size_range(self) -> tuple[float, float]:
        """The smallest and the largest trained size, parameters."""
        return float(self.seen.sizes.min()), float(self.seen.sizes.max())

    def at(self, sizes: Floats) -> Mixture:
        """The distribution of accuracy at sizes (m,), parameters."""
        key = np.asarray(sizes, dtype=np.float64).tobytes()
        if key not in self._mixtures:
            self._mixtures[key] = self._at(np.asarray(sizes, dtype=np.float64))
        return self._mixtures[key]

    def _at(self, sizes: Floats) -> Mixture:
        x = np.log(sizes / self.size_range[0])
        mean, variance = self._mean_and_variance(x)
        link, beyond = self.places[0], np.maximum(x - self.process.x[-1], 0)
        variance = variance + (WANDERING * self.process.scale[link][:, None] * beyond) ** 2
        means, weights = self._broken(x, mean)
        accuracy, steep = accuracy_and_steepness(link, means, self.seen.chance)
        counting = accuracy * (1 - accuracy) / self.seen.trials.min()
        power, scatter = POWERS[self.places[2]], SCATTERS[self.places[3]]
        between = between_seed_variance(
            share_above_chance(accuracy, self.seen.chance), power[:, None], scatter[:, None]
        )
        common = variance + steep**2 * counting * self.seen.image_share
        training = variance + steep**2 * (counting + between)
        return Mixture(self.seen.chance, link, weights, means, np.sqrt(common), np.sqrt(training))

    def between_seed_sd(self, accuracy: float) -> float:
        """Standard deviation between trainings where their mean is this accuracy."""
        p = share_above_chance(np.array(accuracy), self.seen.chance)
        power, scatter = POWERS[self.places[2]], SCATTERS[self.places[3]]
        return float(np.sqrt(self.weights @ between_seed_variance(p, power, scatter)))

    def elsewhere(self, seen: Observations) -> "Forecast":
        """Of another step, with the parameters that were learned at this one."""
        return replace(self, seen=seen, process=process(seen), _mixtures={})

    def learned(self) -> Floats:
        """The posterior over the whole grid, one in all."""
        posterior = np.zeros(self.process.log_likelihood.shape)
        posterior[self.places] = self.weights
        return posterior

    def _mean_and_variance(self, x: Floats) -> tuple[Floats, Floats]:
        """Of z at x (m,) without scatter: (components, m)."""
        learned, rate = self.process, self.places[-1]
        grid = self.places[:-1]
        strength = ROUGHNESSES[grid[-1]] * learned.scale[grid[0]] ** 2
        across = covariances(learned.x[:, None], x)[grid[1]] * strength[:, None, None]
        prior = covariances(x, x)[grid[1]] * strength[:, None]
        white = forward_substitution(learned.lower[grid], across)
        known = learned.white[grid]
        basis = np.take_along_axis(known[..., 2:], rate[:, None, None], -1)[..., 0]
        level, slope = learned.level[self.places][:, None], learned.slope[self.places][:, None]
        shape = trend(x, learned.middle)[rate]
        left = known[..., 0] - level * known[..., 1] - slope * basis
        mean = level + slope * shape + np.einsum("cn,cnm->cm", left, white)
        ones = 1 - np.einsum("cn,cnm->cm", known[..., 1], white)
        bent = shape - np.einsum("cn,cnm->cm", basis, white)
        aa, ab, bb = np.moveaxis(learned.covariance[self.places], -1, 0)[..., None]
        trended = aa * ones**2 + 2 * ab * ones * bent + bb * bent**2
        return mean, np.maximum(prior - (white**2).sum(1), 0) + trended

    def _broken(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """The means without a break and after each (breaks, components, m), and their weights."""
        places = self.process.x[-1] + np.array(BREAKS)
        if not (x > places[0]).any():
            return mean[None], self.weights[None]
        there, _ = self._mean_and_variance(places)
        slowed = [
            np.where(x > at, np.minimum(mean, (1 - SLOWED) * top[:, None] + SLOWED * mean), mean)
            for at, top in zip(places, there.T, strict=True)
        ]
        return np.stack([mean, *slowed]), np.array(BREAK_WEIGHTS)[:, None] * self.weights


def forecast(
    seen: Observations,
    neighbours: Sequence[tuple[float, Observations]],
    prior: Prior | None = None,
) -> Forecast:
    """The posterior of one step. neighbours: other steps whose scatter and shape are alike, each
    with its weight beside this step's one. prior: None for the one without other ladders.
    """
    learned = process(seen)
    total, weight = learned.log_likelihood, 1.0
    for share, other in neighbours:
        total = total + share * process(other).log_likelihood
        weight += share
    steps = EFFECTIVE_STEPS if neighbours else 1.0
    rising = cumulative(learned.slope / np.sqrt(learned.covariance[..., 2]))
    log_likelihood = steps * total / weight + np.log(np.maximum(rising, 1e-12))
    prior = own_prior() if prior is None else prior
    log_parts = log_likelihood + prior.log_density
    peak = float(log_parts.max())
    parts = np.exp(log_parts - peak)
    posterior, evidence = parts.sum(0), float(parts.sum())
    places, weights = _heaviest(posterior / evidence)
    shares = parts[1:].reshape(len(prior.names), -1).sum(1) / evidence if prior.names else ()
    rests_on = tuple(zip(prior.names, map(float, shares), strict=True))
    return Forecast(seen, learned, places, weights, peak + float(np.log(evidence)), rests_on)


def _heaviest(posterior: Floats) -> tuple[tuple[NDArray[np.int64], ...], Floats]:
    """Places and weights of the points that carry nearly all of the posterior."""
    flat = posterior.ravel()
    order = np.argsort(-flat, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(flat[order]), KEPT)) + 1]
    places = tuple(np.asarray(axis) for axis in np.unravel_index(kept, posterior.shape))
    return places, flat[kept] / flat[kept].sum()
