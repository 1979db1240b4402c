"""Who may import whom: data flow one way, stages do not know each other, heavy parts load late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sizer

PACKAGE = Path(sizer.__file__).parent
# Records and helpers that any part may use, and that use nothing above them.
LEAVES = {
    "errors": set(),
    "results": set(),
    "cache": {"errors"},
    "input_format": {"errors", "results"},
    "manifest": {"errors", "results"},
    "model_file": {"errors", "results"},
    "law": {"results"},
    "files": {"errors", "results"},
}
SPINE = {"pipeline"}
# What a part needs beside the leaves; a stage that is not listed needs no other part.
ALLOWED = {"terminal": {"report"}, "page": {"report"}}
# Where a heavy module may be imported at all; zoo.ladder tries what it exported, and quantize asks
# the runtime for its own tools.
HOMES = {
    "torch": {"zoo"},
    "safetensors": {"zoo"},
    "onnxruntime": {"evaluate", "quantize", "zoo.ladder"},
    "lmfit": {"fit"},
    "skimage": {"camera"},
    "datasets": {"datasets"},
    "matplotlib": {"plots"},
    "jinja2": {"page"},
    "sqlite3": {"store"},
    "ray": {"measure.cluster"},
    "tomllib": {"devices"},
    "typer": {"cli"},
    "rich": {"cli", "terminal"},
}
HEAVY = (
    *("torch", "onnxruntime", "onnx", "lmfit", "datasets", "matplotlib", "pandas", "pyarrow"),
    *("skimage", "PIL", "jinja2", "ray"),
)
RECOMMEND = """
import sys
from typer.testing import CliRunner
from sizer.cli.app import app
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


def parts_used(name):
    """Top-level parts of sizer, other than its own, that a module imports."""
    found = {
        module.split(".")[1]
        for module in imported(MODULES[name])
        if module.startswith("sizer.") and module != "sizer.__version__"
    }
    return found - {name.split(".")[0]}


def part(name):
    return name.split(".")[0]


def test_the_rule_sees_what_there_is():
    some = {
        "",
        "cli",
        "pipeline.advising",
        "fit.surface",
        "datasets.npz",
        "zoo.ladder",
        "devices.latency",
    }
    assert some <= set(MODULES)
    assert set(LEAVES) | SPINE <= {part(name) for name in MODULES}
    assert {"advise", "files"} <= parts_used("pipeline.advising")
    assert "torch" in set(imported(MODULES["zoo.training"]))


@pytest.mark.parametrize("name", LEAVES)
def test_leaves_use_only_smaller_leaves(name):
    assert parts_used(name) <= LEAVES[name]


@pytest.mark.parametrize("name", [n for n in MODULES if part(n) not in {*LEAVES, *SPINE, "cli"}])
def test_stages_use_leaves_and_never_each_other(name):
    assert parts_used(name) <= {*LEAVES, *ALLOWED.get(name, ())}


def test_only_the_command_line_uses_the_spine():
    assert {part(name) for name in MODULES if "pipeline" in parts_used(name)} == {"cli"}


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) == "cli"])
def test_the_command_line_imports_no_stage_before_it_is_asked(name):
    top = ast.Module([n for n in MODULES[name].body if not isinstance(n, ast.FunctionDef)], [])
    used = {module for module in imported(top) if module.startswith("sizer.")}
    assert {module for module in used if module.split(".")[1] != "cli"} <= {
        "sizer.errors",
        "sizer.results",
    }


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
    loaded = loaded_by("import sys, sizer.cli; print(*sys.modules)")
    assert "typer" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy", "scipy", "pydantic"})


def test_a_recommendation_loads_nothing_heavy(planted_calibration):
    loaded = loaded_by(
        RECOMMEND,
        *("recommend", "--noise-step", "300", "--target-acc", "0.6"),
        *("--calibration", str(planted_calibration), "--device", "STM32H747XI"),
    )
    assert {"sizer.advise", "sizer.devices.latency"} <= loaded
    assert loaded.isdisjoint({*HEAVY, "sizer.fit", "sizer.levels", "sizer.measure"})
