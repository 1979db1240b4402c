"""Whether a model meets a requirement."""

from typing import TYPE_CHECKING

from sizer.noise.units import in_words
from sizer.report.document import Document, Facts, Section
from sizer.report.format import short
from sizer.report.noise import LINEAR

if TYPE_CHECKING:
    from sizer.job.acceptance import Acceptance


def document(acceptance: "Acceptance") -> Document:
    return Document(
        answer=(f"{verdict(acceptance)}: {sentence(acceptance)}",),
        verdict=verdict(acceptance),
        sections=(Section("", (Facts(tuple(facts(acceptance))),)),),
    )


def verdict(acceptance: "Acceptance") -> str:
    return "PASS" if acceptance.meets else "FAIL"


def sentence(acceptance: "Acceptance") -> str:
    """The measured accuracy beside the one wanted, and how sure that is."""
    wanted = acceptance.requirement
    doubt = (
        f"; {acceptance.pictures:,} pictures are too few to be {wanted.confidence:.0%} sure of it"
        if acceptance.low < wanted.target_accuracy <= acceptance.high
        else ""
    )
    return (
        f"accuracy {interval(acceptance)}, and {wanted.target_accuracy:g} was wanted at "
        f"{in_words(wanted.noise_step, LINEAR)}{doubt}"
    )


def interval(acceptance: "Acceptance") -> str:
    return f"{acceptance.accuracy:.3f} ({acceptance.low:.3f} to {acceptance.high:.3f})"


def facts(acceptance: "Acceptance") -> list[tuple[str, str]]:
    wanted = acceptance.requirement
    return [
        ("model", short(acceptance.model)),
        ("accuracy wanted", f"{wanted.target_accuracy:g}"),
        ("at", in_words(wanted.noise_step, LINEAR)),
        ("accuracy measured", interval(acceptance)),
        ("measured on", short(acceptance.measured_on)),
        ("confidence of the interval", f"{wanted.confidence:.0%}"),
    ]
