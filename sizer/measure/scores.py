"""From predicted labels to counts and macro averages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sizer.datasets.records import DatasetInfo
from sizer.measure.protocols import Evaluator, Labels
from sizer.scaling.curves import Cell

LUCK = 3.0  # standard deviations above chance that guessing does not explain


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts and macro averages of one model at one step."""

    correct: int
    trials: int
    macro_f1: float
    macro_precision: float
    macro_recall: float


def score(predicted: Labels, labels: Labels, classes: int) -> Scores:
    """Counts and macro averages of labels (n,) in 0..classes-1.

    Averages are over the classes that occur among the labels or the predictions; a ratio whose
    denominator is zero counts as 0.
    """
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    predictions = np.bincount(predicted, minlength=classes)
    occurrences = np.bincount(labels, minlength=classes)
    seen = predictions + occurrences > 0
    hits, predictions, occurrences = hits[seen], predictions[seen], occurrences[seen]
    return Scores(
        correct=int(hits.sum()),
        trials=len(labels),
        macro_f1=float(np.mean(2 * hits / (predictions + occurrences))),
        macro_precision=float(np.mean(hits / np.maximum(predictions, 1))),
        macro_recall=float(np.mean(hits / np.maximum(occurrences, 1))),
    )


def scored_cell(
    evaluator: Evaluator, step: float, predicted: Labels, truth: Labels, info: DatasetInfo
) -> Cell:
    scores = score(predicted, truth, info.classes)
    return Cell(
        model=evaluator.info.name,
        step=step,
        correct=scores.correct,
        trials=scores.trials,
        macro_f1=scores.macro_f1,
        macro_precision=scores.macro_precision,
        macro_recall=scores.macro_recall,
        provider=evaluator.provider,
    )


def guessing_warnings(cells: Sequence[Cell], truth: Labels) -> Iterator[str]:
    """One line for each model that only guesses on clean images."""
    commonest = float(np.bincount(truth).max() / len(truth))
    spread = (commonest * (1 - commonest) / len(truth)) ** 0.5
    for cell in cells:
        accuracy = cell.correct / cell.trials
        if cell.step == 0 and accuracy <= commonest + LUCK * spread:
            yield (
                f"{cell.model}: accuracy {accuracy:.3f} on clean images is no better than "
                "guessing; check --input-range, --mean and --std, and the order of its classes"
            )
