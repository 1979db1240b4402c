"""The command line: options in, one call to the spine, an answer out. Nothing is decided here."""

import functools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import sizer
from sizer.errors import SizerError, UsageError

app = typer.Typer(
    name="sizer",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="How many parameters an image classifier needs under noise, answered from small models.",
)


def main() -> None:
    app()


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a command that turns a SizerError into one line on stderr and its exit code."""

    @app.command(epilog=_example(function))
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
        except SizerError as error:
            talk().print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            talk().print("interrupted; nothing measured is lost: the same line goes on")
            raise typer.Exit(130) from None
        raise typer.Exit(code or 0)

    return function


def _example(function: Callable[..., Any]) -> str:
    """The docstring's last line, which is the command's example, taken out of its help."""
    text, _, example = (function.__doc__ or "").rpartition("Example:")
    function.__doc__ = text.strip()
    return f"Example: [bold]{escape(example.strip())}[/bold]"


def talk() -> Console:
    """Where everything goes that is not the answer."""
    return Console(stderr=True)


@command
def train(
    sizes: Annotated[
        str, typer.Option(help="Parameter counts FIRST:LAST:HOW_MANY, evenly spaced in ratio.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the ONNX files and the manifest.")],
    data: Annotated[str, typer.Option(help="Data to train on: builtin, a path, or hf:NAME.")] = (
        "builtin"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each size.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 10,
    augment: Annotated[
        str, typer.Option(help="crop-flip, crop (where mirroring changes the class), or none.")
    ] = "crop-flip",
    noise_augment: Annotated[
        str | None,
        typer.Option(help="Add diffusion noise in training, at steps FIRST:LAST.", metavar="A:B"),
    ] = None,
) -> None:
    """Train a ladder of small EfficientNets, export it to ONNX, and write its manifest.

    Stopped at any moment, the same line goes on at the last finished epoch.

    Example: sizer train --sizes 1e4:1e6:8 --noise-augment 0:800 --out models/mine
    """
    from sizer import pipeline, terminal

    with terminal.training_progress() as report:
        manifest = pipeline.train(
            data=data,
            sizes=_sizes(sizes),
            seeds=seeds,
            epochs=epochs,
            augment=_choice("--augment", augment, ("crop-flip", "crop", "none")),
            noise_steps=_noise_steps(noise_augment),
            folder=out,
            command=shlex.join(["sizer", *sys.argv[1:]]),
            report=report,
        )
    terminal.show_ladder(manifest)


def _sizes(text: str) -> tuple[float, ...]:
    """`1e4:1e6:8` to eight numbers."""
    try:
        first, last, count = text.split(":")
        low, high, number = float(first), float(last), int(count)
    except ValueError:
        raise UsageError(f"--sizes {text!r}: give FIRST:LAST:HOW_MANY, as in 1e4:1e6:8") from None
    if not (0 < low <= high < float("inf") and number >= 1):
        raise UsageError(f"--sizes {text!r}: FIRST must be positive and not above LAST")
    if number == 1:
        return (low,)
    return tuple(low * (high / low) ** (i / (number - 1)) for i in range(number))


def _noise_steps(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last) <= 5000):
        raise UsageError(f"--noise-augment {text!r}: give FIRST:LAST within 0..5000, as in 0:800")
    return int(first), int(last)


def _choice(option: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise UsageError(f"{option} {value!r}: choose one of {', '.join(choices)}")
    return value


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sizer {sizer.__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
