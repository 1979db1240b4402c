"""What is said on stderr: all that is not the answer."""

import shlex

from rich.console import Console

_quiet = False  # whether nothing is said but answers, warnings and errors


def be_quiet(quiet: bool) -> None:
    global _quiet  # noqa: PLW0603 (one program has one stderr)
    _quiet = quiet


def is_quiet() -> bool:
    return _quiet


def complain(message: str) -> None:
    _say("error: ", "red", message)


def mention(message: str) -> None:
    if not _quiet:
        _say("", "", message)


def suggest(*words: str) -> None:
    """The command that one may give next."""
    mention(f"next: {shlex.join(['sizer', *words])}")


def _say(before: str, style: str, message: str) -> None:
    from sizer.report.terminal import escape

    talk().print(escape(before, style) + escape(message), soft_wrap=True)


def talk() -> Console:
    """Where everything goes that is not the answer."""
    return Console(stderr=True)
