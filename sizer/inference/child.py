"""A process for what strangers wrote: it hangs, crashes or asks for all memory alone.

A graph can be an endless loop, grow without end, or bring the runtime down, and none of it can be
told before it runs. So the runtime works in a child process that limits itself before it begins:
the system ends it where it takes longer, and refuses it more memory. The parent only waits, which
Ctrl-C ends at once. A child outlives no parent.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from sizer.errors import ModelError, SizerError

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 20.0  # for any answer
WORK_A_SECOND = 4e11  # bytes of weights times values of images: a fortieth of what a core does
MEMORY = 3 << 28  # bytes of data of a child, the libraries' own included
MEMORY_A_BYTE = 8  # of weights: the file, the graph, and what is rewritten of both
MEMORY_A_VALUE = 192  # of images: maps of 48 channels as float32
ATTEMPTS = 2  # children that may be lost over one piece of work, before it must be its fault
PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an answer may take. what: is named by errors. memory: bytes, None where unbounded."""

    what: str
    seconds: float
    memory: int | None


def bounds_of(
    what: Path | str, size: int, values: int = 0, *, seconds: float = SECONDS, cuda: bool = False
) -> Bounds:
    """Far beyond what an honest model takes of one core.

    size: bytes of its files. values: of all images that it is shown. seconds: besides that work.
    CUDA reserves more address space than any bound of a process allows for.
    """
    memory = None if cuda else MEMORY + MEMORY_A_BYTE * size + MEMORY_A_VALUE * values
    return Bounds(str(what), seconds + size * values / WORK_A_SECOND, memory)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none, which whoever reads it will say."""
    return path.stat().st_size if path.is_file() else 0


class ChildLostError(ModelError):
    """A child took too long, or did not survive what it ran."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Comes after the last answer of a call."""


class Child:
    """A process that runs one call after another; started when it is needed, also after a loss."""

    def __init__(self) -> None:
        self._running: tuple[subprocess.Popen[bytes], Connection] | None = None
        self._bounds: list[Bounds] = []  # of the calls that have not ended

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    @property
    def pipe(self) -> Connection:
        """What to wait on for an answer."""
        if self._running is None:
            self._running = _start()
        return self._running[1]

    def call(
        self, bounds: Bounds, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """What the function returns there. Raises what it raises, and ChildLostError."""
        self.send(bounds, function, *arguments, **named)
        answer: T = self.receive()
        self.receive()
        return answer

    def send(
        self, bounds: Bounds, function: Callable[P, Any], *arguments: P.args, **named: P.kwargs
    ) -> None:
        """Begin a call, once those before it have ended. An iterator gives several answers."""
        self._bounds.append(bounds)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # `receive` says why
            self.pipe.send((bounds, function, arguments, named))

    def receive(self) -> Any:
        """The next answer, and `Ended` after the last of a call; raises like `call`."""
        try:
            answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            raise ChildLostError(self._obituary()) from None
        if isinstance(answer, Ended | BaseException):
            self._bounds.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self) -> int:
        """Kill the process; the next call starts another. Returns how it ended."""
        self._bounds.clear()
        if self._running is None:
            return 0
        (process, pipe), self._running = self._running, None
        pipe.close()
        process.kill()
        return process.wait()

    def _obituary(self) -> str:
        """Why the process is gone, in words that name the model."""
        bounds, process = self._bounds[0], self._running and self._running[0]
        code = process.wait() if process else 0
        self.end()
        if code == -signal.SIGALRM:
            return f"{bounds.what}: gave no answer within {bounds.seconds:.0f} s; export it again"
        how = signal.Signals(-code).name if code < 0 else f"exit {code}"
        room = "" if bounds.memory is None else f", with {bounds.memory >> 20:,} MiB for its data"
        return f"{bounds.what}: brings ONNX Runtime down ({how}{room}); export it again"


def _start() -> tuple["subprocess.Popen[bytes]", Connection]:
    ours, theirs = Pipe()
    script = f"from sizer.inference.child import serve; serve({theirs.fileno()})"
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    # Not by `multiprocessing`, which would run a user's script again. A group of its own, since a
    # terminal sends Ctrl-C to the whole group of the parent.
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", script],
        env=os.environ | single | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        process_group=0,
    )
    theirs.close()
    return process, ours


class Children:
    """Children that are ended together."""

    def __init__(self) -> None:
        self._started: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for child in self._started:
            child.end()

    def first(self, count: int) -> list[Child]:
        """So many of them, always the same."""
        self._started += [Child() for _ in range(count - len(self._started))]
        return self._started[:count]


# What follows runs in the child.


def serve(descriptor: int) -> None:
    """Answer what comes through a pipe, until its other end is closed."""
    _end_with_parent()
    pipe = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
        while True:
            bounds, function, arguments, named = pipe.recv()
            for answer in _answers(bounds, function, arguments, named):
                pipe.send(answer)
    os._exit(0)


def _end_with_parent() -> None:
    """An endless loop of the runtime would not see that the pipe is closed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers(
    bounds: Bounds, function: Callable[..., Any], arguments: Any, named: Any
) -> Iterator[Any]:
    """Each answer within the bounds, and `Ended`; an error instead of either."""
    _bound_memory(bounds.memory)
    try:
        with _alarm(bounds.seconds):
            answer = function(*arguments, **named)
        if isinstance(answer, Iterator):
            yield from _one_by_one(answer, bounds.seconds)
        else:
            yield answer
        yield Ended()
    except MemoryError:
        yield ModelError(f"{bounds.what}: does not fit into memory; export it again")
    except Exception as error:  # whatever it is, the parent raises it
        yield _portable(error)


def _one_by_one(answers: Iterator[Any], seconds: float) -> Iterator[Any]:
    end = object()
    while True:
        with _alarm(seconds):
            answer = next(answers, end)
        if answer is end:
            return
        yield answer


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """The system ends the process after so many seconds, whatever it is doing."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _bound_memory(memory: int | None) -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = resource.RLIM_INFINITY if memory is None else memory
    if most != resource.RLIM_INFINITY:
        wanted = most if wanted == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


def _portable(error: Exception) -> Exception:
    """The error as it can be sent, with where it happened if nobody foresaw it."""
    if not isinstance(error, SizerError):
        error.add_note(f"In the child process:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of its own constructor, or of what it holds
        return RuntimeError(traceback.format_exc())
    return error
