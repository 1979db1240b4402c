"""The formats of data sets, one file each: a module with a `FORMAT` is a format.

A new format is a new file; nothing else names it.
"""

from importlib import import_module
from pkgutil import iter_modules

from sizer.datasets.format import Format


def all_formats() -> tuple[Format, ...]:
    """In the order of their files' names. At most one of them fits a data spec."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in names)
