"""The league judges rightly: its ladders follow their truths, and scores are what they say."""

import json
import math
import sys

import changes
import laws
import league
import numpy as np
import pytest
from ladders import Ladder, mean_accuracy, steps_of_fall
from planted import curve
from planted import ladder as planted_ladder
from rivals import Answer
from scores import accuracy_row, family_rows, markdown, record, size_row, spread_row
from tasks import (
    DISTANCES,
    LEAST_GAIN,
    STEPS_ASKED,
    AccuracyQuestion,
    SizeQuestion,
    held_out_tasks,
    middle_tasks,
    shipped_ladders,
    simulated_task,
    simulated_tasks,
)
from truths import TRUTHS, Simulation, simulate, simulate_law

NINETY = 1.645  # standard errors either side of a 90 % interval
SIZES = (10_000, 21_544, 46_416, 100_000, 215_443, 464_159, 1_000_000)
STEPS = (0.0, 100.0, 200.0)


class Knowing:
    """A competitor that knows the truth up to an error of `error` in accuracy, which it states.

    overconfident: by what factor it states all errors too small.
    """

    def __init__(self, simulation: Simulation, error: float, overconfident: float, random):
        self.simulation, self.error, self.random = simulation, error, random
        self.reach = NINETY / overconfident
        smallest, largest = simulation.design.sizes[0], simulation.design.sizes[-1]
        self.sought = np.geomspace(smallest / 10, 100 * largest, 80)

    def accuracy(self, size, step):
        """From the mean, the scatter of accuracy and step, and counting."""
        design = self.simulation.design
        below, best, above = self.simulation.accuracy(size, step + np.array([-5.0, 0.0, 5.0]))
        scatter = design.scatter * (best - design.chance)
        stretch = design.stretch * step * (above - below) / 10
        reach = self.reach * math.hypot(scatter, stretch, math.sqrt(best * (1 - best) / 2000))
        return best - reach, best, best + reach

    def sizes(self, step, target):
        at = np.array([step])
        truth = np.array([self.simulation.accuracy(size, at)[0] for size in self.sought])
        believed = truth + self.error * self.random.standard_normal()
        low, best, high = (
            float(np.exp(np.interp(target + side * self.error, believed, np.log(self.sought))))
            for side in (-self.reach, 0, self.reach)
        )
        return Answer(True, low, best, high, high, low)


def answers(overconfident, count=24):
    random = np.random.default_rng(5)
    records = []
    for index in range(count):
        simulation = simulate("no limit", random)
        task = simulated_task(simulation, index, random)
        knowing = Knowing(simulation, 0.01, overconfident, random)
        records += [record(knowing, task, question) for question in task.questions]
    return records


def of_kind(records, kind):
    return [one for one in records if one["kind"] == kind]


@pytest.fixture(scope="module")
def honest():
    return answers(overconfident=1)


@pytest.mark.slow
class TestPerfectKnowledge:
    """Hundreds of questions: shares of 0.9 within 0.04 of it but once in a thousand seeds."""

    def test_right_errors_hold_nine_times_in_ten(self, honest):
        row = size_row(of_kind(honest, "size"))
        assert row["questions"] > 400
        assert row["coverage"] == pytest.approx(0.9, abs=0.04)
        assert row["bound_true"] == pytest.approx(0.95, abs=0.03)
        assert row["too_small"] == pytest.approx(0.05, abs=0.03)
        assert abs(row["bias"]) < 0.02

    def test_new_trainings_lie_in_their_interval_nine_times_in_ten(self, honest):
        row = accuracy_row(of_kind(honest, "accuracy"))
        assert row["coverage"] == pytest.approx(0.9, abs=0.04)
        assert abs(row["bias"]) < 0.003

    def test_overconfidence_shows(self):
        """A third of the error holds 0.42 of the time."""
        overconfident = answers(overconfident=3, count=8)
        assert size_row(of_kind(overconfident, "size"))["coverage"] < 0.55
        assert accuracy_row(of_kind(overconfident, "accuracy"))["coverage"] < 0.6


