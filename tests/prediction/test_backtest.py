"""The back-test of the whole answer, on ladders whose law is known, or known to break."""

import json
import re

import numpy as np
import pytest
from answers import measured
from planted import ladder, trained_with
from planted_models import SIZES, planted_accuracy
from pydantic import TypeAdapter
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.errors import CalibrationError, MeasurementError, UsageError
from sizer.prediction.backtest import LadderBacktest, backtest

STEPS = np.arange(0, 1001, 100.0)
TRIALS = 2000
CHANCE = 0.1
BREAK = 0.12  # accuracy: far beyond any error of counting


def saturating(step, size):
    """A - B N^-0.4 at each step, both falling along the steps."""
    fall = np.exp(-((step / 600) ** 2))
    return CHANCE + fall * (0.6 - 0.12 * (size / 1e5) ** -0.4)


def without_size(step, _size):
    """No size buys anything."""
    return planted_accuracy(step, 1e5)


def breaking(change):
    """The planted law up to the largest size, which is off by `change` where it can be."""

    def accuracy(step, size):
        share = planted_accuracy(step, size)
        if size < SIZES[-1]:
            return share
        return np.clip(share + change * (share - CHANCE) / 0.8, CHANCE, 1)

    return accuracy


def drawn(law, sizes=SIZES, steps=STEPS, trainings=2, seed=3):
    random = np.random.default_rng(seed)
    return ladder(
        law, sizes, steps, trainings=trainings, trials=TRIALS, chance=CHANCE, random=random
    )


@pytest.fixture(scope="module", params=[planted_accuracy, saturating])
def kept(request):
    """A ladder that keeps its law, tested with one, two and three sizes left out."""
    return request.param, backtest(measured(drawn(request.param)))


class TestALawThatHolds:
    def test_every_model_is_predicted_at_every_step(self, kept):
        _, test = kept
        for count, left_out in enumerate(test.hold_outs, 1):
            assert left_out.held == SIZES[-count:]
            assert left_out.fitted == SIZES[:-count]
            assert len(left_out.accuracies) == 2 * count * len(STEPS)
            assert {point.step for point in left_out.accuracies} == set(STEPS)
        assert len(test.hold_outs) == 3

    def test_the_true_accuracy_is_predicted(self, kept):
        """With one size left out within counting error, and up to 16 times beyond still near."""
        law, test = kept
        for left_out, most in zip(test.hold_outs, (0.0112, 0.02, 0.04), strict=True):
            missed = [
                point.predicted.best - law(np.array(point.step), point.parameters)
                for point in left_out.accuracies
            ]
            assert np.sqrt(np.mean(np.square(missed))) < most

    def test_most_intervals_hold(self, kept):
        _, test = kept
        for left_out in test.hold_outs:
            assert left_out.scores[-1].accuracy.held >= 0.8
        assert test.hold_outs[0].verdict.startswith("predicted within")

    def test_sizes_are_predicted_and_their_intervals_hold(self, kept):
        _, test = kept
        score = test.hold_outs[0].scores[-1].size
        assert score.asked >= score.named + score.bounded > 0
        assert score.named > 0
        assert score.factor_median < 2
        assert score.held >= 0.8
        assert score.bound_true >= 0.8
        for answer in test.hold_outs[0].sizes:
            assert SIZES[-2] < answer.needed <= SIZES[-1]

    def test_the_scores_are_those_of_the_points(self, kept):
        _, test = kept
        for left_out in test.hold_outs:
            points = [point for point in left_out.accuracies if point.parameters == SIZES[-1]]
            score = next(score for score in left_out.scores if score.parameters == SIZES[-1])
            missed = np.array([point.predicted.best - point.measured for point in points])
            held = [p.predicted.low <= p.measured <= p.predicted.high for p in points]
            assert score.accuracy.points == len(points)
            assert score.accuracy.rms == pytest.approx(np.sqrt(np.mean(missed**2)))
            assert abs(score.accuracy.worst) == pytest.approx(np.abs(missed).max())
            assert score.accuracy.held == pytest.approx(np.mean(held))
            assert score.ratio == pytest.approx(SIZES[-1] / left_out.fitted[-1])
            assert score.informative.points == sum(not point.guessing for point in points)


def test_the_held_out_size_is_not_looked_at():
    """What the largest models measured changes nothing of what is foretold of them."""
    usual, broken = (
        backtest(measured(drawn(law)), hold_out=1).hold_outs[0]
        for law in (planted_accuracy, breaking(-BREAK))
    )
    for one, other in zip(usual.accuracies, broken.accuracies, strict=True):
        assert one.predicted == other.predicted


def test_the_laws_are_those_of_the_calibration(planted_calibration):
    calibration = load(str(planted_calibration))
    (left_out,) = backtest(calibration, hold_out=2).hold_outs
    assert left_out.laws
    assert left_out.laws == tuple(test for test in calibration.backtests if test.hold_out == 2)


class TestALawThatBreaks:
    @pytest.mark.parametrize("change", [-2 * BREAK, BREAK])
    def test_is_shown_to_fail(self, change):
        """Below or above what the smaller ones promise, only at the largest size."""
        (left_out,) = backtest(measured(drawn(breaking(change))), hold_out=1).hold_outs
        assert left_out.verdict.startswith("not predicted, off by")
        score = left_out.scores[-1]
        assert score.informative.held < 0.5
        assert np.sign(score.informative.worst) == -np.sign(change)

    def test_two_sizes_below_it_are_predicted_from_the_rest(self):
        """The break is of the largest size alone."""
        (left_out,) = backtest(measured(drawn(breaking(-2 * BREAK))), hold_out=2).hold_outs
        below, largest, both = left_out.scores
        assert below.accuracy.rms < 0.02 < largest.accuracy.rms
        assert below.accuracy.rms < both.accuracy.rms < largest.accuracy.rms


