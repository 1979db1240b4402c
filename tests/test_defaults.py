"""What a user calls from Python has the defaults of the command line, and says how to repeat it."""

import ast
import inspect
import shlex
from importlib import import_module

import pytest

import sizer
from sizer.networks.manifest import python_line

CALLS = {
    "calibrating.calibrate": "calibrate.calibrate",
    "fitting.fit": "calibrate.fit",
    "prediction.recommend.recommend": "recommend.recommend",
    "prediction.accuracy.predict": "predict.predict",
    "prediction.plan.plan": "plan.plan",
    "prediction.backtest.backtest": "backtest.backtest",
    "job.start.start": "start.start",
    "job.verify.verify": "verify.verify",
    "networks.train.train": "train.train",
    "networks.export.export": "train.export",
    "quantization.quantize.quantize": "quantize.quantize",
    "devices.check.check_model": "devices.check",
    "devices.check.list_devices": "devices.devices",
}

# What the command line says in words.
WORDS = {("models", None): (), ("shape", None): (), ("borrow", None): (), ("steps", "auto"): None}


def defaults(name):
    """By the name of the parameter, those that have one."""
    module, _, function = name.rpartition(".")
    parameters = inspect.signature(getattr(import_module(f"sizer.{module}"), function)).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


@pytest.mark.parametrize(("function", "command"), CALLS.items())
def test_defaults_are_those_of_the_command_line(function, command):
    ours, theirs = defaults(function), defaults(f"cli.{command}")
    shared = ours.keys() & theirs.keys()
    assert shared
    told = {name: WORDS.get((name, theirs[name]), theirs[name]) for name in shared}
    assert {name: ours[name] for name in shared} == told


def test_the_line_of_a_call_makes_it_again():
    arguments = {"sizes": (1e4, 2e4), "folder": "my ladder's", "noise_steps": (0, 800), "seeds": 2}
    python, option, code = shlex.split(python_line("train", **arguments))
    assert (python, option) == ("python", "-c")
    imported, called = ast.parse(code).body
    assert ast.unparse(imported) == "import sizer"
    assert ast.unparse(called.value.func) == "sizer.train"
    given = {word.arg: ast.literal_eval(word.value) for word in called.value.keywords}
    assert given == arguments


def test_a_line_names_the_input_format_as_the_library_does():
    expected = sizer.InputFormat((0.0, 1.0), (0.5,), (0.25,))
    *_, code = shlex.split(python_line("quantize", input_format=expected))
    (word,) = ast.parse(code).body[1].value.keywords
    assert eval(ast.unparse(word.value), {"sizer": sizer}) == expected