class TestTruths:
    @pytest.mark.parametrize("truth", TRUTHS)
    def test_accuracy_grows_with_size_and_falls_with_noise(self, truth):
        steps = np.arange(0, 1001, 50.0)
        for seed in range(5):
            simulation = simulate(truth, np.random.default_rng(seed))
            sizes = np.geomspace(simulation.design.sizes[0], 6 * simulation.design.sizes[-1], 30)
            accuracy = np.array([simulation.accuracy(size, steps) for size in sizes])
            assert np.all((accuracy > 0) & (accuracy < 1))
            assert np.all(np.diff(accuracy, axis=0) > -1e-4)
            assert np.all(np.diff(accuracy, axis=1) < 1e-9)

    def test_designs_are_as_described(self):
        designs = [simulate("flat", np.random.default_rng(seed)).design for seed in range(50)]
        decades = [math.log10(design.sizes[-1] / design.sizes[0]) for design in designs]
        assert {len(design.sizes) for design in designs} == {6, 7, 8, 9}
        assert {design.trainings for design in designs} == {1, 2, 3}
        assert {design.shared for design in designs} == {True, False}
        assert 1.49 < min(decades) < max(decades) < 2.01
        assert all(0.01 <= design.scatter <= 0.04 for design in designs)

    def test_without_scatter_every_count_is_a_binomial_draw(self):
        """Of the truth: within five errors of it."""
        random = np.random.default_rng(1)
        simulation = simulate_law("logistic", 5, 2, 0.0, random)
        ladder = simulation.ladder(random)
        assert len(ladder.curves) == 10
        assert 0.2 < ladder.image_share < 0.5  # latent halves share less than half of the outcomes
        for one in ladder.curves:
            expected = laws.logistic(one.model.parameters, np.array(one.steps))
            error = np.sqrt(expected * (1 - expected) / 2000)
            assert np.all(np.abs(np.divide(one.correct, one.trials) - expected) < 5 * error)

    def test_trainings_scatter_as_designed(self):
        random = np.random.default_rng(2)
        simulation = simulate_law("saturating", 5, 1, 0.05, random)
        clean = [simulation.train(1e5, np.array([0.0]), random).mean() for _ in range(400)]
        expected = laws.saturating(1e5, np.array([0.0]))[0]
        # scatter and counting, less what shared images have in common
        assert np.std(clean) == pytest.approx(0.05 * (expected - 0.01), rel=0.15)

    def test_the_mean_over_trainings_is_the_truth(self):
        """At the shoulder of the fall, where scatter of the step lowers the mean."""
        simulation = simulate_law("logistic", 5, 1, 0.1, np.random.default_rng(3))
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        mean = weights @ laws.logistic(1e5, 250 * (1 + 0.1 * nodes)) / weights.sum()
        assert laws.logistic(1e5, np.array([250.0]))[0] - mean > 0.001
        assert simulation.accuracy(1e5, np.array([250.0]))[0] == pytest.approx(mean, abs=1e-4)


class TestLaws:
    """Worked out by hand at 100,000 parameters, where every power of the size is one."""

    def test_logistic(self):
        """There the clean accuracy is 0.55, the fall is half over at 400 and 110 wide."""
        at = laws.logistic(1e5, np.array([0.0, 400.0, 510.0]))
        start = 1 / (1 + math.exp(-400 / 110))
        assert at == pytest.approx(
            [0.55, 0.01 + 0.54 * 0.5 / start, 0.01 + 0.54 * 0.2689414 / start], abs=1e-6
        )

    def test_saturating(self):
        """There it is the ceiling less the gain: 0.01 + 0.75 f - 0.25 f^0.8."""
        at = laws.saturating(1e5, np.array([0.0, 420.0]))
        half = 0.5 * (1 + math.exp(-4.2))
        assert at == pytest.approx([0.51, 0.01 + 0.75 * half - 0.25 * half**0.8], abs=1e-9)

    def test_outside(self):
        """There the clean accuracy is 0.8 - 0.25 * 1.15, and half of the fall is over at 420."""
        at = laws.outside(1e5, np.array([0.0, 420.0]))
        start = 0.5 ** math.exp(-420 / 160)
        assert at == pytest.approx([0.5125, 0.01 + 0.5025 * 0.5 / start], abs=1e-9)

    @pytest.mark.parametrize(
        ("law", "clean"),
        [
            # at 32 times 100,000: exponents 0.3 and 0.28 make 2^-1.5 and 2^-1.4
            ("logistic", 0.8 - 0.25 * 2**-1.5),
            ("saturating", 0.76 - 0.25 * 2**-1.4),
            ("outside", 0.8 - 0.25 * 2**-1.5 * (1 + 0.15 * 2**-2.5)),
        ],
    )
    def test_clean_accuracies_of_a_larger_size(self, law, clean):
        (at,) = laws.LAWS[law](32e5, np.array([0.0]))
        assert at == pytest.approx(clean, abs=1e-9)


