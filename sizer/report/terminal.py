"""A document in the terminal: the answer on stdout, warnings on stderr."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
from sizer.report.format import visible

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.text import Text

COLOURS = {
    "recommended": "green",
    "delivered": "green",
    "unfinished": "yellow",
    "bounded": "yellow",
    "unreachable": "yellow",
    "untrusted": "red",
}


def show(document: Document, details: bool = False) -> bool:
    """Whether something was left out, as details are unless they are asked for."""
    if document.title:
        _heading(document.title)
    for i, line in enumerate(document.answer):
        _say(escape(line, "" if i else f"bold {COLOURS.get(document.verdict, '')}"))
    shown = [_shown(section, details) for section in document.sections]
    for section in filter(None, shown):
        if section.title:
            _heading(section.title)
        for block in section.blocks:
            WRITERS[type(block)](block)
    return shown != list(document.sections)


def _shown(section: Section, details: bool) -> Section | None:
    """The section without its details, unless they are asked for; None where nothing is left."""
    if details:
        return section
    blocks = tuple(
        block for block in section.blocks if not (isinstance(block, Table) and block.detail)
    )
    return None if section.detail or not blocks else replace(section, blocks=blocks)


def escape(text: str, style: str = "") -> "Text":
    """Text of any origin, which is never read as markup and never obeyed by the terminal."""
    from rich.text import Text

    return Text(visible(text), style=style)


def _say(text: "Text", whole_lines: bool = False, stderr: bool = False) -> None:
    """whole_lines: left to the terminal to wrap, so that they can be copied."""
    from rich.console import Console

    Console(stderr=stderr).print(text, soft_wrap=whole_lines)


def _heading(title: str) -> None:
    from rich.text import Text

    _say(Text("\n") + escape(title, "bold"))


def _paragraph(paragraph: Paragraph) -> None:
    _say(escape(paragraph.text))


def _facts(facts: Facts) -> None:
    _grid((), facts.pairs)


def _table(table: Table) -> None:
    if table.records:
        _records(table)
        return
    if table.title:
        _heading(table.title)
    _grid(table.headings, table.rows)


def _records(table: Table) -> None:
    """Each row by itself, below what it names and how it is judged."""
    for row in table.rows:
        _heading(f"{row[0]}: {row[1].partition(' ')[0]}")
        _grid((), tuple(zip(table.headings[2:], row[2:], strict=True)))


def _code(code: Code) -> None:
    caption = f"{code.caption}: " if code.caption else ""
    for line in code.lines:
        _say(escape(caption + line), whole_lines=True)


def _figure(_figure: Figure) -> None:
    """A terminal does not draw."""


def _strip(strip: Strip) -> None:
    _heading(strip.caption)
    _grid((), [(frame.noise, frame.words) for frame in strip.frames])


def _warnings(warnings: Warnings) -> None:
    for line in warnings.lines:
        _say(escape("warning: ", "yellow") + escape(line), whole_lines=True, stderr=True)


def _grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Text on the left, figures on the right."""
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(show_header=bool(headings))
    for column in range(max(map(len, rows), default=0)):
        heading = escape(headings[column]) if headings else ""
        justify: JustifyMethod = "right" if headings and column else "left"
        grid.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    Console().print(grid)


WRITERS: dict[type, Callable[[Any], None]] = {
    Paragraph: _paragraph,
    Facts: _facts,
    Table: _table,
    Code: _code,
    Figure: _figure,
    Strip: _strip,
    Warnings: _warnings,
}
