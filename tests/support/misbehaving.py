"""Scripted models that fail in a child, and functions that a child is given to run."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scripted import ScriptedEvaluator

from sizer.errors import ModelError


class Failing(ScriptedEvaluator):
    def __call__(self, images):
        raise ModelError("bad.onnx: fails to run")


@dataclass(frozen=True)
class Doomed(ScriptedEvaluator):
    """Ends badly at one step, as often as `times` says; `place` counts in all processes."""

    place: Path = Path()
    how: str = "crash"
    times: int = 1
    step: float = 400.0

    def __call__(self, images):
        done = len(list(self.place.iterdir()))
        if done < self.times and self.decode(images)[0][0] == self.step:
            (self.place / str(done)).touch()
            HOW[self.how]()
        return super().__call__(images)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def hang():
    """As the runtime does: no signal handler of Python ever runs."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    while True:
        time.sleep(1000)


def leave():
    os._exit(7)


HOW = {"crash": crash, "hang": hang, "leave": leave}


def fill(gibibytes):
    return len(np.ones(gibibytes << 27))


def nothing(*_arguments):
    """Takes anything, gives nothing."""


def counted(numbers):
    yield from range(numbers)


def slowly(numbers, seconds):
    for number in range(numbers):
        time.sleep(seconds)
        yield number


def where():
    return os.getpid()


def printing():
    os.write(1, b"\x1b[31mhello\n")
    os.write(2, b"\x1b[31mhello\n")


def raise_unforeseen():
    raise ZeroDivisionError("of its own")


class Unsendable(Exception):  # noqa: N818
    def __init__(self, first, second):
        super().__init__(first)


def raise_unsendable():
    raise Unsendable(1, 2)