class TestTasks:
    def test_middle_sizes_are_left_out_and_asked_for(self):
        tasks = list(middle_tasks())
        measured = {ladder.name: ladder for ladder in shipped_ladders()}
        assert len(tasks) == sum(len(ladder.sizes) - 2 for ladder in measured.values())
        assert 0.8 <= sum(len(task.questions) for task in tasks) / (STEPS_ASKED * len(tasks)) <= 1
        for task in tasks:
            whole = measured[task.ladder.name]
            for question in task.questions:
                assert question.truth not in task.ladder.sizes
                assert whole.sizes[0] < question.truth < whole.sizes[-1]
                target = mean_accuracy(whole.of_size(question.truth), np.array([question.step]))
                assert question.target == pytest.approx(target[0])

    def test_no_noise_beyond_the_training_is_asked_about(self):
        builtin = shipped_ladders()[0]
        assert builtin.last_step == 800
        assert max(q.step for task in middle_tasks() for q in task.questions) <= 800

    def test_steps_lose_equal_shares_of_the_fall(self):
        line = Ladder("line", (curve("a", 100, np.arange(101.0), np.linspace(0.9, 0.1, 101)),))
        assert steps_of_fall(line, 3, 0.63) == pytest.approx([3 * 9 / 8, 37.125, 70.875], abs=0.5)

    def test_the_largest_sizes_are_held_out_and_measured(self):
        curves = planted_ladder(lambda step, n: np.full(3, math.log10(n) / 10), SIZES, STEPS)
        tasks = list(
            held_out_tasks("public", [Ladder("line", tuple(curves))], lambda ladder: ladder.steps)
        )
        assert [task.ladder.sizes for task in tasks] == [SIZES[:-1], SIZES[:-2], SIZES[:-3]]
        assert [question.size for question in tasks[1].questions] == [464_159] * 3 + [10**6] * 3
        assert tasks[0].questions[0].measured == pytest.approx(0.6)

    def test_a_ladder_of_four_sizes_is_held_out_once(self):
        curves = planted_ladder(lambda step, n: np.full(3, 0.5), SIZES[:4], STEPS)
        steps = np.array(STEPS)
        assert (
            len(list(held_out_tasks("public", [Ladder("l", tuple(curves))], lambda _: steps))) == 1
        )

    def test_sizes_are_asked_where_size_buys_accuracy(self):
        random = np.random.default_rng(4)
        simulation = simulate("saturation by data", random)
        task = simulated_task(simulation, 0, random)
        sizes = [q for q in task.questions if isinstance(q, SizeQuestion)]
        assert len(sizes) < sum(isinstance(q, AccuracyQuestion) for q in task.questions)
        for question in sizes:
            step = np.array([question.step])
            near = [simulation.accuracy(question.truth * by, step)[0] for by in (0.9, 1, 1.1)]
            assert near[1] == pytest.approx(question.target)
            assert (near[2] - near[0]) / math.log10(1.1 / 0.9) > 0.9 * LEAST_GAIN

    def test_simulated_ladders_repeat_by_their_seed(self):
        truths = tuple(TRUTHS)
        first, again, other = (list(simulated_tasks(2, seed, truths)) for seed in (1, 1, 2))
        assert first == again
        assert first[0].ladder != other[0].ladder
        assert [task.design for task in first] == list(truths[:2])

    def test_questions_go_to_six_times_the_largest(self):
        (task,) = simulated_tasks(1, 0, ("no limit",))
        beyond = {
            q.group: q.size / task.ladder.sizes[-1] for q in task.questions if hasattr(q, "size")
        }
        assert {name: beyond[name] for name in beyond if name != "inside"} == {
            f"{distance:g} times": pytest.approx(distance) for distance in DISTANCES
        }


def size_record(**answer):
    known = {"named": True, "truth": 100, "low": None, "best": None, "high": None}
    return known | {"recommended": None, "bound": None} | answer


