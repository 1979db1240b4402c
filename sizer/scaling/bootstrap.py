"""The bootstrap of models and images: a cross-check of the clustered covariance."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.curves import NoiseCurve
from sizer.scaling.evidence import intervals
from sizer.scaling.surface import LawFit, refit

DRAWS = 200
SEED = 0
Floats = NDArray[np.float64]


def bootstrap(
    fit: LawFit, curves: Sequence[NoiseCurve], right: Sequence[NDArray[np.bool_]] | None
) -> LawFit:
    """The fit with the covariance of fits to models, and images, weighed anew.

    Every model, and every image, gets a random weight of mean one (the Bayesian bootstrap: Rubin
    1981, doi:10.1214/aos/1176345338). Drawing them with replacement would often leave out the
    largest sizes, and then tells of another ladder. Whole models, for they are what is independent.
    right: whether a curve's model was right at each of its steps on each image (steps, images), by
    curve; where that is unknown, models alone are weighed, and the images keep their own error.
    """
    random = np.random.default_rng(SEED)
    values = np.array([refit(fit, *_weighed(curves, right, random), curves) for _ in range(DRAWS)])
    covariance = np.atleast_2d(np.cov(values.T))
    return replace(
        fit,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        intervals=intervals(np.array(fit.values), covariance, fit.degrees_of_freedom),
        interval="bootstrap",
    )


def _weighed(
    curves: Sequence[NoiseCurve],
    right: Sequence[NDArray[np.bool_]] | None,
    random: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Right answers and trials of all curves' steps, weighed by model and by image."""
    model = np.repeat(random.exponential(size=len(curves)), [len(curve.steps) for curve in curves])
    trials = model * np.concatenate([curve.trials for curve in curves])
    if right is None:
        return model * np.concatenate([curve.correct for curve in curves]), trials
    image = np.asarray(random.exponential(size=right[0].shape[-1]))
    share = np.concatenate([answers @ image for answers in right]) / image.sum()
    return np.asarray(trials * share), np.asarray(trials)
