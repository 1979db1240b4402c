"""`sizer cache`: what is kept of earlier measurements, and less of it."""

import re
from typing import Annotated

import typer

from sizer.cli.app import command
from sizer.cli.options import FormatOption
from sizer.cli.show import show
from sizer.errors import UsageError

SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@command
def cache(
    verify: Annotated[
        bool, typer.Option("--verify", help="Prove all that is kept; remove what is damaged.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(help="Remove what was kept longer ago than this, as 30d.", metavar="AGE"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all that is kept.")] = False,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """Show what the cache folder holds: measured cells, and copies of data.

    It can all be made again, and none of it is needed for a calibration that is written. What is
    removed is measured and copied anew when it is asked for.

    Example: sizer cache --older-than 30d
    """
    from sizer.caching import clean_cache

    if everything and older_than is not None:
        raise UsageError("--all and --older-than: give one of them")
    age = 0.0 if everything else None if older_than is None else parse_age(older_than)
    show(clean_cache(verify=verify, older_than=age), format)


def parse_age(text: str) -> float:
    """`30d` to seconds; units: m, h, d, w. Raises UsageError for anything else."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text.strip(), re.ASCII)
    if match is None or not float(match[1]):
        raise UsageError(f"--older-than {text[:40]!r}: give an age as 90m, 12h, 30d or 8w")
    return float(match[1]) * SECONDS[match[2]]
