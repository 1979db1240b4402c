"""Answers to simulated ladders, whose truth is known inside and up to six times beyond.

The truths are shapes that no mean function has. `benchmarks/league.py` asks more of them.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from tasks import SizeQuestion, simulated_tasks
from truths import TRUTHS

from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.advice import answer
from sizer.prediction.predictor import predictor
from sizer.prediction.question import Requirement
from sizer.prediction.sizes import SizeEstimate

pytestmark = pytest.mark.slow

LADDERS, SEED = 24, 0  # three of each truth


@dataclass(frozen=True)
class Answer:
    """To a question about a size whose truth is known."""

    group: str
    truth: float
    verdict: str
    sizes: SizeEstimate | None

    @property
    def named(self):
        return self.verdict == "recommended"

    @property
    def bound(self):
        """Of a 90 % interval, the lower end is 95 % sure."""
        return None if self.sizes is None else self.sizes.low

    @property
    def holds(self):
        high = np.inf if self.sizes.high is None else self.sizes.high
        return (self.sizes.low or 0) <= self.truth <= high


@pytest.fixture(scope="module")
def told():
    """Answers about sizes, and whether each accuracy of a new training lay in its interval."""
    sizes, accuracies = [], []
    for task in simulated_tasks(LADDERS, SEED, tuple(TRUTHS)):
        ladder = predictor(task.ladder.curves, task.ladder.image_share)
        for question in at_one_step(task):
            forecast = ladder.at(question.step)
            if isinstance(question, SizeQuestion):
                requirement = Requirement(question.step, question.target)
                verdict, found = answer(forecast, requirement)
                sizes.append(Answer(question.group, question.truth, verdict, found))
            else:
                at = training_accuracy(forecast, question.size, 0.9)
                accuracies.append(at.low <= question.measured <= at.high)
    return sizes, accuracies


def at_one_step(task):
    """Every third question inside, and all beyond, at the second of the steps: those of one ladder
    are much alike.
    """
    step = sorted({question.step for question in task.questions})[1]
    asked = [question for question in task.questions if question.step == step]
    inside = [question for question in asked if question.group == "inside"]
    return inside[::3] + [question for question in asked if question.group != "inside"]


def of(answers, *groups):
    return [one for one in answers if one.group in groups]


def test_there_is_enough_to_judge_by(told):
    sizes, accuracies = told
    assert len(of(sizes, "inside")) > 50
    assert len(of(sizes, "1.5 times", "3 times", "6 times")) > 60
    assert len(accuracies) > 120


def test_lower_bounds_are_given_and_true(told):
    sizes, _ = told
    bounds = [(one.bound, one.truth) for one in sizes if one.bound is not None]
    assert len(bounds) / len(sizes) >= 0.98
    assert np.mean([bound <= truth for bound, truth in bounds]) >= 0.9


@pytest.mark.parametrize(
    ("groups", "named", "held"),
    [
        (("inside",), 0.9, 0.85),
        (("1.5 times", "3 times"), 0.6, 0.8),
        (("6 times",), 0.4, 0.75),
    ],
)
def test_intervals_hold_at_every_distance(told, groups, named, held):
    asked = of(told[0], *groups)
    answered = [one for one in asked if one.named]
    assert len(answered) / len(asked) >= named
    assert np.mean([one.holds for one in answered]) >= held


def test_intervals_of_named_answers_hold(told):
    assert np.mean([one.holds for one in told[0] if one.named]) >= 0.85


def test_the_best_size_inside_is_near_the_truth(told):
    factors = [
        abs(np.log(one.sizes.best / one.truth))
        for one in of(told[0], "inside")
        if one.named and one.sizes.best
    ]
    assert np.exp(np.median(factors)) <= 1.12


def test_recommended_sizes_are_seldom_too_small(told):
    beyond = [one for one in of(told[0], "1.5 times", "3 times") if one.named]
    assert np.mean([one.sizes.recommended < one.truth for one in beyond]) <= 0.2


def test_accuracies_of_new_trainings_lie_in_their_intervals(told):
    assert 0.86 <= np.mean(told[1]) <= 0.99


def test_an_interval_is_no_wider_inside_than_it_has_to_be(told):
    widths = [
        np.log10(one.sizes.high / one.sizes.low)
        for one in of(told[0], "inside")
        if one.named and one.sizes.high and one.sizes.low
    ]
    assert np.median(widths) <= 0.3
