"""Predicted labels that outlive the process: one SQLite file, in which every cell proves itself."""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from sizer.errors import OutputError
from sizer.io import cache_folder, make_folder
from sizer.progress import say_nothing

FILE_NAME = "cells.sqlite"
TABLES = {("table", "cells"), ("table", "sources")}
APPLICATION_ID = 0x73697A72  # "sizr": how SQLite files tell whose they are
VERSION = 2  # 1 had no digests; the first stores of 2 had no times
DIGEST_BYTES = 16
ALL_LABELS = 1 << 32  # that a cell can hold
PATIENCE = 60.0  # seconds to wait for another process that writes
PAUSE = 0.02  # seconds between tries where SQLite does not wait by itself
REMEDY = "make room or set XDG_CACHE_HOME to another folder, then run the same line again"

SCHEMA = (
    """CREATE TABLE sources (
        id INTEGER PRIMARY KEY,
        description TEXT NOT NULL UNIQUE,
        kept REAL NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE cells (
        source INTEGER NOT NULL REFERENCES sources (id),
        step REAL NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        labels BLOB NOT NULL CHECK (length(labels) = 4 * (stop - start)),
        digest BLOB,
        PRIMARY KEY (source, step, start, stop)
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

Labels = NDArray[np.int64]
CellRange = tuple[float, int, int]  # step, first position, last position + 1


class CellStore:
    """Labels by source (text that holds all they depend on), step and image range.

    Use it in the thread that opened it. Every method raises OutputError where SQLite fails.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        tell: Callable[[str], None] = say_nothing,
    ) -> None:
        """tell: told of damaged cells."""
        self.path = path
        self._connection = connection
        self._tell = tell

    def __enter__(self) -> "CellStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def cells(self, source: str, classes: int = ALL_LABELS) -> dict[CellRange, Labels]:
        """All finished cells of a source. Those that are damaged are removed, and told of.

        classes: how many there are; no label lies beyond.
        """
        cells: dict[CellRange, Labels] = {}
        damaged: list[CellRange] = []
        for cell, labels in self._sound_or_not(source):
            if labels is None or labels.max(initial=0) >= classes:
                damaged.append(cell)
            else:
                cells[cell] = labels
        if damaged:
            self._remove(source, damaged)
            self._tell(f"{self.path}: {len(damaged):,} damaged cells; they are measured anew")
        return cells

    def __len__(self) -> int:
        """How many cells there are, of all sources."""
        with _explained(self.path):
            return int(self._connection.execute("SELECT count(*) FROM cells").fetchone()[0])

    def verify(self) -> int:
        """Remove the cells that do not prove themselves; returns how many there were."""
        with _explained(self.path):
            rows = self._connection.execute("SELECT description FROM sources").fetchall()
        return sum(self._verify(source) for (source,) in rows)

    def _verify(self, source: str) -> int:
        damaged = [cell for cell, labels in self._sound_or_not(source) if labels is None]
        self._remove(source, damaged)
        return len(damaged)

    def prune(self, before: float) -> None:
        """Remove all cells of sources to which none came since `before`, seconds since 1970."""
        old = "SELECT id FROM sources WHERE NOT kept >= ?"
        with _explained(self.path):
            with _transaction(self._connection):
                self._connection.execute(f"DELETE FROM cells WHERE source IN ({old})", (before,))
                self._connection.execute("DELETE FROM sources WHERE NOT kept >= ?", (before,))
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _sound_or_not(self, source: str) -> Iterator[tuple[CellRange, Labels | None]]:
        """Every cell of a source, with its labels if they are those that were kept."""
        query = """SELECT step, start, stop, labels, digest FROM cells
            JOIN sources ON sources.id = cells.source WHERE description = ?"""
        with _explained(self.path):
            rows = self._connection.execute(query, (source,)).fetchall()
        for step, start, stop, labels, digest in rows:
            cell = (step, start, stop)
            sound = isinstance(labels, bytes) and digest == _digest(source, cell, labels)
            yield cell, np.frombuffer(labels, "<u4").astype(np.int64) if sound else None

    def _remove(self, source: str, cells: list[CellRange]) -> None:
        query = """DELETE FROM cells WHERE step = ? AND start = ? AND stop = ?
            AND source = (SELECT id FROM sources WHERE description = ?)"""
        with _explained(self.path), _transaction(self._connection):
            self._connection.executemany(query, [(*cell, source) for cell in cells])

    def keep(self, source: str, cell: CellRange, labels: Labels) -> None:
        """Add a finished cell, which a killed process then keeps; one already there stays as it is.

        labels: (stop - start,), from 0 to 2**32 - 1.
        """
        add_source = """INSERT INTO sources (description, kept) VALUES (?, ?)
            ON CONFLICT (description) DO UPDATE SET kept = excluded.kept"""
        add_cell = """INSERT INTO cells (source, step, start, stop, labels, digest)
            SELECT id, ?, ?, ?, ?, ? FROM sources WHERE description = ?
            ON CONFLICT (source, step, start, stop) DO NOTHING"""
        packed = labels.astype("<u4").tobytes()
        values = (*cell, packed, _digest(source, cell, packed), source)
        with _explained(self.path), _transaction(self._connection):
            self._connection.execute(add_source, (source, time.time()))
            self._connection.execute(add_cell, values)


