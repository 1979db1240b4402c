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

    title: empty where the section's says it. detail: whether a page folds it, and a terminal shows
    it only where details are asked for. records: whether each row describes one thing at length:
    its first cell names it, its second judges it.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    detail: bool = False
    records: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    text: str


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
class Frame:
    """A picture file, the noise in it, and what is said of it."""

    media_type: str
    picture: bytes
    noise: str
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures side by side; what cannot show them tells their words as a table."""

    caption: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Warnings:
    """Warnings, one line each."""

    lines: tuple[str, ...]


Block = Facts | Table | Paragraph | Code | Figure | Strip | Warnings


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title, which is empty where the document's says it.

    detail: whether a terminal shows it only where details are asked for.
    """

    title: str
    blocks: tuple[Block, ...]
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A result. title, answer: in a few words, and in a few lines, where it has them.

    verdict: of the answer, in one word. source: what it was made from, as a calibration's name.
    """

    sections: tuple[Section, ...]
    title: str = ""
    answer: tuple[str, ...] = ()
    verdict: str = ""
    source: str = ""
