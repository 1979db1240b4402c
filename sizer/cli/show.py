"""A result on stdout, in the format that was asked for."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from sizer.cli.messages import mention

if TYPE_CHECKING:
    from sizer.report.document import Document

Format = Literal["text", "json", "markdown"]


def show(
    result: Any,
    form: Format = "text",
    document: "Callable[[Any], Document] | None" = None,
    details: bool = False,
) -> None:
    """document: makes what is said of a result that is not one of the library's own records.

    details: whether text tells them; JSON and Markdown do.
    """
    if form == "json":
        from sizer.report.json import to_json

        print(to_json(result))
        return
    from sizer.report import document_of

    said = (document or document_of)(result)
    if form == "markdown":
        from sizer.report.markdown import markdown

        print(markdown(said))
    else:
        from sizer.report import terminal

        if terminal.show(said, details) and sys.stdout.isatty():
            mention("more with --details")
