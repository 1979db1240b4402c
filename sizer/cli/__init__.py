"""The command line: options in, one call to the library, an answer out. Nothing is decided here.

Every module here is read once, so that its commands are registered: a new command is a new file.
"""

from importlib import import_module
from pkgutil import iter_modules

from sizer.cli.app import main

__all__ = ["main"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
