"""What a calibration expects of every size at one noise step, and how surely.

All trusted laws answer together, each with the weight that its back-tests earned (model averaging
with unconditional errors: Buckland, Burnham & Augustin 1997, doi:10.2307/2533961).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sizer.calibration import Calibration
from sizer.results import ErrorBudget
from sizer.scaling.surface import LawFit

Floats = NDArray[np.float64]
SEARCH = 1000.0  # sizes are sought up to this many times the largest fitted ...
BELOW = 10.0  # ... and down to the smallest over this
SIZES = 1000  # of the grid, even in ln N, between which accuracy is taken to be straight
NEGLIGIBLE = 0.01  # weight of a law that is not asked


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a calibration expects at `sizes` (n,), ascending at one noise step.

    mean: accuracy averaged over the laws. The others are standard errors of it (n,): of the fits,
    of the images that all models share, of the laws against the data, of the laws against each
    other, and training: between trainings of one size. freedom: degrees of Student's t.
    """

    sizes: Floats
    mean: Floats
    fit: Floats
    images: Floats
    misfit: Floats
    laws: Floats
    training: Floats
    freedom: float

    @property
    def error(self) -> Floats:
        squares = self.fit**2 + self.images**2 + self.misfit**2 + self.laws**2
        return np.asarray(np.sqrt(squares))

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Two-sided Student bounds of the mean, low and high."""
        reach = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error
        return self.mean - reach, self.mean + reach

    def next_training(self, confidence: float) -> Floats:
        """What one more training reaches with this confidence, one-sided."""
        quantile = float(stdtrit(self.freedom, confidence))
        return np.asarray(self.mean - quantile * np.hypot(self.error, self.training))

    def measured(
        self, confidence: float, trials: float | Floats, trainings: int = 1
    ) -> tuple[Floats, Floats]:
        """Two-sided Student bounds of what the next trainings, averaged, measure, low and high.

        trials: images of each. Of their counting error, what `images` holds is not added again.
        """
        within = np.clip(self.mean, 0, 1)
        own = np.maximum(0, within * (1 - within) / trials - self.images**2)
        error = np.sqrt(self.error**2 + (self.training**2 + own) / trainings)
        reach = float(stdtrit(self.freedom, (1 + confidence) / 2)) * error
        return self.mean - reach, self.mean + reach

    def budget(self, size: float) -> ErrorBudget:
        """The standard errors at a size."""
        at = int(np.argmin(np.abs(np.log(self.sizes / size))))
        return ErrorBudget(
            fit=float(self.fit[at]),
            images=float(self.images[at]),
            misfit=float(self.misfit[at]),
            laws=float(self.laws[at]),
            training=float(self.training[at]),
        )


def prospect(fits: Sequence[LawFit], sizes: Floats, step: float | Floats) -> Prospect:
    """Mean over the laws by weight, and its errors; step: one for all sizes, or one for each.

    Comparing models cannot show what their common images do to all of them: of the counting
    variance of one model, `image_share` is common.
    """
    weights = np.array([fit.weight for fit in fits])
    weights = weights / weights.sum()
    each = np.array([accuracy(fit, sizes, step) for fit in fits])
    mean = np.asarray(weights @ each)
    within = np.clip(mean, 0, 1)
    first = fits[0]
    steps = np.broadcast_to(np.asarray(step, dtype=np.float64), mean.shape)
    misfit = [np.interp(steps, fit.knots, fit.misfit) for fit in fits]
    scatter = [np.interp(steps, fit.knots, fit.scatter) for fit in fits]
    return Prospect(
        sizes=sizes,
        mean=mean,
        fit=_root(weights, [accuracy_error(fit, sizes, step) for fit in fits]),
        images=np.sqrt(first.image_share * within * (1 - within) / first.images),
        misfit=_root(weights, misfit),
        laws=_root(weights, list(each - mean)),
        training=_root(weights, scatter),
        freedom=float(weights @ [fit.degrees_of_freedom for fit in fits]),
    )


def _root(weights: Floats, errors: Sequence[Floats]) -> Floats:
    return np.asarray(np.sqrt(weights @ np.square(errors)))


def acceptable(calibration: Calibration) -> list[LawFit]:
    """The chosen law and the trusted rivals whose weight is not negligible."""
    rivals = [fit for fit in calibration.rivals if fit.trusted and fit.weight >= NEGLIGIBLE]
    return [calibration.fit, *rivals]


def sizes_sought(fit: LawFit) -> Floats:
    """The sizes among which an answer is sought, ascending."""
    low, high = fit.size_range
    return np.asarray(np.geomspace(low / BELOW, high * SEARCH, SIZES))
