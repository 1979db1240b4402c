"""How the models of a ladder were trained."""

from dataclasses import dataclass
from typing import Literal

from sizer.datasets.records import DatasetInfo

Augment = Literal["crop-flip", "crop", "none"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all models of a ladder share. noise_steps: range drawn from in training, or None.

    augment: `crop` (shifts by up to an eighth), `crop-flip` (mirrored half of the time), `none`.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    augment: Augment
    noise_steps: tuple[int, int] | None

    @property
    def family(self) -> str:
        """Short name of the training, which goes into every result measured on it."""
        if self.noise_steps is None:
            return "clean"
        return f"noise {self.noise_steps[0]}..{self.noise_steps[1]}"


@dataclass(frozen=True, slots=True)
class LadderTraining:
    """How a ladder was trained, as its manifest has it: the exact command, on these data."""

    command: str
    created_with: str
    dataset: DatasetInfo
    recipe: Recipe
