"""The answer of `predict`."""

from typing import TYPE_CHECKING

from sizer.noise.units import in_words
from sizer.report.answer import borrowed_of
from sizer.report.document import Document, Facts, Section, Warnings
from sizer.report.format import accuracy_range, percent

if TYPE_CHECKING:
    from sizer.prediction.accuracy import Prediction


def document(prediction: "Prediction") -> Document:
    warnings = (Warnings(prediction.warnings),) if prediction.warnings else ()
    return Document(
        answer=lines(prediction),
        sections=(
            Section("How it is known", (Facts(facts(prediction)),), detail=True),
            Section("", warnings),
        ),
    )


def lines(prediction: "Prediction") -> tuple[str, ...]:
    following, sure = prediction.next_training, percent(prediction.confidence)
    return (
        f"{prediction.parameters:,} parameters have {accuracy_range(prediction.accuracy)} "
        f"at {in_words(prediction.noise_step, prediction.schedule)}",
        f"that is the mean over trainings; the next one has {following.low:.3f} to "
        f"{following.high:.3f}, {sure} sure",
        *borrowed_of(prediction.borrowed),
    )


def facts(prediction: "Prediction") -> tuple[tuple[str, str], ...]:
    """What a size does, as pairs of name and value."""
    return (
        ("parameters", f"{prediction.parameters:,}"),
        ("at", in_words(prediction.noise_step, prediction.schedule)),
        ("accuracy, mean over trainings", accuracy_range(prediction.accuracy)),
        ("accuracy of the next training", accuracy_range(prediction.next_training)),
        ("intervals", percent(prediction.confidence)),
        ("size over largest trained", f"{prediction.extrapolation_ratio:.2f}"),
    )
