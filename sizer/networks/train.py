"""Training a ladder of small EfficientNets, as the command line and Python ask for it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sizer.cores import usable_cores
from sizer.datasets.records import MAX_BAD, Preprocessing
from sizer.extras import require_extra
from sizer.io import filling
from sizer.networks.manifest import Manifest, python_line, read_manifest
from sizer.networks.recipe import Augment, followed, full_recipe
from sizer.networks.reports import ReportTraining, no_training_progress
from sizer.progress import say_nothing


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
    progress: ReportTraining = no_training_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Manifest:
    """Train a ladder, export it to ONNX into `folder`, and write its manifest.

    sizes: parameter counts, each taken by the family's nearest member. seeds: trainings of each.
    noise_steps: first and last diffusion step of noise that is added in training. side: pixels to
    which pictures are brought, None where all are squares of one size. max_bad: share of damaged
    pictures that are left out. input_range: black and white of data that are floating-point
    numbers. tell: told which, how long it will take, and what is trained again, since it diverged,
    guesses, or is far below its twins. command: the line that does this, for the
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
    from sizer.networks.plan import class_weights, make_plan
    from sizer.networks.processes import Processes
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
    begun, weights = read_manifest(Path(folder)), class_weights(data_sets[0].labels, tell)
    asked_for = full_recipe(epochs, augment, noise_steps, weights)
    with filling(Path(folder)):
        plan = make_plan(
            train=data_sets[0],
            test=data_sets[1],
            schedule=linear_schedule(),
            recipe=asked_for if begun is None else followed(begun.recipe, asked_for),
            sizes=tuple(sizes),
            seeds=seeds,
            folder=Path(folder),
            command=command or python_line("train", **asked),
        )
        workers = usable_cores()
        return train_ladder(plan, lambda: Processes(plan, workers), workers, progress, tell)
