"""Which training next: what is promised is what is then found, and only what is worth it."""

import json
import math
import shlex
from dataclasses import replace

import numpy as np
import pytest
from answers import measured
from ladders import noise_curve
from planted import CHANCE, SIZES, STEPS, ladder, scattered, transition
from tasks import steps_of_truth
from truths import TRUTHS, simulate
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.cli.options import parse_sizes
from sizer.errors import UsageError
from sizer.prediction.narrowing import expected_log_width, log_width, with_training
from sizer.prediction.plan import candidate_sizes, costs, hours_of, plan
from sizer.prediction.predictor import predictor
from sizer.prediction.question import Requirement, ladder_of

GAP = (5409, 27_027, 304_092, 585_137)  # of the built-in ladder: nothing near the answer
SHAPES = [truth for truth in TRUTHS if truth != "flat"]  # where some size can be told
ASKED = {"step": 113.0, "accuracy": 0.82}


@pytest.fixture(scope="module")
def gap():
    """The built-in ladder without its middle, where one training tells a lot."""
    builtin = load("builtin")
    models = tuple(model for model in builtin.models if model.parameters in GAP)
    names = {model.name for model in models}
    cells = tuple(cell for cell in builtin.cells if cell.model in names)
    return replace(builtin, models=models, cells=cells)


@pytest.fixture(scope="module")
def planned(gap):
    return plan(gap, max_cost=0.3, **ASKED)


@pytest.mark.slow
class TestAPlanThatIsWorthIt:
    def test_it_narrows_the_interval_by_a_tenth_or_more(self, planned, gap):
        assert planned.worth_it
        before = log_width(ladder_of(gap), planned.requirement)
        assert planned.interval_factor == pytest.approx(math.exp(before))
        assert math.log(planned.chosen[-1].interval_factor) <= 0.9 * before
        assert "expected to narrow the interval from a factor of" in planned.reason

    def test_every_choice_narrows_and_all_are_paid_for(self, planned):
        factors = [planned.interval_factor, *(each.interval_factor for each in planned.chosen)]
        assert factors == sorted(factors, reverse=True)
        assert sum(each.cost for each in planned.chosen) <= planned.max_cost
        assert all(each.cost <= planned.max_cost for each in planned.candidates)

    def test_it_trains_in_the_gap(self, planned):
        assert GAP[1] < planned.chosen[0].parameters < GAP[2]

    def test_each_proposal_is_a_line_that_trains_it(self, planned):
        for each in (*planned.candidates, *planned.chosen):
            words = shlex.split(each.train_command)
            assert words[:2] == ["sizer", "train"]
            (size,) = parse_sizes(words[words.index("--sizes") + 1])
            assert size == each.parameters

    def test_the_first_candidate_narrows_most_for_its_cost(self, planned):
        def gain(each):
            return math.log(planned.interval_factor / each.interval_factor) / each.cost

        gains = [gain(each) for each in planned.candidates]
        assert gains == sorted(gains, reverse=True)


class TestNotWorthIt:
    def test_where_the_answer_is_known_already(self):
        """Inside a dense ladder, a training more narrows the interval by less than a tenth."""
        told = plan(load("builtin"), accuracy=0.85, step=100, max_cost=0.05)
        assert not told.worth_it
        assert told.chosen == ()
        assert told.candidates
        assert told.reason.startswith("not worth it: ")

    def test_where_nothing_can_be_paid(self, gap):
        told = plan(gap, max_cost=1e-6, **ASKED)
        assert (told.worth_it, told.chosen, told.candidates) == (False, (), ())
        assert "no training of that cost" in told.reason

    def test_where_the_noise_was_not_measured(self, gap):
        told = plan(gap, accuracy=0.5, step=4000, max_cost=1)
        assert (told.worth_it, told.interval_factor) == (False, None)
        assert "lies outside the measured" in told.reason


class TestPromises:
    def test_a_training_that_comes_out_as_foretold_hardly_moves_the_answer(self, gap):
        known, requirement = ladder_of(gap), Requirement(113.0, 0.82)
        before, after = (
            at.at(113.0).at(np.array([1e5])).expected()[0]
            for at in (known, with_training(known, 100_000, 113.0, 0.5))
        )
        assert after == pytest.approx(before, abs=0.005)
        assert log_width(with_training(known, 100_000, 113.0, 0.5), requirement) < log_width(
            known, requirement
        )

    @pytest.mark.slow
    def test_what_is_promised_is_then_found(self):
        """The ratio of the interval's logarithms, once the best of three trainings is made: its
        geometric mean over simulated ladders of seven shapes, asked inside and beyond them.
        """
        promised, made = zip(*(promise(index) for index in range(2 * len(SHAPES))), strict=True)
        assert 0.8 <= np.exp(np.mean(np.log(np.divide(made, promised)))) <= 1.25


