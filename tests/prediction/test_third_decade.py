"""Networks that were trained after what they would measure was committed (docs/paper.md)."""

import numpy as np
import paper
import pytest

import sizer
from sizer.prediction.accuracy import training_accuracy
from sizer.prediction.question import ladder_of

RMS = {"cifar100-clean": 0.02, "cifar100-noise": 0.01}  # accuracy


@pytest.fixture(scope="module", params=sorted(RMS))
def foretold(request):
    """(what was foretold of the next training, what it measured), of both at each step."""
    ladder = sizer.load(request.param)
    before = ladder_of(ladder).without(paper.NEXT)
    assert (before.sizes[-1], *ladder.sizes[-2:]) == (1_080_571, 2_026_372, 3_581_871)
    later = {model.name: model.parameters for model in ladder.models[-2:]}
    trained = ladder.ladder.recipe.noise_steps
    last = trained[1] if trained else ladder.shared_steps[-1]
    return [
        (told(before, later[cell.model], cell.step), cell.correct / cell.trials)
        for cell in ladder.cells
        if cell.model in later and cell.step <= last
    ]


def told(ladder, parameters, step):
    return training_accuracy(ladder.at(step), parameters, 0.9)


def test_all_lie_in_the_intervals_that_were_foretold(foretold):
    assert len(foretold) >= 32
    assert all(at.low <= measured <= at.high for at, measured in foretold)


def test_the_accuracy_is_nearly_what_was_foretold(foretold, request):
    errors = [at.best - measured for at, measured in foretold]
    name = request.node.callspec.params["foretold"]
    assert np.sqrt(np.mean(np.square(errors))) < RMS[name]
