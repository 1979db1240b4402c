"""A Gaussian process over model size at one noise step, for every point of a grid of parameters.

With p = (acc - chance) / (1 - chance), x = ln(N / N_min) and a link z(p),

    z_m = a + b B(x_m) + w(x_m) + scatter_m + counting_m,    B(x) = (1 - e^(-rate x)) / rate

about the mean size. w is a Gaussian process (Rasmussen & Williams 2006, chapter 2): between the
measured sizes the prediction follows the measurements, beyond them its error grows with the
distance. a and b have flat priors; the rest is weighed by its restricted likelihood (Patterson &
Thompson 1971, doi:10.1093/biomet/58.3.545).

The axes of all arrays are link, kernel, power, scatter, roughness, and then rate or size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.grid import POWERS, RATES, ROUGHNESSES, SCATTERS, covariances, trend
from sizer.prediction.observations import Observations

Floats = NDArray[np.float64]
LEAST_SLOPE = 0.04  # of z in ln N: the scale of w on a flat ladder
# Of b where there are too few sizes to show it: half to twice what ladders of classifiers show.
FEW_SIZES = 2
SLOPE, SLOPE_SD = 0.35, 0.35


@dataclass(frozen=True, slots=True)
class Process:
    """The linear algebra of one noise step over the grid.

    x: ln(N / N_min) of the distinct sizes (n,); middle: their mean. scale: slope of the sizes'
    mean z in x (links,). lower: Cholesky factors of the covariance of the sizes' means
    (..., n, n). white: L^-1 of these means, of ones, and of B of each rate (..., n, 2 + rates).
    level, slope: a and b (..., rates); covariance: of aa, ab, bb (..., rates, 3). log_likelihood:
    (..., rates).
    """

    x: Floats
    scale: Floats
    lower: Floats
    white: Floats
    level: Floats
    slope: Floats
    covariance: Floats
    log_likelihood: Floats

    @property
    def middle(self) -> float:
        return float(self.x.mean())


def process(seen: Observations) -> Process:
    """The process of what was seen at one step."""
    sizes = seen.distinct_sizes
    x = np.log(sizes / sizes[0])
    z, steepness = seen.z()
    variance = _variance(seen, steepness)
    member = (seen.sizes == sizes[:, None]).astype(float)
    mean, inverse_variance, within = _by_size(z, variance, member)
    scale = _slope_of_means(x, (z @ member.T) / member.sum(1))
    lower = np.asarray(
        np.linalg.cholesky(_covariance(x, scale, inverse_variance)), dtype=np.float64
    )
    white = forward_substitution(lower, _right_sides(x, mean, lower.shape))
    level, slope, covariance, log_likelihood = _generalised_least_squares(white)
    log_determinant = 2 * np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(-1)
    jacobian = (seen.sizes.size - 2) * np.log(steepness).mean(-1)  # compares the links
    given = within[:, None, :, :, None] - 0.5 * log_determinant + _over_grid(jacobian)
    return Process(
        x, scale, lower, white, level, slope, covariance, log_likelihood + given[..., None]
    )


def between_seed_variance(p: Floats, power: Floats, scatter: Floats) -> Floats:
    """Variance of the accuracy between trainings of one size, all broadcast together."""
    return np.asarray((scatter * (4 * p * (1 - p)) ** power) ** 2)


def forward_substitution(lower: Floats, right: Floats) -> Floats:
    """L^-1 R of many lower triangles (..., n, n) and right sides (..., n, m)."""
    solved = np.empty((*lower.shape[:-2], *right.shape[-2:]))
    for i in range(lower.shape[-1]):
        known = np.einsum("...j,...jm->...m", lower[..., i, :i], solved[..., :i, :])
        solved[..., i, :] = (right[..., i, :] - known) / lower[..., i, i, None]
    return solved


def _variance(seen: Observations, steepness: Floats) -> Floats:
    """Of each model's z: between trainings, and from counting (links, powers, scatters, models)."""
    between = between_seed_variance(seen.p, POWERS[:, None, None], SCATTERS[:, None])
    return np.asarray(steepness[:, None, None] ** 2 * (seen.inflation * between + seen.counting))


def _by_size(z: Floats, variance: Floats, member: Floats) -> tuple[Floats, Floats, Floats]:
    """Weighted mean of each size's trainings, its inverse variance (..., sizes), and the log
    likelihood of their distances from it (...).
    """
    z = z[:, None, None]
    inverse_variance = (1 / variance) @ member.T
    mean = ((z / variance) @ member.T) / inverse_variance
    distance = (z**2 / variance).sum(-1) - (inverse_variance * mean**2).sum(-1)
    return (
        mean,
        inverse_variance,
        -0.5 * (np.log(variance).sum(-1) + np.log(inverse_variance).sum(-1) + distance),
    )


def _slope_of_means(x: Floats, means: Floats) -> Floats:
    """Least-squares slope of the sizes' means (links, n) in x, at least a little (links,)."""
    centred = x - x.mean()
    slope = np.abs(means @ centred) / max(float(centred @ centred), 1e-12)
    return np.asarray(np.maximum(slope, LEAST_SLOPE))


def _covariance(x: Floats, scale: Floats, inverse_variance: Floats) -> Floats:
    """Of the sizes' means: the deviation from the trend, and each mean's own variance."""
    strength = ROUGHNESSES * scale[:, None] ** 2
    deviation = strength[:, None, :, None, None] * covariances(x[:, None], x)[:, None]
    itself = np.eye(len(x)) / inverse_variance[..., None, :]
    return np.asarray(deviation[:, :, None, None] + itself[:, None, :, :, None])


def _right_sides(x: Floats, mean: Floats, shape: tuple[int, ...]) -> Floats:
    right = np.empty((*shape[:-1], 2 + len(RATES)))
    right[..., 0] = mean[:, None, :, :, None]
    right[..., 1] = 1
    right[..., 2:] = trend(x, float(x.mean())).T
    return right


def _generalised_least_squares(white: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """a, b and their covariance, and the restricted log likelihood but for log |V|.

    b has a prior where there are too few sizes to show it.
    """
    prior = 1 / SLOPE_SD**2 if white.shape[-2] <= FEW_SIZES else 0.0
    products = np.swapaxes(white[..., :2], -1, -2) @ white  # of the means, and of ones, with all
    yy = products[..., 0, :1] + prior * SLOPE**2
    ay, aa = products[..., 1, :1], products[..., 1, 1:2]
    by, ab = products[..., 0, 2:] + prior * SLOPE, products[..., 1, 2:]
    bb = (white[..., 2:] ** 2).sum(-2) + prior
    determinant = aa * bb - ab**2
    slope = (aa * by - ab * ay) / determinant
    level = (ay - ab * slope) / aa
    misfit = yy - level * ay - slope * by
    covariance = np.stack([bb, -ab, np.broadcast_to(aa, bb.shape)], -1) / determinant[..., None]
    return level, slope, covariance, -0.5 * (np.log(determinant) + misfit)


def _over_grid(by_link: Floats) -> Floats:
    return np.asarray(by_link[:, None, None, None, None])
