"""What a result says, before any format: sections of facts, tables, figures and words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sizer.report.draw import Plot


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of name and value, in reading order."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows, all of one length.

    title: empty where the section's says it. detail: whether a page folds it. records: whether each
    row describes one thing at length: its first cell names it, its second judges it.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    detail: bool = False
    records: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences. lead: the strong word before them, as a verdict is."""

    text: str
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be given to a shell. caption: what they do."""

    lines: tuple[str, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and how it is read; left out, caption and all, by what cannot draw."""

    name: str
    caption: str
    plot: "Plot"


@dataclass(frozen=True, slots=True)
class Warnings:
    """Warnings, one line each."""

    lines: tuple[str, ...]


Block = Facts | Table | Paragraph | Code | Figure | Warnings


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title, which is empty where the document's says it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A result. title, summary: the answer in a few words and in a sentence, where it has them.

    source: what it was made from, as the name of a calibration.
    """

    sections: tuple[Section, ...]
    title: str = ""
    summary: Paragraph | None = None
    source: str = ""
