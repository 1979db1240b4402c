"""Files that are written: whole or not at all, checked before the work, errors with a remedy."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from sizer.errors import OutputError

ANOTHER_OUTPUT = "choose another output"
ANOTHER_CACHE = "make room, or set XDG_CACHE_HOME to a folder you can write"


@contextmanager
def writing_to(path: Path, remedy: str = ANOTHER_OUTPUT) -> Iterator[None]:
    """Raises OutputError, which names the path and the remedy, for an OSError in the block."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def replacing(path: Path, remedy: str = ANOTHER_OUTPUT) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place in one step when the block ends well.

    Raises OutputError where that fails. What was at `path` before then stays, as it does when the
    process is killed.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing_to(path, remedy):
        try:
            partial.touch()
            yield partial
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def make_folder(path: Path, remedy: str = ANOTHER_OUTPUT) -> None:
    with writing_to(path, remedy):
        path.mkdir(parents=True, exist_ok=True)


def check_writable(path: Path) -> None:
    """Raise OutputError where no file can be put beside `path`."""
    with writing_to(path), tempfile.TemporaryFile(dir=path.parent):
        pass


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/sizer, or ~/.cache/sizer: for files that can be made again.

    It is made if it is not there. Raises OutputError where it cannot be made.
    """
    # The XDG base directory specification says to ignore a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path("~/.cache").expanduser()) / "sizer"
    make_folder(folder, ANOTHER_CACHE)
    return folder


def shipped(kind: str) -> Path:
    """Folder of the shipped `models` or `calibration`, in a wheel or in a checkout."""
    packaged = Path(str(files("sizer"))) / "shipped" / kind
    return packaged if packaged.is_dir() else Path(str(files("sizer"))).parent / kind
