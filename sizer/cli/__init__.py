"""The command line: options in, one call to the library, an answer out. Nothing is decided here.

Every other module here holds a command or a few of them: a new command is a new file.
"""

import os
import sys
from importlib import import_module
from pkgutil import iter_modules

from sizer.cli import streams


def main() -> None:
    """Run the command line; of its modules, read only the one that is asked for by its name."""
    # matrices are small here: a second thread of the linear algebra takes more time than it saves
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    streams.prepare()
    from sizer.cli.failures import told_in_one_line

    with told_in_one_line():
        modules = command_modules()
        asked = sys.argv[1:2]
        load_commands(asked if asked and asked[0] in modules else modules)
        from sizer.cli.app import app

        app()


def command_modules() -> list[str]:
    """The modules of this folder."""
    return [module.name for module in iter_modules(__path__)]


def load_commands(modules: list[str]) -> None:
    """Read modules, so that their commands are registered."""
    for module in modules:
        import_module(f"{__name__}.{module}")
