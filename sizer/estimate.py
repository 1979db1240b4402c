"""A value that is known to within something. Leaf of everything that measures or fits."""

from dataclasses import dataclass

from sizer.errors import UsageError

GUESSING = 3.0  # standard errors above chance that guessing explains
CONFIDENCE = 0.9  # of intervals, where a user asks for no other


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; a bound that does not exist is None."""

    value: float | None
    low: float | None = None
    high: float | None = None


def check_confidence(confidence: float) -> None:
    """Raises UsageError for one out of range."""
    if not 0.5 <= confidence < 1:
        raise UsageError(f"confidence {confidence:g} must lie in 0.5..1, as 0.9")


def rounded(size: float) -> str:
    """Three digits of a size that is no more exactly known."""
    return f"{float(f'{size:.3g}'):,.0f}"
