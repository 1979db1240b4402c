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


def time_in_words(seconds: float) -> str:
    """A time as one says it."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} hours"
    if seconds >= 90:
        return f"{seconds / 60:.0f} minutes"
    return f"{max(1, round(seconds))} second{'s' * (seconds >= 1.5)}"
