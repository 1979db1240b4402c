"""What a training came to: whether it guesses, lies far below its twins, and has levelled off."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sizer.estimate import GUESSING
from sizer.networks.manifest import LEVEL, Manifest, TrainedModel

CLEARLY = 4.0  # standard errors of counting between two accuracies that differ for sure
SHARE = 0.8  # of a twin's accuracy above chance: below it a training failed


def guesses(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    """Whether guessing explains the predictions of (images,) labels.

    The mean recall of the classes that are there is compared, which is one over their number
    whatever share of the images each has, if the prediction does not depend on the image.
    """
    classes, counts = np.unique(labels, return_counts=True)
    chance = 1 / len(classes)
    right = [float((predicted[labels == label] == label).mean()) for label in classes]
    error = np.sqrt(chance * (1 - chance) * (1 / counts).sum()) / len(classes)
    return bool(np.mean(right) <= chance + GUESSING * error)


def far_below(
    model: TrainedModel, others: Sequence[TrainedModel], chance: float, images: int
) -> str | None:
    """Beside which model this one is far too low, in words; None where beside none.

    It is compared with its twins and with smaller sizes, which it should not be below. chance: the
    accuracy of guessing; images: of which all accuracies were counted.
    """
    comparable = [other for other in others if other.parameters <= model.parameters]
    best = max(comparable, key=lambda other: other.clean_accuracy, default=model)
    low, high = model.clean_accuracy, best.clean_accuracy
    error = np.sqrt((low * (1 - low) + high * (1 - high)) / images)
    if high - low <= CLEARLY * error or low - chance >= SHARE * (high - chance):
        return None
    name = best.file.removesuffix(".onnx")
    return f"accuracy {low:.3f}, far below the {high:.3f} of {name}"


def remarks(manifest: Manifest) -> Iterator[str]:
    """What is to be said of a ladder beside its figures, a line each."""
    for model in manifest.models:
        name, runs = model.file.removesuffix(".onnx"), len(model.failed_runs) + 1
        if model.guesses:
            yield f"{name}: no better than guessing, after {runs} trainings"
        elif model.failed_runs:
            why = "; ".join(f"seed {run.seed}: {run.reason}" for run in model.failed_runs)
            yield f"{name}: the best of {runs} trainings ({why})"
    if still := undertrained([manifest]):
        yield still


def undertrained(ladder: Sequence[Manifest]) -> str | None:
    """What is to be said of a ladder whose large end was still learning; None where it was not.

    ladder: the manifests of its folders.
    """
    falls: dict[int, list[float]] = {}
    for manifest in ladder:
        for model in manifest.models:
            fall = model.last_fall(manifest.dataset.classes)
            if fall is not None:
                falls.setdefault(model.parameters, []).append(fall)
    means = sorted((size, float(np.mean(each))) for size, each in falls.items())
    still = [size for size, fall in means if fall > LEVEL]
    if not still or means[-1][1] <= LEVEL:
        return None
    return (
        f"from {still[0]:,} parameters up the loss had not levelled off: in the last quarter of the"
        f" training it fell by {means[-1][1]:.1%} of that of guessing at the largest size, by"
        f" {means[0][1]:.1%} at the smallest; more --epochs may raise the large end"
    )
