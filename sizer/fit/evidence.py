"""How much the measurements can say: covariance by trained model, and intervals from it.

The unit of independent evidence is one trained model: its curve's points share test images and one
random training. Covariances are therefore clustered by model (CR3, the jackknife form of Bell &
McCaffrey 2002, Survey Methodology 28:169), and quantiles are Student's with as many degrees of
freedom as there are models beyond the parameters that tell models apart.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sizer.errors import MeasurementError
from sizer.results import Estimate

Floats = NDArray[np.float64]
CONFIDENCE = 0.9
MINIMUM_SIZES = 3


def check_sizes(parameters: Iterable[int]) -> None:
    """Raise MeasurementError for a ladder that no law can be fitted to."""
    sizes = set(parameters)
    if len(sizes) < MINIMUM_SIZES:
        raise MeasurementError(
            f"{len(sizes)} different sizes; a scaling law needs {MINIMUM_SIZES} or more: add models"
        )


def clustered_covariance(
    jacobian: Floats, residuals: Floats, clusters: NDArray[np.int64]
) -> Floats:
    """CR3 sandwich of a least-squares fit: jacobian (n, k), residuals (n,), cluster of each (n,).

    V = (G-1)/G B (sum_g J_g' (I - H_gg)^-1 r_g r_g' (I - H_gg)^-1 J_g) B with B = (J'J)^-1, which
    to first order is the jackknife over clusters.
    """
    bread = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    left_out = left_out_residuals(jacobian, residuals, clusters)
    scores = np.array(
        [jacobian[clusters == label].T @ residual for label, residual in left_out.items()]
    )
    count = len(left_out)
    return np.asarray(bread @ scores.T @ scores @ bread * (count - 1) / count)


def left_out_residuals(
    jacobian: Floats, residuals: Floats, clusters: NDArray[np.int64]
) -> dict[int, Floats]:
    """(I - H_gg)^-1 r_g of each cluster: to first order, its residuals in a fit to the others."""
    bread = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    found = {}
    for label in np.unique(clusters):
        own = jacobian[clusters == label]
        left = np.eye(len(own)) - own @ bread @ own.T
        found[int(label)] = np.linalg.lstsq(left, residuals[clusters == label], rcond=1e-8)[0]
    return found


def intervals(values: Floats, covariance: Floats, degrees_of_freedom: int) -> tuple[Estimate, ...]:
    """Two-sided Student intervals of all values."""
    with np.errstate(invalid="ignore"):  # a variance that rounding made negative: no interval
        errors = np.sqrt(np.diag(covariance))
    return tuple(
        interval(float(value), float(error), degrees_of_freedom)
        for value, error in zip(values, errors, strict=True)
    )


def interval(value: float, error: float, degrees_of_freedom: int) -> Estimate:
    """Two-sided Student interval; no bounds where no degree of freedom is left."""
    if degrees_of_freedom < 1 or not np.isfinite(error):
        return Estimate(value)
    reach = float(stdtrit(degrees_of_freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(value, value - reach, value + reach)


def image_share(right: NDArray[np.bool_]) -> float:
    """Covariance between two models over the variance of one, of being right on an image; 0 to 1.

    right: whether each model was right at each step on each image (models, steps, images). The
    sum of all covariances is the variance of how many models are right on an image.
    """
    variance = float(right.var(axis=2).sum())
    among = max(1, len(right) - 1)
    common = (float(right.sum(axis=0).var(axis=1).sum()) - variance) / among
    return min(1.0, max(0.0, common / variance)) if variance > 0 else 1.0


def root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
