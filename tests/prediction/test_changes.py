"""What should not change an answer: order, labels, fewer steps, copies, cores."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from answers import measured
from changes import harmless
from tasks import CHANGED, shipped_ladders

from sizer.calibration import load
from sizer.prediction.accuracy import predict
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement

STEP, TARGET = CHANGED
QUESTIONS = {
    "builtin": (137.0, 0.82),
    "cifar100-clean": (60.0, 0.4),
    "cifar100-noise": (300.0, 0.3),
}


@pytest.fixture(scope="module")
def changed():
    """The answer to each harmless change, by its name."""
    builtin = shipped_ladders()[0]
    return {
        change.name: advise(
            measured(change.ladder.curves, change.ladder.image_share),
            Requirement(change.step, TARGET),
        )
        for change in harmless(builtin, STEP)
    }


class TestHarmlessChanges:
    """Order of rows, half of the steps, labels of steps, models twice, a useless tiny model."""

    def test_all_are_asked(self, changed):
        assert len(changed) == 8
        assert all(advice.verdict == "recommended" for advice in changed.values())

    def test_the_best_size_hardly_moves(self, changed):
        sizes = [advice.parameters.best for advice in changed.values()]
        assert max(sizes) / min(sizes) <= 1.15

    def test_the_recommended_size_hardly_moves(self, changed):
        sizes = [advice.recommended for advice in changed.values()]
        assert max(sizes) / min(sizes) <= 1.35

    def test_labels_of_steps_change_nothing_at_a_measured_step(self):
        """Between measured steps, what is half-way depends on the label."""
        builtin = load("builtin")

        def squared(step):
            return step**2 / 100

        cells = tuple(replace(cell, step=squared(cell.step)) for cell in builtin.cells)
        relabelled = replace(builtin, cells=cells, schedule=None, ladder=None)
        step = 162.0
        told = advise(relabelled, Requirement(squared(step), 0.8))
        usual = advise(builtin, Requirement(step, 0.8))
        assert told.parameters.best == pytest.approx(usual.parameters.best, rel=0.02)
        assert told.recommended == pytest.approx(usual.recommended, rel=0.02)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_models_and_cells_changes_nothing(name, seed):
    calibration, random = load(name), np.random.default_rng(seed)

    def shuffled(rows):
        return tuple(rows[i] for i in random.permutation(len(rows)))

    other = replace(
        calibration, models=shuffled(calibration.models), cells=shuffled(calibration.cells)
    )
    question = Requirement(*QUESTIONS[name])
    usual = advise(calibration, question)
    assert usual == advise(other, question)
    size = 1.7 * calibration.sizes[-1]
    one, another = (
        predict(c, parameters=size, step=question.noise_step) for c in (calibration, other)
    )
    assert one == another


LINES = (
    "recommend --noise-step 137 --target-acc 0.82 --format json",
    "predict --noise-step 137 --parameters 2e6 --format json",
)


@pytest.mark.parametrize("line", LINES)
def test_the_number_of_threads_changes_nothing(line):
    one, two = (
        subprocess.run(
            [sys.executable, "-c", "from sizer.cli import main; main()", *line.split()],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    )
    assert json.loads(one)
    assert one == two
