"""What a user is given: it shows itself in a notebook, and gives its JSON and its table.

How a result is shown lies above the rooms that make results. So it is imported when it is asked
for, here alone.
"""

from typing import TYPE_CHECKING

from sizer.extras import require_extra

if TYPE_CHECKING:
    import pandas


class Result:
    """The base of records that a user is given."""

    __slots__ = ()

    def to_json(self) -> str:
        """The JSON that the command line prints."""
        from sizer.report.json import to_json

        return to_json(self)

    def _repr_html_(self) -> str:
        from sizer.report import document_of
        from sizer.report.html import piece

        return piece(document_of(self))


class Tabular(Result):
    """The base of those that hold a table."""

    __slots__ = ()

    def rows(self) -> list[dict[str, object]]:
        """The table, a dictionary a row."""
        raise NotImplementedError

    def to_frame(self) -> "pandas.DataFrame":
        """The table as a data frame. Raises MissingExtraError without pandas."""
        require_extra("frames", "to_frame")
        import pandas

        return pandas.DataFrame(self.rows())
