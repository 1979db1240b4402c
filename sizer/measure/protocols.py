"""What measuring works with: classifiers, stores, tasks and finished cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sizer.inference.child import Bounds
from sizer.inference.records import ModelInfo

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
CellRange = tuple[float, int, int]  # step, first position, last position + 1


class Predictor(Protocol):
    """Labels of noisy images; for one process alone."""

    def prepare(self, clean: Images, epsilon: Images, /) -> Callable[[float, float], Labels]:
        """A function of (mu, noise_std) to labels (B,) of mu clean + noise_std epsilon.

        clean, epsilon: (B, H, W, C). What does not depend on the noise level is done here, once
        for all steps of a block.
        """


class PackedModel(Protocol):
    """A classifier that brings its files along, to be unpacked on another machine."""

    @property
    def home(self) -> str:
        """The folder they come from, which errors name."""

    def unpack(self, folder: Path, /) -> "Evaluator": ...


class Evaluator(Protocol):
    """A classifier to measure. `fingerprint` hashes all that decides its predictions."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def provider(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def open(self) -> Predictor: ...

    def bounds(self, images: int, /) -> Bounds:
        """What the labels of so many images may take."""

    def packed(self) -> PackedModel: ...


class CellStore(Protocol):
    """Predicted labels by source, step and range; `keep` never overwrites."""

    def cells(self, source: str, classes: int, /) -> Mapping[CellRange, Labels]: ...

    def keep(self, source: str, cell: CellRange, labels: Labels, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Task:
    """The steps that one model has yet to run on one block; `cost` of one step."""

    evaluator: Evaluator
    start: int
    stop: int
    steps: tuple[float, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Done:
    """A finished cell, on its way to the store."""

    evaluator: Evaluator
    cell: CellRange
    labels: Labels
    cost: float
