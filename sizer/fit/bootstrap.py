"""The bootstrap of models and images: a cross-check of the clustered covariance."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.fit.evidence import MINIMUM_SIZES, intervals
from sizer.fit.surface import refit
from sizer.results import LawFit, NoiseCurve

REPLICATES = 200
SEED = 0


def bootstrap(fit: LawFit, curves: Sequence[NoiseCurve], right: NDArray[np.bool_] | None) -> LawFit:
    """The fit with the covariance of fits to models, and images, drawn again with replacement.

    right: whether each curve's model was right at each step on each image (models, steps, images);
    where that is unknown, models alone are drawn, and the images keep their own error. (Efron 1979,
    doi:10.1214/aos/1176344552; whole models, for they are what is independent.)
    """
    random = np.random.default_rng(SEED)
    values = np.array([refit(fit, _drawn(curves, right, random)) for _ in range(REPLICATES)])
    covariance = np.atleast_2d(np.cov(values.T))
    return replace(
        fit,
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        intervals=intervals(np.array(fit.values), covariance, fit.degrees_of_freedom),
        image_share=fit.image_share if right is None else 0.0,
        interval="bootstrap",
    )


def _drawn(
    curves: Sequence[NoiseCurve], right: NDArray[np.bool_] | None, random: np.random.Generator
) -> list[NoiseCurve]:
    """As many models, of three sizes or more, each on the same images drawn again."""
    while True:
        models = random.integers(len(curves), size=len(curves))
        if len({curves[i].model.parameters for i in models}) >= MINIMUM_SIZES:
            break
    if right is None:
        return [curves[i] for i in models]
    images = right.shape[2]
    times = np.bincount(random.integers(images, size=images), minlength=images)
    correct = right @ times
    return [replace(curves[i], correct=tuple(correct[i].tolist())) for i in models]