def _digest(source: str, cell: CellRange, labels: bytes) -> bytes:
    step, start, stop = cell
    about = f"{source} {float(step)!r} {start} {stop} ".encode()
    return hashlib.blake2b(about + labels, digest_size=DIGEST_BYTES).digest()


def open_store(path: Path | None = None, tell: Callable[[str], None] = say_nothing) -> CellStore:
    """Open a store, made here if there is none; `cells.sqlite` in the cache folder by default.

    tell: told of damaged cells, when they are read.

    Raises OutputError, with the remedy, for a folder that cannot be written and for a file that
    is not a store, or one of another version: such a file is left as it is.
    """
    path = cache_folder() / FILE_NAME if path is None else path
    make_folder(path.parent, REMEDY)
    with _explained(path):
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        with _explained(path):
            _prepare(path, connection)
    except OutputError:
        connection.close()
        raise
    return CellStore(path, connection, tell)


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; raise OutputError if the file is another's."""
    if _is_empty(connection):
        with _transaction(connection):
            if _is_empty(connection):  # another process may have been first
                for statement in SCHEMA:
                    connection.execute(statement)
    if _number(connection, "application_id") != APPLICATION_ID or _contents(connection) != TABLES:
        raise OutputError(f"{path}: is no store of sizer; move it away or name another file")
    if _number(connection, "user_version") == 1:
        _add_digests(connection)
    if _number(connection, "user_version") != VERSION:
        raise OutputError(f"{path}: was written by another version of sizer; move it away")
    _add_times(connection)
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


def _add_digests(connection: sqlite3.Connection) -> None:
    """Bring a store of version 1 to this one; what it holds is taken to be sound."""
    connection.create_function(
        "digest", 5, lambda source, *cell: _digest(source, cell[:3], cell[3])
    )
    with _transaction(connection):
        if _number(connection, "user_version") == 1:  # another process may have been first
            connection.execute("ALTER TABLE cells ADD COLUMN digest BLOB")
            connection.execute(
                """UPDATE cells SET digest = digest(
                    (SELECT description FROM sources WHERE id = source), step, start, stop, labels
                )"""
            )
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _add_times(connection: sqlite3.Connection) -> None:
    """Have a place for when the last cell came to a source; what is there counts as kept now."""
    if _has_times(connection):
        return
    with _transaction(connection):
        if not _has_times(connection):  # another process may have been first
            connection.execute("ALTER TABLE sources ADD COLUMN kept REAL NOT NULL DEFAULT 0")
            connection.execute("UPDATE sources SET kept = ?", (time.time(),))


def _has_times(connection: sqlite3.Connection) -> bool:
    return "kept" in {row[1] for row in connection.execute("PRAGMA table_info(sources)")}


def _contents(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Kind and name of all in the file; a view or a trigger would be run as it is read."""
    query = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    return set(connection.execute(query).fetchall())


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return tables == 0 and _number(connection, "application_id") == 0


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log, for which SQLite asks for the file without waiting."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and the only writer from its first statement on.

    It begins inside the block. Outside, an interrupt right after it would leave it open.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that names the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        remedies = {
            sqlite3.SQLITE_NOTADB: "is no store of sizer; move it away or name another file",
            sqlite3.SQLITE_CORRUPT: "is damaged; move it away and measure again",
        }
        message = remedies.get(code, f"cannot keep measurements ({error}); {REMEDY}")
        raise OutputError(f"{path}: {message}") from None
