"""Files that are read and written: bounded, whole or not at all, errors with a remedy."""

import errno
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from io import BytesIO, TextIOWrapper
from pathlib import Path

from sizer.errors import OutputError

ANOTHER_OUTPUT = "choose another output"
ANOTHER_CACHE = "make room, or set XDG_CACHE_HOME to a folder you can write"
LONGEST_TEXT = 1 << 28  # bytes of a calibration, a table, a manifest or a catalogue
MOST_ROWS = 2_000_000  # of a table
PARTIAL = ".sizer-*.partial"  # files that are being written
FORSAKEN = 60.0  # seconds after which a partial that nobody holds is swept up
LOCK = ".sizer-lock"  # ends the name of a lock file


def read_bounded(path: Path, most: int = LONGEST_TEXT) -> bytes:
    """The bytes of a regular file. Raises OSError for a device, a pipe, or more than `most`."""
    if _regular_size(path) > most:
        raise OSError(errno.EFBIG, f"is larger than {most >> 20} MiB", str(path))
    return path.read_bytes()


def lines_of_table(path: Path, errors: str = "strict") -> tuple[TextIOWrapper, int]:
    """The lines of a text of rows, for `csv`, and how many there are below the first.

    Decoded piece by piece, since as one text they take four times the memory; the mark that
    spreadsheets write is left out. errors: of what is no UTF-8. Raises OSError as `read_bounded`
    does, and for more than MOST_ROWS.
    """
    content = read_bounded(path)
    written = content.rstrip()
    rows = max(written.count(end) for end in (b"\n", b"\r"))
    if rows > MOST_ROWS:
        too_many = f"holds {rows:,} rows, {MOST_ROWS:,} are the most that are read"
        raise OSError(errno.EFBIG, too_many, str(path))
    return TextIOWrapper(BytesIO(content), "utf-8-sig", errors, newline=""), rows


def _regular_size(path: Path) -> int:
    """Bytes of a regular file. Raises OSError for what is none."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, no regular file", str(path))
    return status.st_size


@contextmanager
def writing_to(path: Path | str, remedy: str = ANOTHER_OUTPUT) -> Iterator[None]:
    """Raises OutputError, which names the path and the remedy, for an OSError in the block."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def replacing(path: Path, remedy: str = ANOTHER_OUTPUT) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place in one step when the block ends well.

    Where `path` is a link, its target is replaced. Raises OutputError where that fails. What was
    there before then stays, as it does when the process is killed or the machine stops.
    """
    with writing_to(path, remedy):
        target = _target(path)
        sweep(target.parent)
        partial = target.with_name(f".sizer-{secrets.token_hex(8)}.partial")
        try:
            with partial.open("xb") as held:
                lock(held.fileno())  # tells others that its writer lives
                yield partial
                os.fsync(held.fileno())
            partial.replace(target)
            _flush_names(target.parent)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """Where `path` leads. Raises OSError for what is there and is no regular file."""
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        _regular_size(target)
    return target


def _flush_names(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can say so."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Path, older_than: float = FORSAKEN) -> None:
    """Remove what killed processes left half written: so many seconds old, and held by nobody."""
    for partial in folder.glob(PARTIAL):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > older_than:
                with partial.open("r+b") as held:
                    if lock(held.fileno()):
                        partial.unlink()


def lock(handle: int) -> bool:
    """Hold an open file until it is closed; False where another process holds it.

    True also where the system or the file's disk knows no locks.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Be the only process that makes the file `path` while the block runs.

    Raises OutputError where another one makes it already, or no file can be put beside it.
    """
    target = Path(os.path.realpath(path))
    with _alone(path, target.with_name(f".{target.name[:200]}{LOCK}")):
        yield


@contextmanager
def filling(folder: Path) -> Iterator[None]:
    """Be the only process that fills `folder`, which is made; left empty, it goes again.

    Raises OutputError where another one fills it already, or it cannot be written.
    """
    there = folder.exists()
    make_folder(folder)
    try:
        with _alone(folder, folder / LOCK):
            yield
    finally:
        if not there:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _alone(path: Path, place: Path) -> Iterator[None]:
    with writing_to(path):
        handle = _held(path, place)
    try:
        yield
    finally:
        with suppress(OSError):
            place.unlink()  # while it is held, so that nobody waits at a file without a name
        os.close(handle)


def _held(path: Path, place: Path) -> int:
    while True:
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        if not lock(handle):
            os.close(handle)
            raise OutputError(
                f"{path}: another sizer is writing it; wait for that one, or choose another --out"
            )
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), place.stat()):
                return handle
        os.close(handle)  # its holder removed it meanwhile


def write_text(path: Path, text: str) -> None:
    r"""Write text; half a character, as of a name that is no UTF-8, is spelled out: `\udcff`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(content)


def make_folder(path: Path, remedy: str = ANOTHER_OUTPUT) -> None:
    with writing_to(path, remedy):
        path.mkdir(parents=True, exist_ok=True)


def check_writable(path: Path) -> None:
    """Raise OutputError where no file can be put at `path`."""
    with writing_to(path):
        target = _target(path)
        with tempfile.TemporaryFile(dir=target.parent):
            pass


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/sizer, or ~/.cache/sizer: for files that can be made again.

    It is made if it is not there. Raises OutputError where it cannot be made.
    """
    # The XDG base directory specification says to ignore a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else _home() / ".cache") / "sizer"
    make_folder(folder, ANOTHER_CACHE)
    return folder


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise OutputError("no home folder is known for the cache; set XDG_CACHE_HOME") from None


def shipped(kind: str) -> Path:
    """Folder of the shipped `models` or `calibration`, in a wheel or in a checkout."""
    packaged = Path(str(files("sizer"))) / "shipped" / kind
    return packaged if packaged.is_dir() else Path(str(files("sizer"))).parent / kind
