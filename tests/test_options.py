"""An option has one meaning, whichever command takes it."""

from collections import defaultdict

import pytest
from typer import Context
from typer.main import get_command

from sizer.cli.app import app

# What a command reads and what it writes is the command's own, and stands under the same names.
OWN = {"--data", "--out"}
COMPLETED = {"--calibration", "--device", "--core", "--name"}


def options():
    """(command, option) of every command, and of those in a group of commands."""
    waiting = list(get_command(app).commands.items())
    while waiting:
        name, command = waiting.pop()
        inner = getattr(command, "commands", {})
        waiting += [(f"{name} {one}", inner[one]) for one in inner]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield name, parameter


def by_name():
    found = defaultdict(dict)
    for command, option in options():
        for name in option.opts:
            found[name][command] = option
    return found


SHARED = {name: uses for name, uses in by_name().items() if len(uses) > 1}


def test_many_are_shared():
    assert {"--sigma", "--device", "--format", "--confidence"} <= set(SHARED)


@pytest.mark.parametrize("name", sorted(set(SHARED) - OWN))
def test_an_option_has_one_meaning(name):
    said = {(option.help, option.type.name) for option in SHARED[name].values()}
    assert len(said) == 1


@pytest.mark.parametrize("name", sorted(COMPLETED))
def test_a_name_is_completed_wherever_it_is_taken(name):
    for command, option in by_name()[name].items():
        assert option.shell_complete(Context(get_command(app)), ""), command
