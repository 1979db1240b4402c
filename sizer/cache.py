"""Where files that can be made again are kept between runs."""

import os
from pathlib import Path

from sizer.errors import OutputError


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/sizer, or ~/.cache/sizer; made here if it is not there yet.

    Raises OutputError where it cannot be made.
    """
    # The XDG base directory specification says to ignore a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path("~/.cache").expanduser()) / "sizer"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cache folder {folder}: {error.strerror}; set XDG_CACHE_HOME to a folder you can write"
        ) from error
    return folder
