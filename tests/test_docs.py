"""The documents say what is true: every command is listed, every line shown would be accepted."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from documented import PAGES, ROOT, lines_in, shell_blocks
from typer.main import get_command

from sizer.cli.app import app
from sizer.noise.schedule import linear_schedule


def commands() -> dict[str, typer.core.TyperCommand]:
    return get_command(app).commands  # type: ignore[attr-defined, no-any-return]


def lines_shown() -> list[tuple[str, str]]:
    """(page, command line) of every `sizer ...` in a code block or between backticks."""
    found = [(page, line) for page, text in shell_blocks() for line in lines_in(text)]
    for page in PAGES:
        found += [
            (page.name, line) for line in re.findall(r"`(sizer [^`]*--[^`]*)`", page.read_text())
        ]
    return found


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = re.findall(r"^\| `sizer (\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(commands())


@pytest.mark.parametrize(("page", "line"), lines_shown())
def test_a_line_shown_is_a_line_accepted(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0].startswith("--") or words[0] == "COMMAND":
        return
    command = commands()[words[0]]
    if len(words) > 1 and words[1] in getattr(command, "commands", {}):
        command = command.commands[words[1]]  # type: ignore[attr-defined]
    known = {name for parameter in command.params for name in parameter.opts}
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert given <= known | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_exit_codes_in_the_readme_are_those_of_the_verdicts_and_errors() -> None:
    from sizer import errors

    rows = re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    raised = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.SizerError)
    }
    assert raised | {0, 1, 4, 70, 130, 141} == set(map(int, rows))


def test_the_noise_of_the_glossary_is_that_of_the_schedule() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    schedule = linear_schedule()
    assert len(rows) == 5
    for step, sigma, psnr in rows:
        assert schedule.sigma(float(step)) == pytest.approx(float(sigma), rel=5e-3)
        assert schedule.psnr_db(float(step)) == pytest.approx(float(psnr), abs=0.05)
