"""The report of a calibration, and of an answer from it: everything on one page."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sizer import io
from sizer.calibration import Calibration
from sizer.datasets.records import DatasetInfo
from sizer.errors import OutputError, UsageError
from sizer.estimate import CONFIDENCE
from sizer.noise.units import in_short
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
from sizer.report.format import short, size_up
from sizer.report.strip import Seen, block, seen
from sizer.result import Result

MARK = "a report of sizer"  # near the beginning of every report, to know it again
MOST_COLUMNS, MOST_ROWS = 9, 10  # of the map as a table


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. advice, outlook: None without a question or a size; requirements:
    None where no noise may be asked about; seen: pictures with noise, and how accurate a size is.
    """

    name: str
    calibration: Calibration
    provenance: Provenance
    requirements: RequirementMap | None = None
    advice: Advice | None = None
    outlook: Outlook | None = None
    seen: tuple[Seen, ...] = ()


def report_of(
    calibration: Calibration,
    name: str,
    command: str,
    advice: Advice | None,
    picture: Path | None = None,
) -> Report:
    """name: that the calibration goes by. command: the line that asks. picture: to show with noise,
    glyphs of the built-in set without one; raises DataError for a file that is none.
    """
    confidence = advice.requirement.confidence if advice else CONFIDENCE
    size = advice.built if advice else None
    return Report(
        name=name,
        calibration=calibration,
        provenance=provenance(calibration, command),
        requirements=requirement_map(calibration, confidence),
        advice=advice,
        outlook=outlook(calibration, size, confidence) if size else None,
        seen=seen(calibration, advice, picture, confidence),
    )


def document(report: Report) -> Document:
    calibration, advice = report.calibration, report.advice
    if advice is not None:
        title, *lines = answers.headline(advice)
    else:
        title, *lines = measurements.headline(calibration)
    beware = advice.warnings if advice else measurements.all_warnings(calibration)
    asked = advice.requirement if advice else None
    return Document(
        title=title,
        answer=tuple(lines),
        verdict=advice.verdict if advice else "",
        source=f"sizer{' recommend' if advice else ''} · calibration {short(report.name)}",
        sections=(
            *((Section("", (Warnings(beware),)),) if beware else ()),
            *pictures(report),
            *map(_opened, (answers.answer(advice), *answers.devices(advice)) if advice else ()),
            measurements.measured(calibration, asked, report.outlook),
            requirements(report.requirements, advice),
            reproduction(report.provenance),
            *measurements.appendix(calibration),
        ),
    )


def _opened(section: Section) -> Section:
    """What a terminal shows with details alone, and the page at once."""
    return replace(section, detail=False)


def pictures(report: Report) -> tuple[Section, ...]:
    """What the noise looks like."""
    if not report.seen:
        return ()
    return (Section("", (block(report.seen, report.calibration.schedule),)),)


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
        ("accuracy", *(in_short(required.steps[j], required.schedule) for j in columns)),
        tuple(
            (
                f"{required.targets[i]:g}",
                *(
                    size_up(cell.recommended) if cell.recommended else words[cell.verdict]
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
    """Raise before any work if the report could not be written, or is not ours (OutputError), or of
    a format that is not made (UsageError).
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    if path.suffix.lower() not in FORMS:
        raise UsageError(f"{path}: a report is .html, .md or .json; print the page for a PDF")
    io.check_writable(path)
    with io.writing_to(path):
        if path.exists() and MARK.encode() not in _beginning(path):
            raise OutputError(f"{path}: exists and is no report; choose another or remove it")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def write_report(path: Path, report: Report) -> None:
    """As its name ends: .html, .md or .json."""
    io.write_text(path, FORMS[path.suffix.lower()](report))


def write_page(path: Path, result: Result) -> None:
    """A result by itself, in the same three formats."""
    from sizer.report import document_of
    from sizer.report.json import plain, to_json

    if path.suffix.lower() == ".json":
        text = to_json({"kind": MARK, **plain(result)}, indent=1)
    elif path.suffix.lower() == ".md":
        text = marked_markdown(document_of(result))
    else:
        text = marked_html(document_of(result))
    io.write_text(path, text)


def marked_markdown(said: Document) -> str:
    from sizer.report.markdown import markdown

    return f"<!-- {MARK} -->\n\n{markdown(said)}\n"


def marked_html(said: Document) -> str:
    from sizer.report.html import page

    return page(said, MARK)


def as_markdown(report: Report) -> str:
    return marked_markdown(document(report))


def as_json(report: Report) -> str:
    """Everything on the page, and the calibration whole."""
    from sizer.report.json import plain, to_json

    fields: dict[str, Any] = {"kind": MARK, **asdict(replace(report, seen=()))}
    del fields["seen"]
    if report.advice is not None:
        fields["advice"] = plain(report.advice)
    return to_json(fields, indent=1)


def as_html(report: Report) -> str:
    return marked_html(document(report))


FORMS = {"": as_html, ".html": as_html, ".htm": as_html, ".md": as_markdown, ".json": as_json}
