"""Which training next: what is promised is what a linear update gives, and what a refit keeps."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from planted import curve, ladder
from sizer.advise import plan
from sizer.advise.plan import _after, _costs, _study
from sizer.fit import fit_surfaces
from sizer.results import Requirement
from typer.testing import CliRunner

from sizer import files
from sizer.calibration import Calibration
from sizer.cli.app import app
from sizer.errors import UsageError
from sizer.scaling.curves import Cell

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
STEPS = np.round(900 * np.linspace(0, 1, 16) ** 1.25)
CHANCE = 0.05
ASKED = Requirement(300.0, 0.72)


def accuracy(step, size):
    ratio = size / 1e5
    clean, middle, width = 0.85 - 0.12 * ratio**-0.3, 500 * ratio**0.04, 90 * ratio**-0.15
    fall = (1 + np.exp(-middle / width)) / (1 + np.exp((step - middle) / width))
    return CHANCE + (clean - CHANCE) * fall


def scattered(random):
    def one(step, size):
        return CHANCE + (accuracy(step, size) - CHANCE) * (1 + 0.02 * random.normal())

    return one


def calibrated(curves, macs=None):
    fits, tests = fit_surfaces(curves)
    models = tuple(
        replace(one.model, macs=macs and round(macs(one.model.parameters))) for one in curves
    )
    cells = tuple(
        Cell(one.model.name, *counts)
        for one in curves
        for counts in zip(one.steps, one.correct, one.trials, strict=True)
    )
    return Calibration(
        version=files.VERSION,
        created_with="test",
        schedule="linear",
        dataset=None,
        models=models,
        chance=CHANCE,
        cells=cells,
        crossings=(),
        widths=(),
        width_law=None,
        collapse=None,
        fit=fits[0],
        rivals=fits[1:],
        backtests=tests,
    )


def drawn(seed):
    random = np.random.default_rng(seed)
    return ladder(
        scattered(random), SIZES, STEPS, trainings=2, trials=2000, chance=CHANCE, random=random
    )


@pytest.fixture(scope="module")
def calibration():
    return calibrated(drawn(0), macs=lambda size: 3 * size**1.2)


class TestPromise:
    def test_an_update_adds_the_information_of_the_new_curve(self, calibration):
        """The textbook's precision form, inverse(V^-1 + J' R^-1 J), for each law."""
        study = _study(calibration, ASKED, 3e5, [100_000, 2_000_000])
        for candidate in (0, 1):
            after = _after(study, candidate)
            noise = np.linalg.inv(study.noise[candidate])
            for belief, updated in zip(study.beliefs, after.beliefs, strict=True):
                jacobian = belief.jacobian[candidate]
                loading = np.linalg.svd(belief.covariance)
                kept = 1e-10 * loading.S[0] < loading.S  # a sandwich may have no full rank
                root = loading.U[:, kept] * np.sqrt(loading.S[kept])
                seen = jacobian @ root
                inner = np.linalg.inv(np.eye(kept.sum()) + seen.T @ noise @ seen)
                expected = belief.gradient @ root @ inner @ root.T @ belief.gradient
                assert updated.variance == pytest.approx(expected, rel=1e-3, abs=1e-12)

    def test_the_best_training_narrows_the_answer_and_a_useless_one_does_not(self):
        """Truly trained, over three ladders; the useless one is a fifth of the smallest size."""
        gained, wasted = [], []
        for seed in range(3):
            random, curves = np.random.default_rng(50 + seed), drawn(seed)
            planned = plan(calibrated(curves), ASKED, 1.0)
            best = min(planned.candidates, key=lambda one: one.interval_factor).parameters
            for size, kept in ((best, gained), (2000, wasted)):
                more = [
                    curve(
                        f"new{i}", size, STEPS, scattered(random)(STEPS, size), 2000, CHANCE, random
                    )
                    for i in range(3)
                ]
                after = plan(calibrated([*curves, *more]), ASKED, 1.0)
                kept.append(math.log(planned.interval_factor / after.interval_factor))
        assert np.mean(gained) > 0
        assert np.mean(gained) > np.mean(wasted)


class TestChoice:
    def test_every_choice_narrows_and_all_are_paid_for(self, calibration):
        for budget in (0.05, 0.5, 3.0):
            planned = plan(calibration, ASKED, budget)
            factors = [planned.interval_factor, *(one.interval_factor for one in planned.chosen)]
            assert factors == sorted(factors, reverse=True)
            assert sum(one.cost for one in planned.chosen) <= budget
            assert all(one.cost <= budget for one in planned.candidates)

    def test_a_cost_is_the_work_over_that_of_the_largest(self, calibration):
        """Multiply-accumulates that are a power of the size, also between and beyond the ladder."""
        sizes = [20_000, 100_000, 1_000_000, 4_000_000]
        expected = [(size / 1e6) ** 1.2 for size in sizes]
        assert _costs(calibration, sizes) == pytest.approx(expected, rel=1e-4)
        unknown = replace(
            calibration, models=tuple(replace(one, macs=None) for one in calibration.models)
        )
        assert _costs(unknown, sizes) == pytest.approx([size / 1e6 for size in sizes])

    @pytest.mark.parametrize("budget", [0.0, -1.0, math.nan, math.inf])
    def test_a_budget_must_be_positive(self, calibration, budget):
        with pytest.raises(UsageError, match="must be positive"):
            plan(calibration, ASKED, budget)

    @pytest.mark.parametrize(("step", "target"), [(0.0, 0.99), (5000.0, 0.5)])
    def test_where_there_is_no_answer_there_is_nothing_to_narrow(self, calibration, step, target):
        planned = plan(calibration, Requirement(step, target), 1.0)
        assert planned.interval_factor is None
        assert planned.chosen == planned.candidates == ()
        assert planned.reason


class TestCommand:
    @pytest.fixture
    def ask(self, calibration, tmp_path):
        path = tmp_path / "planted.json"
        files.write_calibration(path, calibration)

        def invoke(*options):
            line = ["plan", "--calibration", str(path), "--budget", "1", *options]
            return CliRunner().invoke(app, line)

        return invoke

    def test_json(self, ask):
        result = ask("--noise-step", "300", "--target-acc", "0.72", "--format", "json")
        assert result.exit_code == 0
        found = json.loads(result.stdout)
        assert set(found["chosen"][0]) == {"parameters", "cost", "interval_factor"}

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_words(self, ask, form):
        result = ask("--noise-step", "300", "--target-acc", "0.72", "--format", form)
        assert result.exit_code == 0
        assert "expected to narrow the interval" in result.stdout
        assert "most for its cost" in result.stdout

    def test_no_answer_exits_with_one(self, ask):
        result = ask("--noise-step", "0", "--target-acc", "0.99")
        assert result.exit_code == 1
        assert "no size of this family" in " ".join(result.stdout.split())
