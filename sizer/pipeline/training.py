"""`train` and `export`: networks to ONNX files."""

import shlex
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sizer import io
from sizer.errors import (
    MissingExtraError,
)
from sizer.manifest import Manifest
from sizer.noise import linear_schedule
from sizer.results import (
    Architecture,
    LadderTraining,
    Recipe,
)
from sizer.zoo import architecture

if TYPE_CHECKING:
    from sizer.zoo.ladder import Progress

# The one recipe of every ladder that `train` makes; what a user chooses is added to it.
BATCH = 128
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.0
EXTRA = ("torch", "onnxscript", "safetensors")  # packages of the extra `train`


def train(
    *,
    data: str,
    sizes: tuple[float, ...],
    seeds: int,
    epochs: int,
    augment: str,
    noise_steps: tuple[int, int] | None,
    folder: Path,
    command: str,
    report: "Callable[[int, dict[str, int]], Callable[[Progress], None]]",
) -> Manifest:
    """Train, export and record a ladder. `report` is told the models' epochs, then each epoch."""
    require_extra("sizer train")
    from sizer.datasets import open_dataset
    from sizer.measure import usable_cores
    from sizer.zoo import ladder

    plan = ladder.make_plan(
        train=open_dataset(data, "train"),
        test=open_dataset(data, "test"),
        schedule=linear_schedule(),
        recipe=_recipe(epochs, augment, noise_steps),
        sizes=sizes,
        seeds=seeds,
        folder=folder,
        command=command,
    )
    return ladder.train_ladder(plan, usable_cores(), report(epochs, ladder.costs(plan)))


def export(name: str, weights: Path | None, classes: int, output: Path) -> Architecture:
    """Write EfficientNet-B0 to B7 as ONNX, with published weights or untrained."""
    require_extra("sizer export")
    from sizer.zoo.export import IMAGENET, check_output, export_onnx, load_weights, untrained

    blueprint = architecture.published(name, classes)
    check_output(output)
    network = untrained(blueprint) if weights is None else load_weights(blueprint, weights)
    with io.replacing(output) as partial:
        export_onnx(network, blueprint.resolution, partial, IMAGENET)
    return architecture.described(blueprint)


def _recipe(epochs: int, augment: str, noise_steps: tuple[int, int] | None) -> Recipe:
    return Recipe(
        epochs=epochs,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=LABEL_SMOOTHING,
        augment=augment,
        noise_steps=noise_steps,
    )


def train_line(ladder: LadderTraining, member: architecture.Blueprint) -> str | None:
    """The line that trains one more model of a ladder, of this member's size.

    None where the ladder has a recipe that `train` does not follow any more.
    """
    recipe = ladder.recipe
    if recipe != _recipe(recipe.epochs, recipe.augment, recipe.noise_steps):
        return None
    size = architecture.parameters(member)
    words = ["--data", ladder.dataset.spec, "--sizes", f"{size}:{size}:1", "--seeds", "1"]
    words += ["--epochs", str(recipe.epochs), "--augment", recipe.augment]
    if recipe.noise_steps is not None:
        words += ["--noise-augment", "{}:{}".format(*recipe.noise_steps)]
    return shlex.join(["sizer", "train", *words, "--out", f"models/{member.name}"])


def require_extra(command: str) -> None:
    """Raise MissingExtraError before any work where a plain installation lacks what it takes."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{command}: needs {', '.join(missing)}; "
            "install sizer with its extra, as in pip install 'sizer[train]'"
        )
