"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[float, float], None]  # told (done, total), in any unit
ReportProgress = Callable[[str], Progress]  # told what begins now


def ignore_progress(done: float, total: float, /) -> None:
    """Show nothing."""


def say_nothing(_message: str, /) -> None:
    """Show no message."""


def no_progress(_phase: str, /) -> Progress:
    """Show nothing of any phase."""
    return ignore_progress
