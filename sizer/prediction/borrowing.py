"""What other ladders teach before the own one is seen: a prior over the grid, in parts.

One part is the prior without them. Each other part is what one ladder has learned at the same
place of its fall (how its accuracy grows with size, how smoothly, and how trainings scatter),
widened by how much ladders differ. The own measurements then weigh the parts by how likely each
makes them, so that a ladder that predicts badly counts for little: a robust meta-analytic
predictive prior (Schmidli et al. 2014, doi:10.1111/biom.12242).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.grid import RATES, ROUGHNESSES, SCATTERS, log_prior

Floats = NDArray[np.float64]
OWN = 0.3  # prior weight of the part without others
COORDINATES = (np.log(SCATTERS), np.log(ROUGHNESSES), RATES)  # of the last axes of the grid
# Between ladders, before any are seen: half of the spread of the prior without them; worth two
# ladders.
SPREADS = np.array([0.65, 0.75, 0.15])
WORTH = 2.0
OTHERWISE = 0.3  # probability that link, kernel and power are not those of the lender
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Prior:
    """Parts of a prior, the one without others first.

    names: of the ladders that the other parts come from. log_density: with the weight of the part,
    (parts, links, kernels, powers, scatters, roughnesses, rates), or what broadcasts to it.
    """

    names: tuple[str, ...]
    log_density: Floats


def own_prior() -> Prior:
    """Without other ladders."""
    return Prior((), log_prior()[None, None, None, None])


def class_prior(names: Sequence[str], learned: Sequence[Floats]) -> Prior:
    """learned: the posterior of each ladder over the whole grid, one in all."""
    own = np.exp(log_prior()) * np.ones_like(learned[0])
    spreads = _between(learned)
    lent = [_loosened(_widened(each, spreads)) for each in learned]
    parts = [OWN * own / own.sum(), *((1 - OWN) / len(lent) * each for each in lent)]
    return Prior(tuple(names), np.log(np.maximum(parts, TINY)))


def _between(learned: Sequence[Floats]) -> Floats:
    """Standard deviation between ladders along each of `COORDINATES` (3,): what their means differ
    by beyond what each is uncertain of, drawn towards `SPREADS`.
    """
    moments = np.array([[_moments(each, axis) for axis in (0, 1, 2)] for each in learned])
    means, variances = moments[..., 0], moments[..., 1]
    beyond = ((means - means.mean(0)) ** 2).sum(0) - (len(learned) - 1) * variances.mean(0)
    total = WORTH * SPREADS**2 + np.maximum(beyond, 0)
    return np.asarray(np.sqrt(total / (WORTH + len(learned) - 1)))


def _moments(learned: Floats, axis: int) -> tuple[float, float]:
    """Mean and variance along one of `COORDINATES`."""
    others = tuple(i for i in range(learned.ndim) if i != learned.ndim - 3 + axis)
    share, at = learned.sum(others), COORDINATES[axis]
    mean = float(share @ at)
    return mean, float(share @ (at - mean) ** 2)


def _widened(learned: Floats, spreads: Floats) -> Floats:
    """Smeared along each of `COORDINATES`."""
    for axis, (at, spread) in enumerate(zip(COORDINATES, spreads, strict=True), learned.ndim - 3):
        kernel = np.exp(-0.5 * (np.subtract.outer(at, at) / spread) ** 2)
        kernel /= kernel.sum(0)
        learned = np.moveaxis(np.tensordot(kernel, learned, (1, axis)), 0, axis)
    return learned


def _loosened(learned: Floats) -> Floats:
    """Link, kernel and power may be others."""
    choices = tuple(range(learned.ndim - 3))
    alike = np.broadcast_to(learned.mean(choices, keepdims=True), learned.shape)
    return np.asarray((1 - OTHERWISE) * learned + OTHERWISE * alike)
