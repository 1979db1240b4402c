"""Training a ladder of networks, as the command line and Python ask for it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.cluster import EngineChoice
from sizer.cores import usable_cores
from sizer.datasets.records import MAX_BAD, Preprocessing
from sizer.extras import require_extra
from sizer.io import filling
from sizer.networks.accelerator import choose_accelerator, trained_at_once
from sizer.networks.manifest import Manifest, python_line, read_manifest
from sizer.networks.recipe import (
    EFFICIENTNET,
    AcceleratorChoice,
    Augment,
    Recipe,
    followed,
    full_recipe,
)
from sizer.networks.reports import ReportTraining, no_training_progress
from sizer.progress import say_nothing

if TYPE_CHECKING:
    from sizer.datasets import Dataset
    from sizer.networks.ladder import Trainers
    from sizer.networks.plan import Plan


def train(
    sizes: Sequence[float],
    folder: str | Path,
    *,
    data: str | Path = "builtin",
    seeds: int = 2,
    architecture: str = EFFICIENTNET,
    epochs: int = 10,
    augment: Augment = "crop-flip",
    noise_steps: tuple[int, int] | None = None,
    side: int | None = None,
    max_bad: float = MAX_BAD,
    input_range: tuple[float, float] | None = None,
    accelerator: AcceleratorChoice = "auto",
    engine: EngineChoice = "processes",
    command: str | None = None,
    progress: ReportTraining = no_training_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Manifest:
    """Train a ladder, export it to ONNX into `folder`, and write its manifest.

    sizes: parameter counts, each taken by the family's nearest member. seeds: trainings of each.
    architecture: the small EfficientNet, or a family of `sizer.networks.families`.
    noise_steps: first and last diffusion step of noise that is added in training. side: pixels to
    which pictures are brought, None where all are squares of one size. max_bad: share of damaged
    pictures that are left out. input_range: black and white of data that are floating-point
    numbers. tell: told which, how long it will take, and what is trained again, since it diverged,
    guesses, or is far below its twins. accelerator: what trains, where a GPU computes in mixed
    precision. engine: processes of this machine, or a Ray cluster. command: the line that does
    this, for the manifest. Stopped at any moment, the same call goes on at the last finished epoch.
    Raises DataError for data that cannot be trained on, OutputError where the folder holds another
    ladder, cannot be written or is being written by another process, UsageError for a size that the
    family does not have or an architecture that is not known, ModelError where a training fails,
    ProviderError where CUDA is asked for and not there, ClusterError for the engine `ray`, and
    MissingExtraError without the extra `train`.
    """
    require_extra("train", "sizer train")
    if engine == "ray":
        require_extra("ray", "sizer train --engine ray")
    chosen = choose_accelerator(accelerator)
    from sizer.datasets import open_splits
    from sizer.datasets.preprocessing import preprocessed
    from sizer.networks.families import check_architecture
    from sizer.networks.ladder import train_ladder
    from sizer.networks.plan import make_plan
    from sizer.noise import linear_schedule

    check_architecture(architecture)
    asked = {
        "sizes": tuple(sizes),
        "folder": str(folder),
        "data": str(data),
        "seeds": seeds,
        **({} if architecture == EFFICIENTNET else {"architecture": architecture}),
        "epochs": epochs,
        "augment": augment,
        "noise_steps": noise_steps,
        **({} if side is None else {"side": side}),
        **({} if max_bad == MAX_BAD else {"max_bad": max_bad}),
        **({} if input_range is None else {"input_range": input_range}),
        **({} if accelerator == "auto" else {"accelerator": accelerator}),
    }
    data_sets = open_splits(str(data), max_bad, tell, input_range)
    if side is not None:
        data_sets = [preprocessed(each, Preprocessing((side, side, 3))) for each in data_sets]
    recipe = full_recipe(epochs, augment, noise_steps, architecture=architecture)
    with filling(Path(folder)):
        plan = make_plan(
            train=data_sets[0],
            test=data_sets[1],
            schedule=linear_schedule(),
            recipe=_followed(recipe, Path(folder), data_sets[0], tell),
            sizes=tuple(sizes),
            seeds=seeds,
            folder=Path(folder),
            command=command or python_line("train", **asked),
            accelerator=chosen,
        )
        return train_ladder(plan, _trainers(plan, engine, tell), progress, tell)


def _followed(asked: Recipe, folder: Path, data: "Dataset", tell: Callable[[str], None]) -> Recipe:
    """The recipe that the folder's ladder was begun with, or of one that begins with these data."""
    from sizer.networks.plan import class_weights

    begun = read_manifest(folder)
    if begun is not None:
        return followed(begun.recipe, asked)
    return replace(asked, class_weights=class_weights(data.labels, tell))


def _trainers(
    plan: "Plan", engine: EngineChoice, tell: Callable[[str], None]
) -> "Callable[[], AbstractContextManager[Trainers]]":
    """What opens the trainers of an engine."""
    if engine == "ray":
        from sizer.networks.cluster import cluster_trainers

        return partial(cluster_trainers, plan, tell)
    from sizer.networks.processes import Processes

    return partial(Processes, plan, trained_at_once(plan.accelerator, usable_cores()))
