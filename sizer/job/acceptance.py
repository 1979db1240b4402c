"""Whether a model meets a requirement, as it was measured."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from sizer.prediction.question import Requirement
from sizer.result import Result


@dataclass(frozen=True, slots=True)
class Acceptance(Result):
    """A measured accuracy (a fraction) beside the one that was wanted.

    low, high: two-sided interval, with the requirement's confidence, of what the model would have
    on any number of such pictures. meets: whether the accuracy reaches the target. sure: whether
    `low` does. measured_on: in words.
    """

    model: str
    requirement: Requirement
    accuracy: float
    low: float
    high: float
    meets: bool
    sure: bool
    pictures: int
    measured_on: str


def accept(
    model: str, requirement: Requirement, correct: int, pictures: int, measured_on: str
) -> Acceptance:
    """The verdict on a model that had `correct` of `pictures` right."""
    low, high = counting_interval(correct, pictures, requirement.confidence)
    return Acceptance(
        model=model,
        requirement=requirement,
        accuracy=correct / pictures,
        low=low,
        high=high,
        meets=correct / pictures >= requirement.target_accuracy,
        sure=low >= requirement.target_accuracy,
        pictures=pictures,
        measured_on=measured_on,
    )


def counting_interval(correct: int, trials: int, confidence: float) -> tuple[float, float]:
    """Of a share that was counted (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, more = correct / trials, z * z / trials
    middle = (share + more / 2) / (1 + more)
    half = sqrt(share * (1 - share) * more + more * more / 4) / (1 + more)
    return max(0.0, middle - half), min(1.0, middle + half)
