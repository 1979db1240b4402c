"""The scaling laws, one file each: a module with a `LAW` is a law, named as its file is.

A new law is a new file; nothing else names it.
"""

from importlib import import_module
from pkgutil import iter_modules

from sizer.scaling.law import Law


def law_names() -> tuple[str, ...]:
    """Names of all laws, in the order of the alphabet."""
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))


def law_named(name: str) -> Law:
    """The law of that name; raises KeyError where there is none."""
    if name not in law_names():
        raise KeyError(name)
    law: Law = import_module(f"{__name__}.{name.replace('-', '_')}").LAW
    return law


def all_laws() -> tuple[Law, ...]:
    return tuple(law_named(name) for name in law_names())
