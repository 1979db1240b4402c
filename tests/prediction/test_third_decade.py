"""Networks that were trained after what they would measure was committed (docs/paper.md)."""

from pathlib import Path

import numpy as np
import pytest

import sizer
from sizer.table import read_table

TABLE = Path(__file__).parents[2] / "benchmarks" / "third-decade" / "cifar100-noise.csv"
LARGEST = 1_080_571  # that was measured when they were foretold


@pytest.fixture(scope="module")
def foretold():
    """(what was foretold of the next training, what it measured), of both at each step."""
    ladder, found = sizer.load("cifar100-noise"), read_table(TABLE)
    sizes = {model.name: model.parameters for model in found.models}
    assert sorted(sizes.values()) == [2_026_372, 3_581_871]
    assert ladder.sizes[-1] == LARGEST
    return [
        (
            told(ladder, sizes[cell.model], round(cell.step)),
            cell.correct / cell.trials,
        )
        for cell in found.cells
        if round(cell.step) <= ladder.ladder.recipe.noise_steps[1]
    ]


def told(ladder, parameters, step):
    return sizer.predict(ladder, parameters=parameters, step=step).next_training


def test_all_lie_in_the_intervals_that_were_foretold(foretold):
    assert len(foretold) == 14
    assert all(at.low <= measured <= at.high for at, measured in foretold)


def test_the_accuracy_is_within_a_hundredth(foretold):
    errors = [at.best - measured for at, measured in foretold]
    assert np.sqrt(np.mean(np.square(errors))) < 0.01
