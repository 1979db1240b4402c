"""The answer of `predict`."""

from typing import TYPE_CHECKING

from sizer.report.document import Document, Facts, Paragraph, Section, Warnings
from sizer.report.format import accuracy_range, noise_step

if TYPE_CHECKING:
    from sizer.prediction.accuracy import Prediction


def document(prediction: "Prediction") -> Document:
    told = accuracy_range(prediction.accuracy)
    warnings = (Warnings(prediction.warnings),) if prediction.warnings else ()
    return Document(
        summary=Paragraph(f"{told}: the accuracy of {prediction.parameters:,} parameters"),
        sections=(Section("", (Facts(facts(prediction)), *warnings)),),
    )


def facts(prediction: "Prediction") -> tuple[tuple[str, str], ...]:
    """What a size does, as pairs of name and value."""
    return (
        ("parameters", f"{prediction.parameters:,}"),
        ("at noise step", noise_step(prediction.noise_step)),
        ("accuracy, mean over trainings", accuracy_range(prediction.accuracy)),
        ("accuracy of the next training", accuracy_range(prediction.next_training)),
        ("intervals", f"{prediction.confidence:.0%}"),
        ("size over largest trained", f"{prediction.extrapolation_ratio:.2f}"),
    )
