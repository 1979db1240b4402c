"""Training a ladder of small EfficientNets, as the command line and Python ask for it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.cores import usable_cores
from sizer.datasets.records import MAX_BAD, Preprocessing
from sizer.extras import require_extra
from sizer.io import filling
from sizer.networks.manifest import Manifest, python_line
from sizer.networks.recipe import Augment, full_recipe
from sizer.progress import say_nothing

if TYPE_CHECKING:
    from sizer.networks.ladder import EpochDone

    # Told the epochs of a model and each model's cost of an epoch; then each epoch.
    ReportTraining = Callable[[int, dict[str, int]], Callable[[EpochDone], None]]


def no_training_progress(_epochs: int, _costs: dict[str, int], /) -> "Callable[[EpochDone], None]":
    """Show nothing."""

    def ignore(_progress: "EpochDone") -> None:
        pass

    return ignore


def train(
    sizes: Sequence[float],
    folder: str | Path,
    *,
    data: str | Path = "builtin",
    seeds: int = 2,
    epochs: int = 10,
    augment: Augment = "crop-flip",
    noise_steps: tuple[int, int] | None = None,
    side: int | None = None,
    max_bad: float = MAX_BAD,
    input_range: tuple[float, float] | None = None,
    command: str | None = None,
    progress: "ReportTraining" = no_training_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Manifest:
    """Train a ladder, export it to ONNX into `folder`, and write its manifest.

    sizes: parameter counts, each taken by the family's nearest member. seeds: trainings of each.
    noise_steps: first and last diffusion step of noise that is added in training. side: pixels to
    which pictures are brought, None where all are squares of one size. max_bad: share of damaged
    pictures that are left out; tell: told which. input_range: black and white of data that are
    floating-point numbers. command: the line that does this, for the
    manifest. Stopped at any moment, the same call goes on at the last finished epoch. Raises
    DataError for data that cannot be trained on, OutputError where the folder holds another ladder,
    cannot be written or is being written by another process, UsageError for a size that the family
    does not have, ModelError where a training fails, and MissingExtraError without the extra
    `train`.
    """
    require_extra("train", "sizer train")
    from sizer.datasets import open_splits
    from sizer.datasets.preprocessing import preprocessed
    from sizer.networks.ladder import train_ladder
    from sizer.networks.plan import make_plan
    from sizer.noise import linear_schedule

    asked = {
        "sizes": tuple(sizes),
        "folder": str(folder),
        "data": str(data),
        "seeds": seeds,
        "epochs": epochs,
        "augment": augment,
        "noise_steps": noise_steps,
        **({} if side is None else {"side": side}),
        **({} if max_bad == MAX_BAD else {"max_bad": max_bad}),
        **({} if input_range is None else {"input_range": input_range}),
    }
    data_sets = open_splits(str(data), max_bad, tell, input_range)
    if side is not None:
        data_sets = [preprocessed(each, Preprocessing((side, side, 3))) for each in data_sets]
    with filling(Path(folder)):
        plan = make_plan(
            train=data_sets[0],
            test=data_sets[1],
            schedule=linear_schedule(),
            recipe=full_recipe(epochs, augment, noise_steps),
            sizes=tuple(sizes),
            seeds=seeds,
            folder=Path(folder),
            command=command or python_line("train", **asked),
        )
        return train_ladder(plan, usable_cores(), progress(epochs, plan.costs()))
