"""From the distribution of accuracy to the sizes that reach a target: the inversion.

Sizes are found by test inversion (Fieller's construction): the interval is the set of sizes around
the best one at which "the mean accuracy is the target" is not rejected, so it may have no end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.forecast import Forecast
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
SEARCH = 1000.0  # sizes are sought up to this many times the largest trained ...
BELOW = 10.0  # ... and down to the smallest over this
INSIDE, OUTSIDE = 64, 48  # sizes that are looked at, where the ladder is and elsewhere
BOUND = 0.05  # probability that a lower bound is too high
JUST_ABOVE = 1e-6  # relative: what a size must exceed one that fails by
CLEARLY = 1.5  # standard errors, of scatter and counting, that make a measured size pass or fail


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Parameter counts.

    low, best, high: where the mean over trainings meets the target, with its interval.
    recommended: the size whose next training meets it with the stated confidence; where no size
    is that sure, the same of what the largest size that is looked at is sure of. confidence: of the
    recommended size. An infinite bound is None; 0 stands for anything below a tenth of the smallest
    measured size.
    """

    low: float | None
    best: float | None
    high: float | None
    recommended: int | None
    confidence: float | None = None

    def as_sure_as(self, confidence: float) -> bool:
        """Whether the recommended size is as sure as was asked."""
        return self.confidence is not None and self.confidence >= confidence


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """A trained size all of whose trainings reach a target: the least accurate of them.

    accuracy: at the noise asked about, between measured steps by a cubic.
    """

    name: str
    parameters: int
    accuracy: float
    trainings: int


def sizes_reaching(forecast: Forecast, target: float, confidence: float) -> SizeEstimate:
    """The sizes that reach `target`, in agreement with what was measured."""
    sizes, mean, training = _probabilities(forecast, target)
    failing, passing = _clear(forecast, target)
    best = _within(first_above(sizes, mean, 0.5, start=failing), failing, passing)
    low = _lower_end(sizes, mean, best, (1 - confidence) / 2)
    high = first_above(sizes, mean, (1 + confidence) / 2, start=best or 0.0)
    tried = max(failing, forecast.size_range[0])  # nothing untried is recommended below the ladder
    sure = confidence
    safe = _within(first_above(sizes, training, sure, start=tried), tried, passing)
    if safe is None and best is not None:  # that the family reaches it at all is not as sure
        sure = confidence * float(training.max())
        safe = _within(first_above(sizes, training, sure, start=max(tried, best)), tried, passing)
    return SizeEstimate(
        low=low if not low else max(low, failing),
        best=best,
        high=high,
        recommended=None if safe is None else int(np.ceil(safe)),
        confidence=None if safe is None else sure,
    )


def _probabilities(forecast: Forecast, target: float) -> tuple[Floats, Floats, Floats]:
    """The sizes that are looked at, ascending, and the probabilities that the mean over trainings
    and the next training of each reach the target.
    """
    inside, beyond = _sought(forecast)
    within, without = forecast.at(inside), forecast.at(beyond)
    mean, training = (
        np.concatenate([within.above(target, training), without.reached(target, training)])
        for training in (False, True)
    )
    return np.concatenate([inside, beyond]), mean, training


def _sought(forecast: Forecast) -> tuple[Floats, Floats]:
    """Sizes even in ln N, up to the largest trained, and beyond it."""
    smallest, largest = forecast.size_range
    below = np.geomspace(smallest / BELOW, smallest, OUTSIDE // 4, endpoint=False)
    inside = np.geomspace(smallest, largest, INSIDE)
    return np.append(below, inside), np.geomspace(largest, SEARCH * largest, OUTSIDE + 1)[1:]


def lower_bound(forecast: Forecast, target: float) -> float | None:
    """The size below which the mean reaches `target` with a probability of 5 % at most.

    0 where even a tenth of the smallest size may do; None where no size that is looked at may.
    """
    return sizes_reaching(forecast, target, 1 - 2 * BOUND).low


def measured_size(
    curves: Sequence[NoiseCurve], step: float, target: float, failed: Sequence[str]
) -> MeasuredSize | None:
    """The smallest trained size whose trainings all reach `target` at `step`."""
    good = [curve for curve in curves if curve.model.name not in failed]
    for size in sorted({curve.size for curve in good}):
        trainings = [curve for curve in good if curve.size == size]
        reached = [curve.accuracy_at(step) for curve in trainings]
        if min(reached) >= target:
            worst = trainings[int(np.argmin(reached))]
            return MeasuredSize(worst.model.name, size, min(reached), len(trainings))
    return None


def first_above(
    sizes: Floats, probability: Floats, level: float, start: float = 0.0
) -> float | None:
    """The first of ascending sizes above `start` whose probability is at least `level`.

    On straight lines in ln N; 0 where the first size of all already is, None where none is.
    """
    reached = np.flatnonzero((probability >= level) & (sizes > start))
    if not reached.size:
        return None
    first = int(reached[0])
    if first == 0:
        return 0.0
    around = slice(first - 1, first + 1)
    size = float(np.exp(np.interp(level, probability[around], np.log(sizes[around]))))
    return max(size, start * (1 + JUST_ABOVE))


def _lower_end(
    sizes: Floats, probability: Floats, best: float | None, level: float
) -> float | None:
    """Where the connected set of not rejected sizes around the best one begins."""
    at = len(sizes) - 1 if best is None else max(0, int(np.searchsorted(sizes, best)) - 1)
    if probability[at] <= level and best is None:
        return None
    while at >= 0 and probability[at] > level:
        at -= 1
    if at < 0:
        return 0.0
    around = slice(at, at + 2)
    return float(np.exp(np.interp(level, probability[around], np.log(sizes[around]))))


def _within(size: float | None, failing: float, passing: float | None) -> float | None:
    """A size no smaller than one that fails and no larger than one that passes."""
    if size is None or (passing is not None and size > passing):
        return passing
    return max(size, failing)


def _clear(forecast: Forecast, target: float) -> tuple[float, float | None]:
    """The largest measured size below the smallest passing one that clearly fails, 0 without any,
    and that passing one: all of its trainings exceed the target by more than their luck.
    """
    seen, passing, failing = forecast.seen, None, 0.0
    good = seen.inflation == 1
    error = np.sqrt(seen.accuracy * (1 - seen.accuracy) / seen.trials)
    for size in sorted(set(seen.sizes[good].tolist())):
        trained = good & (seen.sizes == size)
        scatter = forecast.between_seed_sd(float(seen.accuracy[trained].mean()))
        luck = CLEARLY * np.hypot(scatter, error[trained])
        if (seen.accuracy[trained] - target > luck).all():
            passing = float(size)
            break
        if target - seen.accuracy[trained].mean() > luck.mean() / np.sqrt(trained.sum()):
            failing = float(size)
    return failing, passing
