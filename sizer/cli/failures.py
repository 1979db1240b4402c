"""How a command ends that does not end well: one line on stderr, and an exit code."""

import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

import sizer
from sizer.cli.messages import complain, mention
from sizer.errors import SizerError, UsageError

# The parser's base error, of which BadParameter is one kind. Typer exports no name for it.
WRONG_USAGE: Any = typer.BadParameter.__mro__[1]
INTERRUPTED = 130  # as a shell counts it: 128 and the signal's number
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Whatever the block raises, as one line on stderr and the exit code."""
    try:
        yield
    except (typer.Exit, SystemExit):
        raise
    except BaseException as error:  # a traceback would end with 1, which is an answer
        raise SystemExit(_told(error)) from None


def _told(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        mention("interrupted; nothing measured is lost: the same line goes on")
        return INTERRUPTED
    if isinstance(error, WRONG_USAGE):
        complain(f"{error.format_message().rstrip('.')}; see --help")
        return UsageError.exit_code
    if isinstance(error, SizerError):
        complain(str(error))
        return error.exit_code
    surroundings = _of_the_surroundings(error)
    if surroundings is not None:
        complain(surroundings)
        return SizerError.exit_code
    said = str(error).partition("\n")[0]
    complain(f"unforeseen {type(error).__name__}: {said}; {_saved(error)}")
    return UNFORESEEN


def _of_the_surroundings(error: BaseException) -> str | None:
    """What the machine, and no fault of ours, does not give; None for other errors."""
    if isinstance(error, MemoryError):
        return "too little memory; free some, or ask for less"
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror}; mend that, or name another path"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return f"{error.object}: the name is not UTF-8 text; rename it"
    return None


def _saved(error: BaseException) -> str:
    """Where the traceback is, in words."""
    lines = [f"sizer {sizer.__version__}, Python {sys.version}", shlex.join(sys.argv)]
    text = "\n".join([*lines, "", *traceback.format_exception(error)])
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="sizer-", suffix=".txt", encoding="utf-8", errors="replace", delete=False
        ) as file:
            file.write(text)
    except OSError:
        return "its traceback could not be saved; please report it"
    return f"please report it with the traceback in {file.name}"
