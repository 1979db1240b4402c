"""Whether figures of several ladders are the same, as far as their errors tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sizer.estimate import CONFIDENCE, Estimate
from sizer.scaling.evidence import interval

Verdict = Literal["the same", "differ", "cannot be told"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of one ladder, its standard error, and the degrees of freedom of that."""

    value: float
    error: float
    degrees_of_freedom: int

    @property
    def estimate(self) -> Estimate:
        return interval(self.value, self.error, self.degrees_of_freedom)

    @property
    def known(self) -> bool:
        """Whether it has an interval."""
        return self.degrees_of_freedom >= 1 and bool(np.isfinite(self.error)) and self.error > 0


@dataclass(frozen=True, slots=True)
class Equality:
    """A test of one figure over the ladders that have it.

    common: their mean, weighed by errors, None where fewer than two are known. spread: the largest
    less the smallest. p_value: of Welch's test. margin: a difference that does not matter.
    """

    verdict: Verdict
    common: float | None
    spread: float | None
    p_value: float | None
    margin: float


def equality(figures: Sequence[Figure], margin: float) -> Equality:
    """`the same`: every interval lies within the margin of their mean. `differ`: it does not, and
    chance explains such differences in less than one case of ten. Else it cannot be told.
    """
    known = [figure for figure in figures if figure.known]
    if len(known) < 2:
        return Equality("cannot be told", None, None, None, margin)
    values = [figure.value for figure in known]
    common, p_value = _welch(known)
    verdict: Verdict = "cannot be told"
    if all(_within(figure.estimate, common, margin) for figure in known):
        verdict = "the same"
    elif p_value < 1 - CONFIDENCE:
        verdict = "differ"
    return Equality(verdict, common, max(values) - min(values), p_value, margin)


def _within(estimate: Estimate, common: float, margin: float) -> bool:
    bounds = (estimate.low, estimate.high)
    return all(bound is not None and abs(bound - common) <= margin for bound in bounds)


def _welch(figures: Sequence[Figure]) -> tuple[float, float]:
    """The weighed mean, and the probability of such differences by chance.

    Welch 1951, doi:10.1093/biomet/38.3-4.330: the test of equal means whose variances differ.
    """
    from scipy.special import fdtrc

    count = len(figures)
    values = np.array([figure.value for figure in figures])
    freedom = np.array([figure.degrees_of_freedom for figure in figures], dtype=float)
    weights = 1 / np.array([figure.error for figure in figures]) ** 2
    mean = float((weights * values).sum() / weights.sum())
    between = (weights * (values - mean) ** 2).sum() / (count - 1)
    uneven = float((((1 - weights / weights.sum()) ** 2) / freedom).sum())
    statistic = between / (1 + 2 * (count - 2) / (count**2 - 1) * uneven)
    second = (count**2 - 1) / (3 * uneven)
    return mean, float(fdtrc(count - 1, second, statistic))
