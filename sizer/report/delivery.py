"""The acceptance sheet of a job: the answer, the evidence, the device, and how it came about."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer import io
from sizer.report import advice as answers
from sizer.report import calibration as measurements
from sizer.report.acceptance import interval, sentence
from sizer.report.devices import line
from sizer.report.document import Document, Facts, Section, Table
from sizer.report.format import accuracy_range, short

if TYPE_CHECKING:
    from sizer.job.delivery import Delivery

MARK = "an acceptance sheet of sizer"
VERDICTS = {
    "delivered": "delivered",
    "unreachable": "unreachable",
    "device": "unreachable",
    "budget": "unfinished",
}


def document(delivery: "Delivery") -> Document:
    """What the terminal shows: the answer, and the trainings."""
    return Document(
        answer=lines(delivery),
        verdict=VERDICTS[delivery.kind],
        sections=(
            answer(delivery),
            *answers.devices(delivery.advice),
            trainings(delivery),
            answers.warnings(delivery.advice),
        ),
    )


def lines(delivery: "Delivery") -> tuple[str, ...]:
    """What was delivered, or how it ended and how near the best model came."""
    if delivery.delivered is not None:
        return (
            f"delivered: {delivery.parameters:,} parameters",
            f"reaches {sentence(delivery.delivered)}",
            *(line(verdict) for verdict in delivery.advice.devices),
        )
    best = sentence(delivery.closest)
    return (
        f"nothing delivered: {delivery.reason}",
        f"the best model, {delivery.parameters:,} parameters, reaches {best}",
    )


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
    """The page; its first screen: the answer, the evidence, the device, what the noise does."""
    from sizer.report.page import reproduction

    advice, model = delivery.advice, delivery.delivered
    wanted = advice.requirement.target_accuracy
    title = f"{model.accuracy:.3f} delivered, {wanted:g} wanted" if model else "No model delivered"
    source = advice.provenance
    return Document(
        title=title,
        answer=lines(delivery),
        verdict=VERDICTS[delivery.kind],
        source=f"sizer start · {short(Path(delivery.folder).name)}",
        sections=(
            answer(delivery),
            *pictures(delivery),
            *(replace(section, detail=False) for section in answers.devices(advice)),
            *((answers.warnings(advice),) if advice.warnings else ()),
            trainings(delivery),
            measurements.measured(delivery.calibration, advice.requirement, None),
            *((reproduction(source),) if source else ()),
        ),
    )


def pictures(delivery: "Delivery") -> tuple[Section, ...]:
    """The camera's noise on one of the user's own pictures, where they are files."""
    from sizer.datasets.images import pictures_in
    from sizer.report.strip import block, seen

    data = delivery.calibration.dataset
    files = pictures_in(Path(data.spec)) if data is not None and Path(data.spec).is_dir() else []
    if not files:
        return ()
    confidence = delivery.advice.requirement.confidence
    shown = seen(delivery.calibration, delivery.advice, files[0], confidence)
    return (Section("", (block(shown, delivery.calibration.schedule),)),) if shown else ()


def write_sheet(path: Path, delivery: "Delivery") -> None:
    from sizer.report.html import page

    io.write_text(path, page(sheet(delivery), MARK))
