"""A real model that does something of its own before each cell, in whichever process runs it."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.inference.child import Bounds
from sizer.inference.model import OnnxModel, PackedModel
from sizer.inference.predictor import OnnxPredictor
from sizer.inference.records import ModelInfo

Before = Callable[[Path, int], None]
SECOND = 2  # cell of a worker
PATIENCE = 100.0  # seconds, of a worker that would otherwise wait for ever


@dataclass(frozen=True)
class Watched:
    """`before` gets `folder`, where workers meet, and which cell it is that this one runs."""

    model: OnnxModel
    folder: Path
    before: Before
    seconds: float = PATIENCE  # for any answer

    @property
    def info(self) -> ModelInfo:
        return self.model.info

    @property
    def provider(self) -> str:
        return self.model.provider

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    def open(self) -> "WatchedPredictor":
        return WatchedPredictor(self.model.open(), self.folder, self.before)

    def bounds(self, images: int) -> Bounds:
        return replace(self.model.bounds(images), seconds=self.seconds)

    def packed(self) -> "WatchedPack":
        return WatchedPack(self.model.packed(), self.folder, self.before, self.seconds)


@dataclass(frozen=True)
class WatchedPack:
    pack: PackedModel
    folder: Path
    before: Before
    seconds: float

    @property
    def home(self) -> str:
        return self.pack.home

    def unpack(self, folder: Path) -> Watched:
        return Watched(self.pack.unpack(folder), self.folder, self.before, self.seconds)


class WatchedPredictor:
    def __init__(self, predictor: OnnxPredictor, folder: Path, before: Before) -> None:
        self.predictor = predictor
        self.folder = folder
        self.before = before
        self.cells = 0

    def prepare(
        self, clean: NDArray[np.float32], epsilon: NDArray[np.float32]
    ) -> Callable[[float, float], NDArray[np.int64]]:
        labels = self.predictor.prepare(clean, epsilon)

        def watched(mu: float, sigma: float) -> NDArray[np.int64]:
            self.cells += 1
            self.before(self.folder, self.cells)
            return labels(mu, sigma)

        return watched


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the other worker never came")
        time.sleep(0.01)


def node() -> int:
    """The process of the node that this one works for: the parent of its worker."""
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])


def meet(folder: Path, _cell: int) -> None:
    """Go on when workers of two nodes are here."""
    (folder / f"node-{node()}").touch()
    wait_for(lambda: len(list(folder.glob("node-*"))) >= 2)


def die(_folder: Path, _cell: int) -> None:
    """The worker, and with it the child that this is."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(PATIENCE)


def die_once(folder: Path, cell: int) -> None:
    """The first worker that comes to a second cell is killed there."""
    if cell == SECOND and not (folder / "killed").exists():
        (folder / "killed").touch()
        die(folder, cell)


def crash_once(folder: Path, cell: int) -> None:
    """The first child that comes to a second cell is killed there."""
    if cell == SECOND and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def hang(folder: Path, _cell: int) -> None:
    """Stop for ever, as a graph can."""
    (folder / f"hanging-{os.getpid()}").touch()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    while True:
        time.sleep(1000)


def hang_on_doomed_node(folder: Path, cell: int) -> None:
    """Stop for ever before a second cell, on the node that the folder names."""
    if (folder / f"doomed-{node()}").exists() and cell == SECOND:
        (folder / "hanging").touch()
        time.sleep(10 * PATIENCE)
    if cell == SECOND:  # elsewhere, leave it something to do
        wait_for((folder / "hanging").exists)