class TestScores:
    def test_sizes(self):
        row = size_row(
            [
                size_record(low=50, best=80, high=200, recommended=90, bound=50),
                size_record(low=120, best=200, high=1200, recommended=900, bound=120),
                size_record(low=10, best=100, recommended=None, bound=10),
                size_record(named=False, bound=60),
            ]
        )
        assert row["questions"] == 4
        assert row["named"] == 0.75
        assert row["coverage"] == pytest.approx(2 / 3)
        assert row["width"] == pytest.approx(1)  # log10 of 4, of 10, and no end
        assert row["factor"] == pytest.approx(1.25)
        assert row["too_small"] == 0.5
        assert row["bound_given"] == 1
        assert row["bound_true"] == 0.75

    def test_nothing_named_has_no_coverage(self):
        row = size_row([size_record(named=False)])
        assert (row["named"], row["coverage"], row["factor"], row["bound_true"]) == (0, *[None] * 3)

    def test_families_are_compared_with_repeating_the_largest(self):
        def measured(competitor, group, best):
            known = {"competitor": competitor, "design": "1 held out", "group": group}
            return known | {"measured": 0.5, "low": None, "best": best, "high": None}

        rows = family_rows(
            [
                *(measured("repeat", group, 0.48) for group in "ab"),
                measured("power", "a", 0.51),
                measured("power", "b", 0.55),
            ]
        )
        power = next(row for row in rows if row["competitor"] == "power")
        assert power["better"] == 0.5
        assert power["rms"] == pytest.approx(math.sqrt((0.01**2 + 0.05**2) / 2))
        assert power["median_rms"] == pytest.approx(0.03)

    def test_spread_is_infinite_where_an_answer_lacks(self):
        row = spread_row([size_record(best=10, recommended=20), size_record(best=12)])
        assert row["best"] == pytest.approx(1.2)
        assert math.isinf(row["recommended"])

    def test_markdown(self):
        rows = [{"who": "a", "factor_90": 1.23456, "width": math.inf, "bias": None}]
        assert markdown(rows).splitlines() == [
            "| who | factor 90 | width | bias |",
            "|---|---|---|---|",
            "| a | 1.235 | no end | - |",
        ]


class TestChanges:
    @pytest.fixture
    def ladder(self):
        def accuracy(step, _size):
            return 0.1 + 0.8 * np.exp(-step / 300)

        steps = np.arange(0, 201, 10.0)
        return Ladder(
            "l", tuple(planted_ladder(accuracy, SIZES[:3], steps, trainings=2, chance=0.1))
        )

    def test_harmless_changes_tell_nothing_new(self, ladder):
        changed = {change.name: change for change in changes.harmless(ladder, 100.0)}
        assert len(changed) == 8
        for change in changed.values():
            asked = np.array([change.step])
            known = [c for c in change.ladder.curves if c.model.parameters != changes.USELESS]
            at = mean_accuracy(known, asked)[0]
            assert at == pytest.approx(0.1 + 0.8 * math.exp(-1 / 3), abs=1e-3)
        assert len(changed["each model twice"].ladder.curves) == 12
        names = [curve.model.name for curve in changed["each model twice"].ladder.curves]
        assert len(set(names)) == 12
        assert changed["every second step"].ladder.curves[0].steps[:3] == (0, 20, 40)
        (useless,) = set(changed["a useless tiny model"].ladder.curves) - set(ladder.curves)
        assert np.divide(useless.correct, useless.trials) == pytest.approx(0.1)

    def test_one_training_fails_by_a_tenth(self, ladder):
        failed = list(changes.failures(ladder, 100.0))
        assert len(failed) == 3
        for change in failed:
            (worse,) = set(change.ladder.curves) - set(ladder.curves)
            above = np.divide(worse.correct, worse.trials) - 0.1
            assert above == pytest.approx(0.72 * np.exp(-np.array(worse.steps) / 300), abs=1e-6)


def test_the_league_plays(tmp_path, monkeypatch, capsys):
    path = tmp_path / "out" / "league.json"
    arguments = ["--tasks", "simulated", "changes", "--ladders", "2", "--json", str(path)]
    competitors = ["--competitors", "repeat", "rivals:Repeat", "log-linear"]
    monkeypatch.setattr(sys, "argv", ["league.py", *arguments, *competitors])
    league.main()
    shown = capsys.readouterr().out
    assert "## Simulated ladders, size\n" in shown
    assert "| 6 times | log-linear |" in shown
    assert "## Harmless changes and one failed training\n" in shown
    records = json.loads(path.read_text())["records"]
    assert {one["competitor"] for one in records} == {"repeat", "rivals:Repeat", "log-linear"}
    assert {one["task"] for one in records} == {"simulated", "changes"}
