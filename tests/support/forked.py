"""The command line in a fork of this process: as fast as a call, as safe as a program."""

import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIMIT = 60  # seconds of a core: on a busy machine, they last
PATIENCE = 600.0  # seconds
MEMORY = 2 << 30  # bytes in memory
ADDRESSES = 16 << 30  # bytes asked for, beyond which a request fails


@dataclass(frozen=True)
class Ending:
    """How a command ended: code (None: past the limit), both streams, and the peak, bytes."""

    arguments: tuple[str, ...]
    code: int | None
    out: bytes
    error: bytes
    seconds: float
    peak: int

    def faults(self):
        """What no command may do, in a word each; none for a good ending."""
        code, lines = self.code, self.error.decode(errors="replace").splitlines()
        found = {
            "hang": code is None,
            "traceback": b"Traceback" in self.error + self.out,
            "unforeseen": code == 70,
            "killed": code is not None and code < 0,
            "code": code is not None and code >= 0 and code not in self._documented() | {70},
            "escape": any(c in self.out + self.error for c in (b"\x1b", b"\x07", b"\x9b")),
            "memory": self.peak > MEMORY,
            "lines": code in (2, 3) and [x[:7] for x in lines[-1:]] != ["error: "],
            "two errors": sum(line.startswith("error: ") for line in lines) > 1,
        }
        return [name for name, there in found.items() if there]

    def _documented(self):
        asking = self.arguments[:1] in (("recommend",), ("plan",))
        return {0, 1, 2, 3, 4} if asking else {0, 2, 3, 4}


def run(arguments, folder, **environment):
    """`sizer` with these arguments, in that folder."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        grown = _resident() - _resident_at_first()  # by examples that tests keep
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _become_sizer(arguments, folder, environment, out.fileno(), error.fileno())
        code, peak = _awaited(child)
        peak -= max(0, grown)
        seconds = time.monotonic() - began
        out.seek(0)
        error.seek(0)
        return Ending(tuple(arguments), code, out.read(), error.read(), seconds, peak)


def _resident():
    """Bytes of this process that are in memory, which a fork begins with."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@cache
def _resident_at_first():
    return _resident()


def _awaited(child):
    watched = os.pidfd_open(child)
    ended, _, _ = select.select([watched], [], [], PATIENCE)
    os.close(watched)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also what it left behind
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if ended and code != -signal.SIGXCPU else None, usage.ru_maxrss * 1024


def _become_sizer(arguments, folder, environment, out, error):
    """Never returns."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, 2 * LIMIT))
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, stream in enumerate((nothing, out, error)):
            os.dup2(stream, number)
        sys.stdout, sys.stderr = (open(n, "w", 1, closefd=False) for n in (1, 2))  # noqa: SIM115
        os.chdir(folder)
        os.environ.update(environment)
        sys.argv = ["sizer", *arguments]
        from sizer.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
