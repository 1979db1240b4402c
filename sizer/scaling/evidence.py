"""How much the measurements can say: covariance by trained model, and intervals from it.

The unit of independent evidence is one trained model: its curve's points share test images and one
random training. Covariances are therefore clustered by model (CR3, the jackknife form of Bell &
McCaffrey 2002, Survey Methodology 28:169), and quantiles are Student's with as many degrees of
freedom as there are models beyond the parameters that tell models apart.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.estimate import CONFIDENCE, Estimate

Floats = NDArray[np.float64]
MINIMUM_SIZES = 3
DETERMINED = 3e-8  # smallest singular value over the largest, of what the data determine


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
    to first order is the jackknife over clusters. H_gg has the rank of J: with J = U S V' it is
    U_g U_g', and U_g' (I - U_g U_g')^-1 r_g = (I - U_g' U_g)^-1 U_g' r_g takes k numbers a cluster
    and not one for each pair of points.
    """
    unit, scale, turn = np.linalg.svd(jacobian, full_matrices=False)
    kept = scale > DETERMINED * max(scale[0], np.finfo(float).tiny)
    unit, spread = unit[:, kept], turn[kept].T / scale[kept]
    groups = np.unique(clusters)
    scores = [_score(unit[clusters == group], residuals[clusters == group]) for group in groups]
    effects = spread @ np.array(scores).T
    return np.asarray(effects @ effects.T * (len(groups) - 1) / len(groups))


def _score(unit: Floats, residuals: Floats) -> Floats:
    """(I - U' U)^-1 U' r of one cluster; what it alone determines is left out."""
    others = np.eye(unit.shape[1]) - unit.T @ unit
    return np.asarray(np.linalg.lstsq(others, unit.T @ residuals, rcond=DETERMINED)[0])


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
    from scipy.special import stdtrit

    if degrees_of_freedom < 1 or not np.isfinite(error):
        return Estimate(value)
    reach = float(stdtrit(degrees_of_freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(value, value - reach, value + reach)


def image_share(right: NDArray[np.bool_]) -> float:
    """Covariance between two models over the variance of one, of being right on an image; 0 to 1.

    right: whether each model was right at each step on each image (models, steps, images). The
    sum of all covariances is the variance of how many models are right on an image.
    """
    share = right.mean(axis=2)
    variance = float((share * (1 - share)).sum())
    among = max(1, len(right) - 1)
    common = (float(right.sum(axis=0).var(axis=1).sum()) - variance) / among
    return min(1.0, max(0.0, common / variance)) if variance > 0 else 1.0


def root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
