"""The program: its commands, their errors in one line each, and what is said on stderr."""

import functools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup, TyperOption

import sizer
from sizer.cli.failures import told_in_one_line
from sizer.cli.messages import be_quiet, mention
from sizer.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In which `sizer --help` lists them; others come last.
ORDER = (
    *("start", "verify"),
    *("calibrate", "fit", "recommend", "predict", "report", "plan", "backtest", "compare"),
    *("noise", "train", "quantize", "export", "devices", "cache"),
)


class Commands(TyperGroup):
    """Commands in their order; a wrong command line is answered in one line, as other errors."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def get_command(self, ctx: Any, name: str) -> Any:
        """Every command can be quiet."""
        found = super().get_command(ctx, name)
        if found is not None and not any("--quiet" in option.opts for option in found.params):
            found.params.append(_quiet_option())
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with told_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with told_in_one_line():
            return super().invoke(ctx)


def _quiet_option() -> TyperOption:
    return TyperOption(
        param_decls=["--quiet", "-q"],
        is_flag=True,
        expose_value=False,
        callback=lambda _context, _option, wanted: be_quiet(True) if wanted else None,
        help="Say the answer, warnings and errors, and nothing else.",
    )


app = typer.Typer(
    name="sizer",
    cls=Commands,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How many parameters an image classifier needs under noise, answered from small models.",
)


def command(function: Callable[..., Any], group: typer.Typer = app) -> Callable[..., Any]:
    """Register a command of the program, or of a group of commands."""
    group.command(epilog=take_example(function))(answering(function))
    return function


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its result as the exit code, once the answer has left."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        code = function(*args, **kwargs)
        sys.stdout.flush()
        if code:
            raise typer.Exit(code)

    return wrapped


def take_example(function: Callable[..., Any]) -> str:
    """The example, which is the docstring's last line, taken out of the command's help."""
    text, _, example = (function.__doc__ or "").rpartition("Example:")
    function.__doc__ = text.strip()
    return f"Example: [bold]{escape(example.strip())}[/bold]"


def save_pictures(figures: "dict[str, Figure]", folder: Path) -> None:
    """Write pictures into a folder that exists, and say so."""
    from sizer import io
    from sizer.report.pictures import save

    with io.writing_to(folder):
        save(figures, folder)
    mention(f"wrote pictures to {folder}")


def line_given() -> str:
    """The command line as it was given, to be given again."""
    return shlex.join(["sizer", *sys.argv[1:]])


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sizer {sizer.__version__}", flush=True)
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback answers)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    be_quiet(False)  # until a command says otherwise
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(UsageError.exit_code)
