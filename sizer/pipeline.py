"""The spine: what happens in which order. No printing here, and no decisions about display."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.manifest import Manifest, Recipe
from sizer.noise import linear_schedule

if TYPE_CHECKING:
    from sizer.zoo.ladder import Progress

# The one recipe of every ladder that `train` makes; what a user chooses is added to it.
BATCH = 128
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.0


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
    from sizer.datasets import open_dataset
    from sizer.zoo import ladder

    recipe = Recipe(
        epochs=epochs,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=LABEL_SMOOTHING,
        augment=augment,
        noise_steps=noise_steps,
    )
    plan = ladder.make_plan(
        train=open_dataset(data, "train"),
        test=open_dataset(data, "test"),
        schedule=linear_schedule(),
        recipe=recipe,
        sizes=sizes,
        seeds=seeds,
        folder=folder,
        command=command,
    )
    return ladder.train_ladder(plan, workers(), report(epochs, ladder.costs(plan)))


def workers() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
