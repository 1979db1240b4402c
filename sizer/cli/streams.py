"""Standard output and error as a command needs them: any text, and one word about what is lost."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from sizer.errors import OutputError

READER_GONE = 141  # as a shell counts it: 128 and the number of SIGPIPE


class Answers(io.TextIOWrapper):
    """Standard output. That it takes no more is told once, as an OutputError."""

    lost = False

    def write(self, text: str) -> int:
        try:
            return 0 if self.lost else super().write(text)
        except OSError as error:
            raise self._lose(error) from error

    def flush(self) -> None:
        try:
            if not self.lost:
                super().flush()
        except OSError as error:
            raise self._lose(error) from error

    def _lose(self, error: OSError) -> OutputError:
        self.lost = True
        if error.errno == errno.EPIPE:  # its reader has seen enough, as `head` has
            raise SystemExit(READER_GONE)
        return OutputError(f"standard output: {error.strerror}; send the answer elsewhere")


class Messages(io.TextIOWrapper):
    """Standard error. What it does not take is lost: there is nowhere left to say so."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            return super().write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare() -> None:
    """Set up both streams of this process, also where they were closed."""
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:  # the next file opened would get its number, and what is written here
            os.open(os.devnull, os.O_RDONLY)
    sys.stdout = _opened(Answers, 1, sys.stdout)
    sys.stderr = _opened(Messages, 2, sys.stderr)


def _opened(kind: type[io.TextIOWrapper], handle: int, before: TextIO | None) -> TextIO:
    r"""A character that the stream's encoding lacks is spelled out, as `\u2026`."""
    return kind(
        open(handle, "wb", closefd=False),
        encoding="utf-8" if before is None else before.encoding,
        errors="backslashreplace",
        line_buffering=os.isatty(handle) or kind is Messages,
    )
