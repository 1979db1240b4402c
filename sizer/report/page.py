"""The report of a calibration, and of an answer from it: everything on one page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sizer import io
from sizer.calibration import Calibration
from sizer.datasets.records import DatasetInfo
from sizer.errors import OutputError
from sizer.estimate import CONFIDENCE
from sizer.prediction.advice import Advice
from sizer.prediction.outlook import Outlook, RequirementMap, outlook, requirement_map
from sizer.provenance import Provenance, provenance
from sizer.report import advice as answers
from sizer.report import calibration as measurements
from sizer.report.document import (
    Code,
    Document,
    Facts,
    Figure,
    Paragraph,
    Section,
    Table,
    Warnings,
)
from sizer.report.figures import map_plot
from sizer.report.format import short
from sizer.result import Result

MARK = "a report of sizer"  # near the beginning of every report, to know it again
MOST_COLUMNS, MOST_ROWS = 9, 10  # of the map as a table


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. advice, outlook: None without a question or a size; requirements:
    None where no noise may be asked about.
    """

    name: str
    calibration: Calibration
    provenance: Provenance
    requirements: RequirementMap | None = None
    advice: Advice | None = None
    outlook: Outlook | None = None


def report_of(calibration: Calibration, name: str, command: str, advice: Advice | None) -> Report:
    """name: that the calibration goes by. command: the line that asks."""
    confidence = advice.requirement.confidence if advice else CONFIDENCE
    size = advice.recommended if advice else None
    return Report(
        name=name,
        calibration=calibration,
        provenance=provenance(calibration, command),
        requirements=requirement_map(calibration, confidence),
        advice=advice,
        outlook=outlook(calibration, size, confidence) if size else None,
    )


def document(report: Report) -> Document:
    calibration, advice = report.calibration, report.advice
    title, summary = answers.headline(advice) if advice else measurements.headline(calibration)
    lines = advice.warnings if advice else measurements.all_warnings(calibration)
    asked = advice.requirement if advice else None
    return Document(
        title=title,
        summary=summary,
        source=f"sizer{' recommend' if advice else ''} · calibration {short(report.name)}",
        sections=(
            *((Section("", (Warnings(lines),)),) if lines else ()),
            *(answers.sections(advice) if advice else ()),
            measurements.measured(calibration, asked, report.outlook),
            requirements(report.requirements, advice),
            *measurements.fitted(calibration),
            reproduction(report.provenance),
        ),
    )


def requirements(required: RequirementMap | None, advice: Advice | None) -> Section:
    """The map, and a part of it as a table: a row a target, the highest first."""
    title = "What each requirement takes"
    if required is None:
        return Section(title, (Paragraph("There is no map: only one noise may be asked about."),))
    caption = (
        f"Parameters to train for an accuracy at a noise, with {required.confidence:.0%} "
        "confidence."
    )
    figure = Figure("map", caption, map_plot(required, advice))
    return Section(title, (figure, map_table(required)))


def map_table(required: RequirementMap) -> Table:
    columns = _spread(len(required.steps), MOST_COLUMNS)
    rows = _spread(len(required.targets), MOST_ROWS)
    words = {"unreachable": "no size", "bounded": "more", "untrusted": "not known"}
    return Table(
        "The map as a table: parameters for each accuracy and noise step",
        ("accuracy", *(f"step {required.steps[j]:g}" for j in columns)),
        tuple(
            (
                f"{required.targets[i]:g}",
                *(
                    f"{cell.recommended:,}" if cell.recommended else words[cell.verdict]
                    for cell in (required.cells[i][j] for j in columns)
                ),
            )
            for i in reversed(rows)
        ),
        detail=True,
    )


def _spread(count: int, most: int) -> list[int]:
    """Evenly spaced indices."""
    return list(range(0, count, -(-count // most)))


def reproduction(sources: Provenance) -> Section:
    """The lines that make it again, the data, the programs, and the models."""
    facts = Facts((*_data(sources), *_programs(sources)))
    return Section("How to reproduce", (Code(sources.commands), facts, *_models(sources)))


def _data(sources: Provenance) -> list[tuple[str, str]]:
    used = {"trained on": sources.trained_on, "measured on": sources.measured_on}
    return [
        (
            name,
            f"{short(info.spec)}, {short(info.split)}: {info.images:,} images of "
            f"{size_in_words(info)}, {info.classes} classes, SHA-256 "
            f"{short(info.fingerprint)}",
        )
        for name, info in used.items()
        if info is not None
    ]


def size_in_words(info: DatasetInfo) -> str:
    """Height and width, or that they differ."""
    return "different sizes" if info.size is None else "{} x {}".format(*info.size)


def _programs(sources: Provenance) -> list[tuple[str, str]]:
    made = (line.partition(": ") for line in sources.versions)
    return [(f"{thing} made by", short(program)) for thing, _, program in made]


def _models(sources: Provenance) -> tuple[Table, ...]:
    """The files that were measured, where they were files."""
    rows = tuple(
        (short(model.name), f"{model.parameters:,}", short(model.sha256))
        for model in sorted(sources.models, key=lambda model: (model.parameters, model.name))
        if model.sha256
    )
    title = f"Hashes of the {len(rows)} models"
    table = Table(title, ("model", "parameters", "SHA-256"), rows, detail=True)
    return (table,) if rows else ()


def check_report(path: Path) -> None:
    """Raise OutputError before any work if the report could not be written or is not ours."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    io.check_writable(path)
    with io.writing_to(path):
        if path.exists() and MARK.encode() not in _beginning(path):
            raise OutputError(f"{path}: exists and is no report; choose another or remove it")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def write_report(path: Path, report: Report) -> None:
    """As Markdown or JSON where the path ends in .md or .json, else as an HTML page."""
    form = {".md": as_markdown, ".json": as_json}.get(path.suffix, as_html)
    io.write_text(path, form(report))


def write_page(path: Path, result: Result) -> None:
    """A result by itself, in the same three formats."""
    from sizer.report import document_of
    from sizer.report.html import page
    from sizer.report.json import plain, to_json
    from sizer.report.markdown import markdown

    if path.suffix == ".json":
        text = to_json({"kind": MARK, **plain(result)}, indent=1)
    elif path.suffix == ".md":
        text = f"<!-- {MARK} -->\n\n{markdown(document_of(result))}\n"
    else:
        text = page(document_of(result), MARK)
    io.write_text(path, text)


def as_markdown(report: Report) -> str:
    from sizer.report.markdown import markdown

    return f"<!-- {MARK} -->\n\n{markdown(document(report))}\n"


def as_json(report: Report) -> str:
    """Everything on the page, and the calibration whole."""
    from sizer.report.json import plain, to_json

    fields: dict[str, Any] = {"kind": MARK, **asdict(report)}
    if report.advice is not None:
        fields["advice"] = plain(report.advice)
    return to_json(fields, indent=1)


def as_html(report: Report) -> str:
    from sizer.report.html import page

    return page(document(report), MARK)
