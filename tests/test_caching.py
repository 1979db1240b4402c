"""`sizer cache`: what is kept is counted, proved and removed; nothing else is."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from tiny import save_images, save_ladder
from typer.testing import CliRunner

import sizer
from sizer.caching import CELLS, COPIES, clean_cache
from sizer.cli.app import app
from sizer.cli.cache import parse_age
from sizer.datasets.sealed import seal
from sizer.errors import UsageError
from sizer.measure.store import open_store


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A cache folder with two cells, a sealed copy, and a file that is not ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "sizer"
    with open_store() as store:
        for step in (0.0, 1.0):
            store.keep("source", (step, 0, 1000), np.arange(1000))
    (folder / "decoded" / "a").mkdir(parents=True)
    (folder / "decoded" / "a" / "images.npy").write_bytes(bytes(10**6))
    seal(folder / "decoded" / "a")
    (folder / "mine.txt").write_text("mine")
    return folder


def entries(use):
    return {kept.kind: kept.entries for kept in use.kept if kept.entries != 0}


def run(*arguments):
    ended = CliRunner().invoke(app, ["cache", *arguments])
    return ended.exit_code, ended.output


def test_to_look_removes_nothing(place):
    use = clean_cache()
    assert entries(use) == {CELLS: 2, COPIES["decoded"]: 1}
    assert use.bytes > 10**6
    assert (use.damaged, use.freed) == (None, 0)
    assert use == clean_cache()


def test_to_verify_removes_what_is_damaged(place):
    assert clean_cache(verify=True).damaged == 0
    (place / "decoded" / "a" / "images.npy").write_bytes(bytes(10**6 - 1))
    with closing(sqlite3.connect(place / "cells.sqlite")) as connection, connection:
        connection.execute("UPDATE cells SET digest = NULL WHERE step = 1")
    use = clean_cache(verify=True)
    assert use.damaged == 2
    assert entries(use) == {CELLS: 1}


def test_what_is_older_goes_and_what_is_not_stays(place):
    with closing(sqlite3.connect(place / "cells.sqlite")) as connection, connection:
        connection.execute("UPDATE sources SET kept = 0")
    use = clean_cache(older_than=3600)
    assert entries(use) == {COPIES["decoded"]: 1}


def test_all_is_all_but_what_is_not_ours(place):
    use = clean_cache(older_than=0)
    assert entries(use) == {}
    assert use.freed > 10**6
    assert (place / "mine.txt").read_text() == "mine"


def test_a_store_that_cannot_be_read_is_said_and_goes_with_all(place):
    (place / "cells.sqlite").write_bytes(b"no store " * 100)
    assert entries(clean_cache())[CELLS] is None
    assert run("--older-than", "1d")[0] == 3
    assert CELLS not in entries(clean_cache(older_than=0))


def test_what_was_removed_is_measured_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ladder = save_ladder(tmp_path / "ladder", (2, 4))
    images = save_images(tmp_path / "images.npz", 40)

    def measured():
        return sizer.calibrate(ladder, data=images, steps=(0, 300, 900, 2000), provider="cpu")

    first = measured()
    assert entries(clean_cache())[CELLS] == 8
    clean_cache(older_than=0)
    assert measured() == first


@pytest.mark.parametrize("arguments", [["--all", "--older-than", "3d"], ["--older-than", "x"]])
def test_a_wrong_line_removes_nothing(place, arguments):
    assert run(*arguments)[0] == 2
    assert entries(clean_cache()) == {CELLS: 2, COPIES["decoded"]: 1}


def test_the_command_says_how_much_there_is(place):
    code, said = run("--verify")
    assert code == 0
    assert "labels of measured cells" in said
    assert "damaged, and removed" in said


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("1.5w", 907_200)]
)
def test_an_age_has_its_unit(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "0d", "1e9d", "9" * 400 + "d", "nan", "\u0661d"]
)
def test_an_age_without_sense_is_refused(text):
    with pytest.raises(UsageError):
        parse_age(text)
