"""How the models of a ladder were trained."""

import shlex
from dataclasses import dataclass, replace
from typing import Literal

from sizer.datasets.records import MOST, DatasetInfo
from sizer.networks.architecture import Blueprint, parameters

Augment = Literal["crop-flip", "crop", "none"]
Accelerator = Literal["cpu", "cuda"]
AcceleratorChoice = Literal["auto", "cpu", "cuda"]
ClassWeights = Literal["balanced", "none"]
EFFICIENTNET = "efficientnet"  # the small family, where no other is named
# The recipe of every ladder; what a user chooses is added to it.
BATCH = 128
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.0
LONGEST_NAME = 100  # of an architecture


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all models of a ladder share. noise_steps: range drawn from in training, or None.

    augment: `crop` (shifts by up to an eighth), `crop-flip` (mirrored half of the time), `none`.
    class_weights: `balanced`, every class has the same weight in the loss, where the numbers of
    their images differ; or `none`, every image has, as in manifests that do not say it.
    architecture: of `sizer.networks.families`.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    augment: Augment
    noise_steps: tuple[int, int] | None
    class_weights: ClassWeights = "none"
    architecture: str = EFFICIENTNET

    @property
    def family(self) -> str:
        """Short name of the training, which goes into every result measured on it."""
        of = "" if self.architecture == EFFICIENTNET else f"{self.architecture}, "
        if self.noise_steps is None:
            return f"{of}clean"
        return f"{of}noise {self.noise_steps[0]}..{self.noise_steps[1]}"

    @property
    def makes_sense(self) -> bool:
        """Whether it can be followed; what a file says of one need not be true."""
        from sizer.noise.schedule import LAST_STEP

        first, last = self.noise_steps or (0, 0)
        figures = (self.learning_rate, self.weight_decay, self.label_smoothing)
        return (
            1 <= self.epochs <= MOST
            and 1 <= len(self.architecture) <= LONGEST_NAME
            and 1 <= self.batch <= MOST
            and all(0 <= figure <= MOST for figure in figures)
            and 0 <= first <= last <= LAST_STEP
        )


@dataclass(frozen=True, slots=True)
class LadderTraining:
    """How a ladder was trained, as its manifest has it: the exact command, on these data."""

    command: str
    created_with: str
    dataset: DatasetInfo
    recipe: Recipe

    def fault(self) -> str | None:
        """What of it makes no sense, in words; None for a training that can be."""
        try:
            shlex.split(self.command)
        except ValueError as error:
            return f"the command of its ladder: {error}"
        if not self.dataset.makes_sense:
            return f"{self.dataset.spec[:50]}: is no data set of {self.dataset.classes} classes"
        return None if self.recipe.makes_sense else "the recipe of its ladder is none"


def full_recipe(
    epochs: int,
    augment: Augment,
    noise_steps: tuple[int, int] | None,
    class_weights: ClassWeights = "none",
    architecture: str = EFFICIENTNET,
) -> Recipe:
    """What a user and the data choose, and what is the same in every ladder that begins today."""
    return Recipe(
        epochs=epochs,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=LABEL_SMOOTHING,
        augment=augment,
        noise_steps=noise_steps,
        class_weights=class_weights,
        architecture=architecture,
    )


def small_family(training: str) -> bool:
    """Whether the short name of a training, `Recipe.family`, is of the small EfficientNet."""
    return ", " not in training


def followed(begun: Recipe, asked: Recipe) -> Recipe:
    """The recipe that a ladder was begun with, but for what a user asks for.

    So a ladder is gone on with as it was begun, whatever `train` would begin with today.
    """
    return replace(
        begun,
        epochs=asked.epochs,
        augment=asked.augment,
        noise_steps=asked.noise_steps,
        architecture=asked.architecture,
    )


def train_line(ladder: LadderTraining, member: Blueprint, trainings: int = 1) -> str | None:
    """The line that trains so many more models of a ladder, of this member's size.

    None where the ladder has a recipe that `train` does not begin with any more.
    """
    recipe = ladder.recipe
    chosen = (recipe.epochs, recipe.augment, recipe.noise_steps, recipe.class_weights)
    if recipe != full_recipe(*chosen):
        return None
    size = parameters(member)
    words = [
        "--data",
        ladder.dataset.spec,
        "--sizes",
        f"{size}:{size}:1",
        "--seeds",
        str(trainings),
    ]
    words += ["--epochs", str(recipe.epochs), "--augment", recipe.augment]
    if recipe.noise_steps is not None:
        words += ["--noise-augment", "{}:{}".format(*recipe.noise_steps)]
    if ladder.dataset.preprocessing is not None:
        words += ["--side", str(ladder.dataset.preprocessing.shape[0])]
    return shlex.join(["sizer", "train", *words, "--out", f"models/{member.name}"])
