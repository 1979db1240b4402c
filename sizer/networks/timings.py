"""How long the models of a ladder took to train, beside its manifest.

A file of its own: a manifest is the same however fast the machine is.
"""

import json
from pathlib import Path

from sizer.io import read_bounded, replacing
from sizer.networks.manifest import ANOTHER_OUT

FILE_NAME = "timings.json"
LONGEST = 1e15  # seconds: what a file says may be no float


def read_timings(folder: Path) -> dict[str, float]:
    """Seconds of each file's training, on the core that it had; empty where nothing was timed."""
    try:
        timings = json.loads(read_bounded(folder / FILE_NAME))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(timings, dict):
        return {}
    return {
        file: float(seconds)
        for file, seconds in timings.items()
        if isinstance(seconds, int | float) and 0 < seconds <= LONGEST
    }


def add_timing(folder: Path, file: str, seconds: float) -> None:
    """Write down how long a model's training took, or takes by what was seen of it."""
    timings = {**read_timings(folder), file: round(seconds, 1)}
    with replacing(folder / FILE_NAME, ANOTHER_OUT) as partial:
        partial.write_text(json.dumps(timings, indent=1, sort_keys=True) + "\n")
