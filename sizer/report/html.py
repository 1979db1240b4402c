"""A document as HTML: a page that needs nothing else, or a piece of one for a notebook."""

from base64 import b64encode
from collections.abc import Sequence
from csv import writer
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizer.report.document import Block, Document, Figure
from sizer.report.format import capital, visible

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


def page(document: Document, mark: str = "") -> str:
    """mark: stands near the beginning, so that a program knows the page again."""
    template = _environment().get_template("page.html")
    blocks = [block for section in document.sections for block in section.blocks]
    live = any(isinstance(block, Figure) and block.plot.readout is not None for block in blocks)
    said = [line for line in (document.title, *document.answer) if line]
    return template.render(document=document, said=said, mark=mark, live=live)


def piece(document: Document) -> str:
    """The document's sections alone, in the page's style, which reaches nothing around them."""
    style = (HERE / "style.css").read_text(encoding="utf-8").replace(":root", "&")
    return _environment().get_template("piece.html").render(document=document, style=style)


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        kind=_kind, anchor=_anchor, fields=asdict, capital=capital, data_uri=_data_uri, csv=_csv
    )
    return environment


def _shown(value: Any) -> Any:
    """Text of any origin; what the template made itself is markup, of another type, and stays."""
    return visible(value) if type(value) is str else value


def _kind(block: Block) -> str:
    return type(block).__name__


def _data_uri(media_type: str, content: bytes) -> Any:
    """A file within the page."""
    from markupsafe import Markup

    return Markup(f"data:{media_type};base64,{b64encode(content).decode()}")


def _csv(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = StringIO()
    writer(text).writerows([map(visible, row) for row in (headings, *rows)])
    return text.getvalue().encode("utf-8", "backslashreplace")


def _anchor(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower())
