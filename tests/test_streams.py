"""Streams that are closed, full or narrow, errors that nobody foresaw: one line, its code."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.errors import OutputError
from sizer.io import cache_folder

NOISE = "noise --step 100"
CODE = "import sys; from sizer.cli import main; main()"
UNFORESEEN = """
import sys, sizer.noise
def level_from(*_, **__):
    raise ZeroDivisionError("\\x1b[31mfirst\\nsecond")
sizer.noise.level_from = level_from
from sizer.cli import main
main()
"""


def shell(line, code=CODE, **environment):
    """A line of bash, in which `sizer` is the program."""
    return subprocess.run(
        ["bash", "-c", f'sizer() {{ "$PYTHON" -c "$CODE" "$@"; }}; {line}'],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHON": sys.executable, "CODE": code} | environment,
    )


def one_line(result):
    assert b"\x1b" not in result.stderr
    (line,) = result.stderr.decode().splitlines()
    return line


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        ("> /dev/full", "No space left on device"),
        (">&-", "Bad file descriptor"),
    ],
)
@pytest.mark.parametrize("line", [f"sizer {NOISE}", f"sizer {NOISE} --format json", "sizer --help"])
def test_an_answer_that_nobody_takes(line, streams, reason):
    result = shell(f"{line} {streams}")
    assert one_line(result) == f"error: standard output: {reason}; send the answer elsewhere"
    assert result.returncode == 3


@pytest.mark.parametrize("line", [f"sizer {NOISE}", f"sizer {NOISE} --format json", "sizer --help"])
def test_a_reader_that_has_seen_enough(line):
    """Nothing is said of it, as of other programs before `head`."""
    result = shell(f"{line} | true; exit ${{PIPESTATUS[0]}}")
    assert (result.stderr, result.returncode) == (b"", 141)


@pytest.mark.parametrize("streams", ["2> /dev/full", "2>&-"])
@pytest.mark.parametrize(("line", "code"), [(NOISE, 0), ("noise --step 9999", 2), ("nosuch", 2)])
def test_messages_that_nobody_takes_change_no_code(line, code, streams):
    result = shell(f"sizer {line} {streams}")
    assert result.returncode == code
    assert (b"sigma" in result.stdout) == (code == 0)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_stream_of_few_characters_spells_the_others_out(encoding, planted_calibration):
    line = f"sizer backtest {planted_calibration} --hold-out 1; sizer '\u2192' 1>&2"
    result = shell(line, PYTHONIOENCODING=encoding)
    assert b"Traceback" not in result.stderr
    assert b"\\u2192" in result.stderr
    assert result.stdout.decode(encoding)


@pytest.mark.parametrize("columns", ["20", "1", "0", "-5", "many"])
def test_a_narrow_terminal(columns):
    result = shell(f"sizer {NOISE} --quiet", COLUMNS=columns, TERM="dumb")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\x1b" not in result.stdout


def test_an_unforeseen_error_is_one_line_and_a_saved_traceback(tmp_path):
    result = shell(f"sizer {NOISE}", code=UNFORESEEN, TMPDIR=str(tmp_path))
    line = one_line(result)
    assert result.returncode == 70
    assert line.startswith(r"error: unforeseen ZeroDivisionError: \x1b[31mfirst; please report")
    (saved,) = tmp_path.iterdir()
    assert line.endswith(str(saved))
    assert "ZeroDivisionError" in saved.read_text()
    assert NOISE in saved.read_text()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "too little memory"),
        (OSError(36, "File name too long", "aaa"), "aaa: File name too long"),
        (
            UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
            r"\udcff: the name",
        ),
    ],
)
def test_what_the_machine_does_not_give_is_code_3(error, words, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("sizer.noise.level_from", fail)
    result = CliRunner().invoke(app, NOISE.split())
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: {words}")
    assert result.stderr.count("\n") == 1


def test_a_name_that_is_no_text_is_kept_as_it_is(planted_calibration, tmp_path):
    result = shell(f"cd {tmp_path}; sizer fit {planted_calibration} --out $'\\xff.json'")
    assert result.returncode == 0
    assert [os.fsencode(path.name) for path in Path(tmp_path).iterdir()] == [b"\xff.json"]


def test_without_a_home_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("pathlib.Path.home", Mock(side_effect=RuntimeError))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(OutputError, match=r"no home folder is known .* set XDG_CACHE_HOME"):
        cache_folder()
