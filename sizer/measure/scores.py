"""From predicted labels to counts and macro averages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sizer.datasets.records import DatasetInfo
from sizer.measure.protocols import Evaluator, Labels
from sizer.scaling.curves import Cell, best_guess

NEARLY = 0.98  # share of the images that is nearly all of them
CHECK = "check --input-range, --mean and --std"


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


@dataclass(frozen=True, slots=True)
class Guess:
    """A model that only guesses on clean images.

    answer: the class that it gives nearly all of them, None where it gives several.
    """

    model: str
    accuracy: float
    answer: int | None

    def __str__(self) -> str:
        if self.answer is not None:
            return (
                f"{self.model}: answers class {self.answer} for nearly every clean image, accuracy "
                f"{self.accuracy:.3f}; {CHECK}, or train it longer"
            )
        return (
            f"{self.model}: accuracy {self.accuracy:.3f} on clean images is no better than "
            f"guessing; {CHECK}, and the order of its classes"
        )


def guess_of(model: str, predicted: Labels, truth: Labels) -> Guess | None:
    """What a model does on clean images that is no better than guessing; None if it is better."""
    commonest = float(np.bincount(truth).max() / len(truth))
    accuracy = float((predicted == truth).mean())
    if accuracy > best_guess(commonest, len(truth)):
        return None
    answers = np.bincount(predicted)
    one = answers.max() >= NEARLY * len(truth)
    return Guess(model, accuracy, int(answers.argmax()) if one else None)


def one_answer(guesses: Sequence[Guess | None]) -> str | None:
    """Why nothing can be fitted, where every model gives nearly all images one class."""
    answers = {None if guess is None else guess.answer for guess in guesses}
    if None in answers or not answers:
        return None
    classes = ", ".join(map(str, sorted(answer for answer in answers if answer is not None)))
    which = f"class {classes}" if len(answers) == 1 else f"one class alone ({classes})"
    return (
        f"every model answers {which} for nearly every clean image; {CHECK}, or train them longer"
    )