def promise(index):
    """Of a simulated ladder: the log width that its best next training promises, and makes."""
    random = np.random.default_rng([11, index])
    truth = simulate(SHAPES[index % len(SHAPES)], random)
    drawn, step = truth.ladder(random), steps_of_truth(truth)[1:2]
    known, largest = predictor(drawn.curves, drawn.image_share), drawn.sizes[-1]
    target = float(truth.accuracy((0.7, 1.5)[index // len(SHAPES) % 2] * largest, step)[0])
    requirement = Requirement(float(step[0]), target)
    sizes = [largest, 2 * largest, 4 * largest]
    promises = {size: expected_log_width(known, size, requirement) for size in sizes}
    best = min(sizes, key=lambda size: promises[size])
    right = truth.train(best, np.array(truth.design.steps), random)
    correct, images = right.sum(axis=1).tolist(), right.shape[1]
    cells = zip(truth.design.steps, correct, [images] * len(correct), strict=True)
    trained = noise_curve("new", best, truth.design.chance, cells)
    return promises[best], log_width(known.with_curves([trained]), requirement)


class TestCosts:
    def test_a_cost_is_the_work_over_that_of_the_largest(self, gap):
        """Multiply-accumulates that are a power of the size, also between and beyond the ladder."""
        models = tuple(
            replace(model, macs=round(1000 * model.parameters**1.2)) for model in gap.models
        )
        sizes = [2000, 27_027, 100_000, 2_000_000]
        expected = [(size / GAP[-1]) ** 1.2 for size in sizes]
        assert costs(replace(gap, models=models), sizes) == pytest.approx(expected, rel=1e-3)
        unknown = tuple(replace(model, macs=None) for model in gap.models)
        assert costs(replace(gap, models=unknown), sizes) == pytest.approx(
            [size / GAP[-1] for size in sizes]
        )

    def test_hours_are_those_that_the_ladder_took(self, gap):
        """An hour a million parameters; unknown where none was recorded."""
        timed = tuple(
            replace(model, macs=None, training_seconds=3600 * model.parameters / 1e6)
            for model in gap.models
        )
        calibration = replace(gap, models=timed)
        for size in (27_027, 100_000, 2_000_000):
            (cost,) = costs(calibration, [size])
            assert hours_of(calibration, size, cost) == pytest.approx(size / 1e6)
        assert hours_of(gap, 100_000, 0.2) is None

    def test_sizes_between_and_beyond_the_ladder_are_looked_at(self, gap):
        sizes = candidate_sizes(ladder_of(gap))
        assert set(GAP) < set(sizes)
        assert any(GAP[1] < size < GAP[2] for size in sizes)
        assert 2 * GAP[-1] < max(sizes) < 5 * GAP[-1]


class TestBadBudgets:
    @pytest.mark.parametrize("max_cost", [0.0, -1.0, math.nan, math.inf])
    def test_they_must_be_positive(self, gap, max_cost):
        with pytest.raises(UsageError, match="must be positive"):
            plan(gap, max_cost=max_cost, **ASKED)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Four sizes of a planted law, with a gap."""
    random = np.random.default_rng(3)
    law = scattered(transition, 0.01, CHANCE, random)
    sizes = (SIZES[0], SIZES[1], SIZES[3])
    curves = ladder(law, sizes, STEPS, 2, trials=4000, chance=CHANCE, random=random)
    path = tmp_path_factory.mktemp("plans") / "planted.json"
    measured(curves).save(path)
    return path


def run(path, *options):
    line = ("plan", "--calibration", path, "--noise-step", 300, "--target-acc", *options)
    return CliRunner().invoke(app, [str(word) for word in line])


class TestCommand:
    def test_json(self, written):
        result = run(written, 0.66, "--max-cost", 0.2, "--format", "json")
        assert result.exit_code == 0
        told = json.loads(result.stdout)
        assert told["worth_it"]
        assert told["requirement"]["target_accuracy"] == 0.66
        assert set(told["chosen"][0]) == {
            *("parameters", "cost", "interval_factor", "hours", "train_command"),
        }

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_words(self, written, form):
        result = run(written, 0.66, "--max-cost", 0.2, "--format", form)
        assert result.exit_code == 0
        assert "expected to narrow the interval" in " ".join(result.stdout.split())

    def test_what_is_not_worth_it_exits_with_one(self, written):
        result = run(written, 0.66, "--max-cost", 1e-6)
        assert result.exit_code == 1
        assert "not worth it" in " ".join(result.stdout.split())

    @pytest.mark.parametrize("max_cost", ["0", "-1", "nan"])
    def test_a_bad_cost_is_one_line(self, written, max_cost):
        result = run(written, 0.66, "--max-cost", max_cost)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: max cost")
