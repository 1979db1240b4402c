"""What the cache folder holds."""

from typing import TYPE_CHECKING

from sizer.report.document import Document, Facts, Section, Table
from sizer.report.format import UNKNOWN, short

if TYPE_CHECKING:
    from sizer.caching import CacheUse


def document(use: "CacheUse") -> Document:
    """Each kind of what is kept, the largest first."""
    rows = tuple(
        (
            kept.kind,
            UNKNOWN if kept.entries is None else f"{kept.entries:,}",
            _size(kept.bytes),
        )
        for kept in sorted(use.kept, key=lambda kept: -kept.bytes)
    )
    facts = [("folder", short(use.folder)), ("size", _size(use.bytes))]
    if use.damaged is not None:
        facts.append(("damaged, and removed", f"{use.damaged:,}"))
    if use.freed:
        facts.append(("given back", _size(use.freed)))
    table = Table("", ("kept", "entries", "size"), rows)
    return Document((Section("", (table, Facts(tuple(facts)))),))


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
