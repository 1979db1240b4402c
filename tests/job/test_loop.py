"""The loop on planted laws: it ends where it should, and goes on where it was killed."""

import numpy as np
import pytest
from planted import curve

from sizer.fitting import fit_measurements
from sizer.job.journal import Journal
from sizer.job.loop import Choice, run
from sizer.noise import linear_schedule
from sizer.prediction.question import Requirement
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import Cell

SIZES = tuple(round(4000 * 1.2**i) for i in range(36))  # to 2.4 million
STEPS = (0.0, 20.0, 40.0, 60.0)
PICTURES = 2000
CHANCE = 1 / 6


def rising(ceiling):
    """Accuracy of a size at a step: a power law below a ceiling, that noise lowers."""

    def accuracy(step, size):
        return ceiling - 0.001 * step - 0.5 * (size / 4000) ** -0.4

    return accuracy


class Law:
    """A workshop whose trainings follow a law. A second a hundred parameters."""

    def __init__(self, accuracy, fails_after=None):
        self.accuracy, self.trained, self.left = accuracy, [], fails_after

    def measured(self, sizes):
        for size in sizes:
            if size not in self.trained:
                if self.left is not None and len(self.trained) >= self.left:
                    raise KeyboardInterrupt
                self.trained.append(size)
        curves = [
            curve(f"m{n}", n, STEPS, self.accuracy(np.array(STEPS), n), PICTURES, CHANCE)
            for n in self.trained
        ]
        return fit_measurements(
            models=tuple(c.model for c in curves),
            cells=tuple(
                Cell(c.model.name, step, right, PICTURES)
                for c in curves
                for step, right in zip(c.steps, c.correct, strict=True)
            ),
            chance=CHANCE,
            schedule=linear_schedule(),
            dataset=None,
            cut=Cut(),
            fitted=False,
        )

    def seconds(self, size):
        return size / 100


def finish(folder, law, target, *, budget=1e6, sizes=SIZES, limited=False):
    folder.mkdir(exist_ok=True)
    journal = Journal(folder, {"accuracy": str(target)})
    choice = Choice(sizes, sizes, limited)
    return journal, run(journal, law, choice, Requirement(20.0, target, 0.9), budget)


@pytest.mark.parametrize("target", [0.45, 0.7, 0.8])
def test_a_model_that_meets_it_is_delivered_and_is_not_far_too_large(tmp_path, target):
    law = Law(rising(0.95))
    _, ending = finish(tmp_path, law, target)
    smallest = next(size for size in SIZES if law.accuracy(20.0, size) >= target)
    delivered = int(ending.acceptance.model[1:])
    assert (ending.kind, ending.acceptance.meets) == ("delivered", True)
    assert smallest <= delivered <= 1.75 * smallest
    assert sum(law.trained) <= 4 * smallest + sum(law.trained[:3])


def test_the_smallest_size_ends_it_at_once_where_it_will_do(tmp_path):
    journal, ending = finish(tmp_path, Law(rising(0.95)), 0.3)
    assert int(ending.acceptance.model[1:]) == SIZES[0]
    assert len(journal.decisions) == 1


def test_a_measured_accuracy_ends_it_even_where_counting_alone_may_have_lifted_it(tmp_path):
    law = Law(lambda step, size: 0.605 + 0 * step)
    journal, ending = finish(tmp_path, law, 0.6)
    assert (ending.kind, ending.acceptance.sure) == ("delivered", False)
    assert len(journal.decisions) == 1


def test_what_was_promised_stands_beside_what_was_delivered(tmp_path):
    journal, ending = finish(tmp_path, Law(rising(0.95)), 0.8)
    assert ending.promised == journal.decisions[-1].promised
    assert ending.promised.low <= ending.acceptance.accuracy <= ending.promised.high


def test_it_says_that_no_size_reaches_what_none_does(tmp_path):
    law = Law(rising(0.9))
    _, ending = finish(tmp_path, law, 0.9)
    assert (ending.kind, ending.acceptance.meets) == ("unreachable", False)
    assert sum(law.trained) < 3 * SIZES[-1]


def test_it_stops_where_the_budget_is_spent(tmp_path):
    law = Law(rising(0.95))
    _, ending = finish(tmp_path, law, 0.85, budget=300.0)
    assert ending.kind == "budget"
    assert max(law.trained) <= 30_000


def test_a_device_bounds_the_sizes(tmp_path):
    small = SIZES[:10]
    _, ending = finish(tmp_path, Law(rising(0.95)), 0.9, sizes=small, limited=True)
    assert ending.kind == "device"
    assert "fits" in ending.why


def test_interrupted_anywhere_it_ends_as_if_nothing_had_happened(tmp_path):
    whole = Law(rising(0.95))
    journal, expected = finish(tmp_path / "whole", whole, 0.8)
    for trainings in range(1, len(whole.trained)):
        folder, law = tmp_path / str(trainings), Law(rising(0.95), fails_after=trainings)
        with pytest.raises(KeyboardInterrupt):
            finish(folder, law, 0.8)
        law.left = None
        again, ending = finish(folder, law, 0.8)
        assert again.decisions == journal.decisions
        assert ending.acceptance == expected.acceptance
