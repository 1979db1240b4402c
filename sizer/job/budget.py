"""Time as people write it."""

import re

from sizer.errors import UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])", re.ASCII)


def parse_duration(text: str) -> float:
    """`90m`, `2h` or `1.5h` to seconds. Raises UsageError, which says what is accepted."""
    match = WRITTEN.fullmatch(text.strip().lower())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"--budget {text[:40]!r}: give a time, as 90m, 2h or 1.5d")
    return seconds
