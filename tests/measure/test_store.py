"""The cell store: what is kept stays, and what cannot be kept is said in one line."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.errors import OutputError
from sizer.measure.store import open_store

WRITER = """
import sys
import numpy as np
from pathlib import Path
from sizer.measure.store import open_store
with open_store(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 60):
        store.keep("shared", (float(number), 0, 3), np.full(3, number))
"""

FILLER = """
import resource, sys
import numpy as np
from pathlib import Path
from sizer.errors import OutputError
from sizer.measure.store import open_store
with open_store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        for number in range(1000):
            store.keep("source", (float(number), 0, 500), np.zeros(500, np.int64))
            print(number, flush=True)
    except OutputError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "cells.sqlite"


def test_default_is_in_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with open_store() as store:
        assert store.path == tmp_path / "sizer" / "cells.sqlite"


@settings(max_examples=25, deadline=None)
@given(
    cells=st.dictionaries(
        st.tuples(st.floats(0, 5000), st.integers(0, 10**6)),
        st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20),
        max_size=5,
    )
)
def test_cells_come_back_as_they_were_kept(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("store") / "cells.sqlite"
    expected = {(step, start, start + len(v)): v for (step, start), v in cells.items()}
    with open_store(path) as store:
        for cell, labels in expected.items():
            store.keep("source", cell, np.array(labels, np.int64))
    with open_store(path) as store:
        found = store.cells("source")
        assert {cell: labels.tolist() for cell, labels in found.items()} == expected
        assert store.cells("another source") == {}


def test_nothing_is_ever_overwritten(path):
    with open_store(path) as store:
        store.keep("source", (1.0, 0, 2), np.array([3, 4]))
        store.keep("source", (1.0, 0, 2), np.array([5, 6]))
        assert store.cells("source")[1.0, 0, 2].tolist() == [3, 4]


def test_labels_that_do_not_fill_their_range_are_refused(path):
    with open_store(path) as store, pytest.raises(OutputError, match="cannot keep"):
        store.keep("source", (1.0, 0, 3), np.array([3, 4]))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"accuracy,step\n0.5,100\n" * 50, "is no store of sizer"),
        (b"SQLite format 3\0 but no more than its name" * 20, "is no store|cannot keep"),
    ],
)
def test_a_file_of_another_format_is_refused_and_left_alone(tmp_path, contents, message):
    file = tmp_path / "cells.sqlite"
    file.write_bytes(contents)
    with pytest.raises(OutputError, match=message) as caught:
        open_store(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == contents


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "cells.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = file.read_bytes()
    with pytest.raises(OutputError, match="no store of sizer"):
        open_store(file)
    assert file.read_bytes() == before


def test_a_store_of_another_version_is_refused(path):
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="another version"):
        open_store(path)


def test_a_damaged_store_is_named(path):
    with open_store(path) as store:
        for number in range(50):
            store.keep("source", (float(number), 0, 500), np.zeros(500, np.int64))
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(OutputError, match="is damaged; move it away"), open_store(path) as store:
        store.cells("source")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file: File exists; make room"):
        open_store(tmp_path / "file" / "cells.sqlite")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(OutputError, match="unable to open"):
        open_store(tmp_path)


def test_a_full_disk_is_one_line_and_loses_nothing(path):
    run = subprocess.run(
        [sys.executable, "-c", FILLER, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 3
    assert run.stderr.count("\n") == 1
    assert "make room" in run.stderr
    finished = {(float(number), 0, 500) for number in run.stdout.split()}
    assert finished
    with open_store(path) as store:
        assert set(store.cells("source")) == finished


def test_processes_may_open_and_write_at_once(path):
    starts = [0, 0, 30, 60]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(start)]) for start in starts
    ]
    assert [writer.wait() for writer in writers] == [0] * len(starts)
    with open_store(path) as store:
        cells = store.cells("shared")
    assert {step: labels.tolist() for (step, _, _), labels in cells.items()} == {
        float(number): [number] * 3 for number in range(120)
    }


@pytest.mark.parametrize(
    "change",
    [
        "labels = x'01000000'",
        "labels = x'FFFFFF7F'",
        "digest = NULL",
        "digest = x'00'",
        "step = 2.0",
        "start = 1, stop = 2",
        "source = 2",
    ],
)
def test_a_damaged_cell_is_removed_and_said(path, change):
    told = []
    with open_store(path) as store:
        store.keep("source", (1.0, 0, 1), np.array([3]))
        store.keep("source", (9.0, 0, 1), np.array([4]))
        store.keep("another", (5.0, 0, 1), np.array([5]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE cells SET {change} WHERE step = 1.0")
    with open_store(path, told.append) as store:
        assert {*store.cells("source"), *store.cells("another")} == {(9.0, 0, 1), (5.0, 0, 1)}
        assert told == [f"{path}: 1 damaged cells; they are measured anew"]
        assert store.verify() == 0


def test_to_verify_is_to_remove_what_is_damaged(path):
    with open_store(path) as store:
        for step in (1.0, 2.0, 3.0):
            store.keep("source", (step, 0, 1), np.array([3]))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE cells SET labels = x'01000000' WHERE step = 2.0")
        assert (store.verify(), store.verify(), len(store)) == (1, 0, 2)


def test_what_was_kept_long_ago_is_pruned_source_by_source(path):
    with open_store(path) as store:
        for source in ("old", "new"):
            store.keep(source, (1.0, 0, 1000), np.arange(1000))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE sources SET kept = 1000 WHERE description = 'old'")
        store.prune(2000)
        assert (len(store.cells("old")), len(store.cells("new"))) == (0, 1)
        store.keep("old", (1.0, 0, 1000), np.arange(1000))
        assert len(store.cells("old")) == 1


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW more AS SELECT * FROM cells",
        "CREATE TRIGGER more AFTER INSERT ON cells BEGIN DELETE FROM sources; END",
        "CREATE TABLE more (x)",
        "DROP TABLE cells",
    ],
)
def test_a_file_with_more_or_less_in_it_is_no_store(path, made):
    open_store(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(made)
    with pytest.raises(OutputError, match="is no store of sizer"):
        open_store(path)


def test_a_label_beyond_the_classes_is_damage(path):
    told = []
    with open_store(path, told.append) as store:
        store.keep("source", (1.0, 0, 2), np.array([3, 4]))
        assert list(store.cells("source", 5)) == [(1.0, 0, 2)]
        assert store.cells("source", 4) == store.cells("source") == {}
    assert len(told) == 1


def test_a_store_without_digests_is_brought_along(path):
    with open_store(path) as store:
        store.keep("source", (1.0, 0, 1), np.array([3]))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE cells DROP COLUMN digest")
        connection.execute("ALTER TABLE sources DROP COLUMN kept")
        connection.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with open_store(path) as store:
            assert store.cells("source")[1.0, 0, 1].tolist() == [3]
