"""A document as Markdown."""

from collections.abc import Callable, Sequence
from typing import Any

from sizer.report.document import (
    Code,
    Document,
    Facts,
    Figure,
    Paragraph,
    Section,
    Strip,
    Table,
    Warnings,
)
from sizer.report.format import capital, visible

# What begins markup within a line, as the entity that is shown in its place. Other characters begin
# markup only at the start of a line, where words of our own stand.
ENTITIES = str.maketrans({character: f"&#{ord(character)};" for character in "&<>|`[]*~\\"})


def markdown(document: Document) -> str:
    parts = [f"# {escape(document.title)}"] if document.title else []
    if document.answer:
        first, *more = map(escape, document.answer)
        parts.append("  \n".join([f"**{first}**", *more]))
    return "\n\n".join([*parts, *(part for s in document.sections for part in _section(s))])


def escape(text: str) -> str:
    """Text of any origin as words and never as markup."""
    return visible(text).translate(ENTITIES)


def _section(section: Section) -> list[str]:
    title = [f"## {escape(section.title)}"] if section.title else []
    return [*title, *filter(None, (WRITERS[type(block)](block) for block in section.blocks))]


def _paragraph(paragraph: Paragraph) -> str:
    return escape(paragraph.text)


def _facts(facts: Facts) -> str:
    return _rows(("", ""), facts.pairs)


def _table(table: Table) -> str:
    title = f"**{escape(table.title)}**\n\n" if table.title else ""
    return title + _rows(table.headings, table.rows)


def _rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[escape(cell) for cell in row] for row in (headings, *rows)]
    lines = [cells[0], ["---"] * len(headings), *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(code: Code) -> str:
    caption = f"{escape(capital(code.caption))}:\n\n" if code.caption else ""
    if any("<" in line for line in code.lines):  # no reader shall take it for a tag
        lines = "\n".join(escape(line) for line in code.lines)
        return f"{caption}<pre>{lines}</pre>"
    return caption + "\n".join(f"    {visible(line)}" for line in code.lines)


def _figure(_figure: Figure) -> str:
    """Nothing: Markdown does not draw."""
    return ""


def _strip(strip: Strip) -> str:
    rows = [(frame.noise, frame.words) for frame in strip.frames]
    return f"**{escape(strip.caption)}**\n\n" + _rows(("noise", "accuracy"), rows)


def _warnings(warnings: Warnings) -> str:
    return "Warnings:\n\n" + "\n".join(f"- {escape(line)}" for line in warnings.lines)


WRITERS: dict[type, Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Facts: _facts,
    Table: _table,
    Code: _code,
    Figure: _figure,
    Strip: _strip,
    Warnings: _warnings,
}
