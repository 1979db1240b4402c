"""Who may import whom: imports run one way, heavy parts load late and have one home each."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import sizer

PACKAGE = Path(sizer.__file__).parent
# Where a heavy module may be imported at all. networks.member tries what it exported, and
# quantization takes the runtime's own tools.
HOMES = {
    "torch": {"networks"},
    "safetensors": {"networks"},
    "onnxruntime": {"inference", "networks.member", "quantization"},
    "lmfit": {"scaling"},
    "skimage": {"noise.camera"},
    "datasets": {"datasets"},
    "matplotlib": {"report.pictures"},
    "jinja2": {"report.html"},
    "sqlite3": {"measure.store"},
    "ray": {"cluster", "measure.cluster", "networks.cluster"},
    "tomllib": {"devices"},
    "typer": {"cli"},
    "rich": {"cli", "report.terminal"},
}
# What the command line may import before it is asked: records of the rooms, and errors.
LIGHT = {
    *("errors", "estimate", "datasets.records", "devices.units", "inference.records"),
    *("cluster", "networks.recipe", "scaling.choices"),
}
HEAVY = (
    *("torch", "onnxruntime", "onnx", "lmfit", "datasets", "matplotlib", "pandas", "pyarrow"),
    *("skimage", "PIL", "jinja2", "ray"),
)
ALL_COMMANDS = """
import sys
from sizer.cli import command_modules, load_commands
load_commands(command_modules())
print(*sys.modules)
"""
RECOMMEND = """
import sys
from typer.testing import CliRunner
from sizer.cli import command_modules, load_commands
from sizer.cli.app import app
load_commands(command_modules())
result = CliRunner().invoke(app, sys.argv[1:])
assert result.exit_code == 0, result.output
print(" ".join(sorted(sys.modules)))
"""


def modules():
    """Dotted names below `sizer`, with the syntax tree of each."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "shipped" not in path.parts:
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            yield (
                ".".join(part for part in parts if part != "__init__"),
                ast.parse(path.read_text(encoding="utf-8")),
            )


MODULES = dict(modules())


def imported(tree):
    """Names of the modules that a tree imports, wherever in it, but not for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            if node.module == "sizer":
                yield from (f"sizer.{alias.name}" for alias in node.names)
        else:
            yield from imported(node)


def part(name):
    return name.split(".")[0]


def test_imports_run_one_way_through_the_rooms(capsys, monkeypatch):
    """The contract is in pyproject.toml."""
    monkeypatch.chdir(PACKAGE.parent)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_every_room_has_its_place_in_that_order():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    placed = {room.strip("()") for layer in contract["layers"] for room in layer.split(" | ")}
    assert placed >= {part(name) for name in MODULES} - {""}


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) == "cli"])
def test_the_command_line_imports_no_stage_before_it_is_asked(name):
    top = ast.Module([n for n in MODULES[name].body if not isinstance(n, ast.FunctionDef)], [])
    used = {module.partition(".")[2] for module in imported(top) if module.startswith("sizer.")}
    assert {module for module in used if module.split(".")[0] != "cli"} <= LIGHT


@pytest.mark.parametrize("library", HOMES)
def test_each_heavy_library_has_one_home(library):
    users = {
        name
        for name, tree in MODULES.items()
        if any(module.split(".")[0] == library for module in imported(tree))
    }
    strangers = {user for user in users if not {user, part(user)} & HOMES[library]}
    assert users
    assert not strangers


def loaded_by(script, *arguments):
    command = [sys.executable, "-c", script, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_command_line_loads_nothing_heavy():
    loaded = loaded_by(ALL_COMMANDS)
    assert "typer" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy", "scipy", "pydantic"})


def test_a_recommendation_loads_nothing_heavy(planted_calibration):
    loaded = loaded_by(
        RECOMMEND,
        *("recommend", "--noise-step", "300", "--target-acc", "0.6"),
        *("--calibration", str(planted_calibration), "--device", "STM32H747XI"),
    )
    assert {"sizer.prediction.recommend", "sizer.devices.latency"} <= loaded
    assert loaded.isdisjoint({*HEAVY, "sizer.measure.cells"})
