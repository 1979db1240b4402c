"""Each line of the documents' code blocks is run, in a folder that has what it names.

`LEFT_OUT` has the only ones that are not, with the reason; those are parsed.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from documented import lines_in, shell_blocks, write_documented
from typer.main import get_command
from typer.testing import CliRunner

from sizer.cli.app import app

pytestmark = pytest.mark.slow

# By what is in them.
LEFT_OUT = {
    "sizer start": "trains for minutes; tests/job does it",
    "sizer train": "trains for hours; tests/networks does it",
    "--engine ray": "needs a cluster; tests/measure starts one",
    "data/cifar100": "needs CIFAR-100, and half an hour",
    "imagenet-sample/": "needs a thousand photographs, and a quarter of an hour",
}
ANSWERED = {0, 1, 4}  # the exit codes of a valid answer


LINES = [
    pytest.param(line, id=f"{page}: {line[:60]}")
    for page, text in shell_blocks()
    for line in lines_in(text)
]
ANSWERS = [
    pytest.param(line, printed, id=f"{page}: {line[:60]}")
    for page, text in shell_blocks()
    for line, printed in re.findall(r"^\$ (sizer .*)\n((?:[^$\n].*\n)+)", text, re.MULTILINE)
]


def words(line):
    """What a shell gives the program, with the files that a pattern names."""
    given = []
    for word in shlex.split(line)[1:]:
        given += sorted(map(str, Path().glob(word))) if "*" in word else [word]
    return given


def parsed(given):
    """Every option is there, and its value is of its kind."""
    name, *rest = given
    get_command(app).commands[name].make_context(name, rest)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_documented(tmp_path_factory.mktemp("documented"))


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """Each line has the files as they were."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "here"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("line", LINES)
def test_a_line_runs(here, line):
    reason = next((why for part, why in LEFT_OUT.items() if part in line), None)
    if reason is not None:
        parsed(words(line))
        pytest.skip(reason)
    result = CliRunner().invoke(app, words(line))
    assert result.exit_code in ANSWERED, result.stderr


@pytest.mark.parametrize(("line", "printed"), ANSWERS)
def test_an_answer_is_what_is_shown(here, line, printed):
    assert CliRunner().invoke(app, words(line)).stdout == printed


def test_nothing_is_left_out_that_is_not_shown():
    text = "\n".join(text for _, text in shell_blocks())
    assert [part for part in LEFT_OUT if part not in text] == []
