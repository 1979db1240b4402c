"""The answer of `plan`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sizer.report.document import Code, Document, Paragraph, Section, Table
from sizer.report.format import number

if TYPE_CHECKING:
    from sizer.prediction.plan import Candidate, TrainingPlan

THEN = (
    "Then measure the ladder with them: sizer calibrate OLD_FOLDER NEW_FOLDER ... --out FILE, and "
    "ask again."
)
HEADINGS = ("parameters", "cost", "hours", "interval, a factor of")


def document(planned: "TrainingPlan") -> Document:
    tables = (
        _table("Train in this order; what is expected once each is added", planned.chosen),
        _table("Each alone, the most for its cost first", planned.candidates),
    )
    commands = [training.train_command for training in planned.chosen]
    lines = tuple(dict.fromkeys(filter(None, commands)))  # several trainings of a size are one line
    blocks = [table for table in tables if table.rows]
    following = (Code(lines, "next"), Paragraph(THEN)) if lines else ()
    return Document(answer=(planned.reason,), sections=(Section("", (*blocks, *following)),))


def _table(title: str, candidates: "Sequence[Candidate]") -> Table:
    rows = tuple(
        (
            f"{candidate.parameters:,}",
            f"{candidate.cost:.3g}",
            number(candidate.hours, ".2g"),
            number(candidate.interval_factor, ".2f"),
        )
        for candidate in candidates
    )
    return Table(title, HEADINGS, rows)
