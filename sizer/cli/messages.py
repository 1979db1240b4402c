"""What is said on stderr: all that is not the answer."""

from rich.console import Console


def complain(message: str) -> None:
    _say("error: ", "red", message)


def mention(message: str) -> None:
    _say("", "", message)


def _say(before: str, style: str, message: str) -> None:
    from sizer.report.terminal import escape

    talk().print(escape(before, style) + escape(message), soft_wrap=True)


def talk() -> Console:
    """Where everything goes that is not the answer."""
    return Console(stderr=True)
