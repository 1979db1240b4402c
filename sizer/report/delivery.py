"""The acceptance sheet of a job: the answer, the evidence, the device, and how it came about."""

from pathlib import Path
from typing import TYPE_CHECKING

from sizer import io
from sizer.report import advice as answers
from sizer.report import calibration as measurements
from sizer.report.acceptance import interval, sentence
from sizer.report.document import Document, Facts, Section, Table, Warnings
from sizer.report.format import accuracy_range, capital, short

if TYPE_CHECKING:
    from sizer.job.delivery import Delivery

MARK = "an acceptance sheet of sizer"
LEADS = {
    "delivered": "delivered",
    "unreachable": "unreachable",
    "device": "unreachable",
    "budget": "bounded",
}


def document(delivery: "Delivery") -> Document:
    """What the terminal shows: the answer, and the trainings."""
    return Document(
        answer=(f"{LEADS[delivery.kind]}: {summary(delivery)}",),
        verdict=LEADS[delivery.kind],
        sections=(answer(delivery), *answers.devices(delivery.advice), trainings(delivery)),
    )


def summary(delivery: "Delivery") -> str:
    if delivery.delivered is not None:
        return f"{delivery.parameters:,} parameters, {sentence(delivery.delivered)}"
    best = sentence(delivery.closest)
    return f"{delivery.reason}; the best model, {delivery.parameters:,} parameters: {best}"


def answer(delivery: "Delivery") -> Section:
    """Promised beside delivered, and where the model is."""
    wanted, model = delivery.advice.requirement, delivery.delivered
    pairs = [
        ("accuracy wanted", f"{wanted.target_accuracy:g}"),
        ("at", delivery.advice.noise()),
    ]
    if delivery.promised is not None:
        pairs.append(("promised before its training", accuracy_range(delivery.promised)))
    if model is not None:
        precision = delivery.advice.precision or "fp32"
        pairs.append((f"delivered, {precision}", interval(model)))
    if delivery.original is not None:
        pairs.append(("the same model, fp32", interval(delivery.original)))
    pairs += [
        ("measured on", short(delivery.closest.measured_on)),
        ("why it ended", delivery.reason),
        ("work", f"{delivery.seconds / 60:.1f} minutes, {len(delivery.rows())} models"),
        ("folder", short(delivery.folder)),
    ]
    return Section("", (Facts(tuple(pairs)),))


def trainings(delivery: "Delivery") -> Section:
    """Each model that was trained, the smallest first, and why."""
    why: dict[object, str] = {
        size: decision.why for decision in delivery.decisions for size in decision.sizes
    }
    rows = tuple(
        (
            short(str(row["model"])),
            f"{row['parameters']:,}",
            f"{row['accuracy']:.3f}",
            why.get(row["parameters"], "trained again"),
        )
        for row in delivery.rows()
    )
    headings = ("model", "parameters", "accuracy", "why it was trained")
    return Section("What was trained", (Table("", headings, rows),))


def sheet(delivery: "Delivery") -> Document:
    """The page."""
    from sizer.report.page import reproduction

    advice, model = delivery.advice, delivery.delivered
    wanted = advice.requirement.target_accuracy
    title = (
        f"{model.accuracy:.3f} delivered, {wanted:g} wanted"
        if model is not None
        else "No model delivered"
    )
    warnings = (Section("", (Warnings(advice.warnings),)),) if advice.warnings else ()
    source = advice.provenance
    return Document(
        title=title,
        answer=(f"{capital(summary(delivery))}.",),
        verdict=LEADS[delivery.kind],
        source=f"sizer start · {short(Path(delivery.folder).name)}",
        sections=(
            answer(delivery),
            *answers.devices(advice),
            *warnings,
            trainings(delivery),
            measurements.measured(delivery.calibration, advice.requirement, None),
            *((reproduction(source),) if source else ()),
        ),
    )


def write_sheet(path: Path, delivery: "Delivery") -> None:
    from sizer.report.html import page

    io.write_text(path, page(sheet(delivery), MARK))