class TestWhatIsAsked:
    def test_no_size_where_size_buys_nothing(self):
        (left_out,) = backtest(measured(drawn(without_size)), hold_out=1).hold_outs
        assert left_out.sizes == ()
        assert left_out.scores[0].size.asked == 0
        assert left_out.scores[0].size.held is None

    def test_an_accuracy_of_one_is_no_target(self):
        """Only the largest size reaches it: it is measured, but no size can be asked for it."""

        def perfect(step, size):
            return np.minimum(1, planted_accuracy(step, size) + 0.17)

        (left_out,) = backtest(measured(drawn(perfect)), hold_out=1).hold_outs
        assert max(point.measured for point in left_out.accuracies) == 1
        assert left_out.sizes
        assert all(answer.target < 1 for answer in left_out.sizes)

    def test_models_measured_at_other_steps(self):
        """Each is predicted at its own steps; sizes are asked for where all were measured."""
        other = np.arange(100, 981, 40.0)
        curves = [
            *drawn(planted_accuracy, SIZES[:-1]),
            *drawn(planted_accuracy, SIZES[-1:], other, trainings=1, seed=4),
        ]
        (left_out,) = backtest(measured(curves), hold_out=1).hold_outs
        assert left_out.accuracies
        assert all(other[0] <= point.step <= other[-1] for point in left_out.accuracies)
        assert left_out.scores[0].accuracy.rms < 0.03
        asked = {answer.step for answer in left_out.sizes}
        assert asked
        assert min(asked) >= other[0]

    def test_noise_beyond_that_of_the_training_is_not_asked_about(self):
        trained = measured(drawn(planted_accuracy), ladder=trained_with((0, 300)))
        (left_out,) = backtest(trained, hold_out=1).hold_outs
        assert max(point.step for point in left_out.accuracies) > 300
        assert {answer.step for answer in left_out.sizes} <= {0, 100, 200, 300}


class TestTooFewSizes:
    @pytest.mark.parametrize("hold_out", [None, 1])
    def test_of_the_ladder(self, hold_out):
        with pytest.raises(MeasurementError, match=r"3 different sizes; .* needs 4 or more: add"):
            backtest(measured(drawn(planted_accuracy, SIZES[:3])), hold_out=hold_out)

    def test_so_many_are_left_out_as_leave_enough(self):
        test = backtest(measured(drawn(planted_accuracy, SIZES[:4])))
        assert [left_out.held for left_out in test.hold_outs] == [(SIZES[3],)]

    def test_left(self):
        with pytest.raises(UsageError, match=r"--hold-out 4 leaves 2 of 6 .* hold out at most 3"):
            backtest(measured(drawn(planted_accuracy)), hold_out=4)

    def test_no_calibration(self, tmp_path):
        with pytest.raises(CalibrationError, match="give a calibration file"):
            backtest(tmp_path / "none.json")


def run(*arguments):
    return CliRunner().invoke(app, ["backtest", *(str(argument) for argument in arguments)])


class TestCommand:
    def test_json_is_the_record(self, planted_calibration):
        result = run(planted_calibration, "--hold-out", 1, "--format", "json")
        assert result.exit_code == 0
        told = TypeAdapter(LadderBacktest).validate_json(result.stdout)
        assert told == backtest(planted_calibration, hold_out=1)
        assert set(json.loads(result.stdout)) == {"chance", "schedule", "hold_outs"}

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_every_step_is_shown(self, planted_calibration, form):
        result = run(planted_calibration, "--hold-out", 1, "--details", "--format", form)
        assert result.exit_code == 0
        left_out = backtest(planted_calibration, hold_out=1).hold_outs[0]
        for point in left_out.accuracies:
            assert f"{point.measured:.3f}" in result.stdout
        assert f"largest size left out: {left_out.verdict}" in " ".join(result.stdout.split())

    def test_a_summary_has_ten_lines_and_says_what_comes_next(self, planted_calibration):
        result = run(planted_calibration)
        told = [line for line in result.stdout.splitlines() if line]
        worst = max(h.scores[-1].telling.rms for h in backtest(planted_calibration).hold_outs)
        assert len(told) <= 10
        assert told[0].startswith(f"predicted within {worst:.3f} in accuracy")
        assert f"next: sizer recommend --calibration {planted_calibration}" in result.stderr

    def test_a_page_shows_what_was_predicted_over_what_was_measured(
        self, planted_calibration, tmp_path
    ):
        page = tmp_path / "page.html"
        assert run(planted_calibration, "--hold-out", 2, "--report", page).exit_code == 0
        assert re.findall(r'id="(figure-[^"]*)"', page.read_text()) == ["figure-2-left-out"]
        assert "<h1>Predicted within" in page.read_text()

    def test_pictures(self, planted_calibration, tmp_path):
        folder = tmp_path / "made" / "pictures"
        assert run(planted_calibration, "--hold-out", 1, "--plots", folder).exit_code == 0
        names = {
            f"backtest-{what}.{form}" for what in ("accuracy", "size") for form in ("png", "svg")
        }
        assert {path.name for path in folder.iterdir()} == names
        assert "</svg>" in (folder / "backtest-size.svg").read_text()

    def test_bad_input_is_one_line(self, planted_calibration):
        result = run(planted_calibration, "--hold-out", 5)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.strip().splitlines()) == 1
