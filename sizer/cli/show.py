"""A result on stdout, in the format that was asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from sizer.report.document import Document

Format = Literal["text", "json", "markdown"]


def show(result: Any, document: "Callable[[Any], Document]", form: Format = "text") -> None:
    """document: makes what is said of the result; JSON is the result itself."""
    if form == "json":
        from sizer.report.json import to_json

        typer.echo(to_json(result))
    elif form == "markdown":
        from sizer.report.markdown import markdown

        typer.echo(markdown(document(result)))
    else:
        from sizer.report import terminal

        terminal.show(document(result))
