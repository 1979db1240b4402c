"""The back-test of the whole answer, on ladders whose law is known, or known to break."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import SIZES, planted_accuracy
from planted import ladder, trained_with, write_table
from pydantic import TypeAdapter
from sizer.law import LAWS
from sizer.pipeline import CutChoice, backtest, fit_file
from sizer.results import LadderBacktest
from typer.testing import CliRunner

from sizer import files, fit
from sizer.cli.app import app
from sizer.errors import CalibrationError, MeasurementError, UsageError
from sizer.progress import ignore_progress

STEPS = np.arange(0, 1001, 70.0)
TRIALS = 2000
CHANCE = 0.1
CEILING = 0.9
BREAK = 0.12  # accuracy: far beyond any error of counting


def saturating(step, size):
    """A - B N^-0.4 at each step, both falling along the steps."""
    fall = np.exp(-((step / 600) ** 2))
    return CHANCE + fall * (0.6 - 0.12 * (size / 1e5) ** -0.4)


def without_size(step, _size):
    """No size buys anything."""
    return planted_accuracy(step, 1e5)


def breaking(change):
    """The transition law up to the largest size, which is off by `change` where it can be."""

    def accuracy(step, size):
        share = planted_accuracy(step, size)
        if size < SIZES[-1]:
            return share
        return np.clip(share + change * (share - CHANCE) / (CEILING - CHANCE), CHANCE, 1)

    return accuracy


def calibration_of(curves, folder):
    path = folder / "planted.json"
    table = write_table(folder / "planted.csv", curves)
    files.write_calibration(path, fit_file(table, CutChoice()))
    return path


def drawn(law, sizes=SIZES, steps=STEPS, trainings=2, seed=3):
    random = np.random.default_rng(seed)
    return ladder(
        law, sizes, steps, trainings=trainings, trials=TRIALS, chance=CHANCE, random=random
    )


def back_tested(path, hold_out=None):
    return backtest(str(path), hold_out, lambda _phase: ignore_progress)


@pytest.fixture(scope="module", params=[planted_accuracy, saturating])
def kept(request, tmp_path_factory):
    """A ladder that keeps its law, tested with one and two sizes left out."""
    folder = tmp_path_factory.mktemp("kept")
    return request.param, back_tested(calibration_of(drawn(request.param), folder))


class TestALawThatHolds:
    def test_every_model_is_predicted_at_every_step(self, kept):
        _, found = kept
        for count, one in enumerate(found.hold_outs, 1):
            assert one.held == SIZES[-count:]
            assert one.fitted == SIZES[:-count]
            assert len(one.accuracies) == 2 * count * len(STEPS)
            assert {point.step for point in one.accuracies} == set(STEPS)

    def test_the_true_accuracy_is_predicted_within_counting_error(self, kept):
        law, found = kept
        for one in found.hold_outs:
            missed = [
                point.predicted.value - law(np.array(point.step), point.parameters)
                for point in one.accuracies
            ]
            assert np.sqrt(np.mean(np.square(missed))) < np.sqrt(0.25 / TRIALS)

    def test_most_intervals_hold(self, kept):
        _, found = kept
        for one in found.hold_outs:
            assert one.scores[-1].accuracy.held >= 0.8
            assert one.verdict.startswith("predicted within")

    def test_sizes_are_predicted_and_their_intervals_hold(self, kept):
        _, found = kept
        score = found.hold_outs[0].scores[-1].size
        assert score.asked > score.refused
        assert score.denied == 0
        assert score.factor_median < 1.5
        assert score.held_training >= 0.8
        for answer in found.hold_outs[0].sizes:
            assert SIZES[-2] < answer.needed <= SIZES[-1]

    def test_the_scores_are_those_of_the_points(self, kept):
        _, found = kept
        for one in found.hold_outs:
            own = [point for point in one.accuracies if point.parameters == SIZES[-1]]
            score = next(score for score in one.scores if score.parameters == SIZES[-1])
            missed = np.array([point.predicted.value - point.measured for point in own])
            assert score.accuracy.rms == pytest.approx(np.sqrt(np.mean(missed**2)))
            assert abs(score.accuracy.worst) == pytest.approx(np.abs(missed).max())
            assert score.ratio == pytest.approx(SIZES[-1] / one.fitted[-1])
            assert score.informative.points == sum(not point.guessing for point in own)

    def test_each_law_by_itself_is_tested_as_in_a_calibration(self, kept, tmp_path):
        law, found = kept
        curves = drawn(law)
        for one in found.hold_outs:
            for score in one.laws:
                law = LAWS[score.backtest.law]
                alone = fit.backtest(law, curves, len(one.held))
                assert score.backtest.accuracy_rms == pytest.approx(alone.accuracy_rms, rel=1e-3)
            assert sum(score.weight for score in one.laws) == pytest.approx(1)


class TestALawThatBreaks:
    @pytest.mark.parametrize("change", [-BREAK * 2, BREAK])
    def test_is_shown_to_fail(self, change, tmp_path):
        """Below or above what the smaller ones promise, only at the largest size."""
        found = back_tested(calibration_of(drawn(breaking(change)), tmp_path), 1)
        (one,) = found.hold_outs
        assert one.verdict.startswith("not predicted, off by")
        score = one.scores[-1]
        assert score.informative.held < 0.5
        assert np.sign(score.informative.worst) == -np.sign(change)
        told = [
            answer.predicted
            for answer in one.sizes
            if answer.needed == SIZES[-1] and answer.verdict == "recommended"
        ]
        assert not [size for size in told if size.low <= SIZES[-1] <= (size.high or np.inf)]

    def test_two_sizes_below_it_are_predicted_from_the_rest(self, tmp_path):
        """The break is of the largest size alone."""
        found = back_tested(calibration_of(drawn(breaking(-2 * BREAK)), tmp_path), 2)
        below, largest, both = found.hold_outs[0].scores
        assert below.accuracy.rms < 0.02 < largest.accuracy.rms
        assert below.accuracy.rms < both.accuracy.rms < largest.accuracy.rms


def test_where_size_buys_nothing_no_size_is_asked_for(tmp_path):
    found = back_tested(calibration_of(drawn(without_size), tmp_path), 1)
    assert found.hold_outs[0].sizes == ()
    assert found.hold_outs[0].scores[0].size.asked == 0
    assert found.hold_outs[0].scores[0].size.held is None


def test_an_accuracy_of_one_is_no_target(tmp_path):
    """Only the largest size reaches it: it is measured, but no size can be asked for it."""

    def perfect(step, size):
        return np.minimum(1, planted_accuracy(step, size) + 0.17)

    (one,) = back_tested(calibration_of(drawn(perfect), tmp_path), 1).hold_outs
    assert max(point.measured for point in one.accuracies) == 1
    assert one.sizes
    assert all(answer.target < 1 for answer in one.sizes)


def test_models_measured_at_other_steps(tmp_path):
    """Each is predicted at its own steps; sizes are asked for where all models were measured."""
    curves = [
        *drawn(planted_accuracy, SIZES[:-1]),
        *drawn(planted_accuracy, SIZES[-1:], np.arange(100, 1201, 100.0), trainings=1, seed=4),
    ]
    (one,) = back_tested(calibration_of(curves, tmp_path), 1).hold_outs
    assert [point.step for point in one.accuracies] == list(np.arange(100, 1201, 100.0))
    assert one.scores[0].accuracy.rms < 0.03
    asked = {answer.step for answer in one.sizes}
    assert asked
    assert asked <= set(np.arange(100, STEPS[-1], 100.0))


def test_noise_beyond_that_of_the_training_is_not_asked_about(planted_calibration, tmp_path):
    found, path = files.read_calibration(planted_calibration), tmp_path / "trained.json"
    files.write_calibration(path, replace(found, ladder=trained_with((0, 300))))
    (one,) = back_tested(path, 1).hold_outs
    assert max(point.step for point in one.accuracies) > 300
    assert {answer.step for answer in one.sizes} <= {0, 70, 140, 210, 280}


class TestTooFewSizes:
    @pytest.mark.parametrize("hold_out", [None, 1])
    def test_of_the_ladder(self, hold_out, tmp_path):
        path = calibration_of(drawn(planted_accuracy, SIZES[:4]), tmp_path)
        with pytest.raises(MeasurementError, match=r"4 different sizes; .* needs 5 or more: add"):
            back_tested(path, hold_out)

    def test_left(self, planted_calibration):
        with pytest.raises(UsageError, match=r"--hold-out 3 leaves 3 of 6 .* hold out at most 2"):
            back_tested(planted_calibration, 3)

    def test_no_calibration(self, tmp_path):
        with pytest.raises(CalibrationError, match="give a calibration file"):
            back_tested(tmp_path / "none.json")


def run(*arguments):
    return CliRunner().invoke(app, ["backtest", *(str(argument) for argument in arguments)])


class TestCommand:
    def test_json_is_the_record(self, planted_calibration):
        result = run(planted_calibration, "--hold-out", 1, "--format", "json")
        assert result.exit_code == 0
        read = TypeAdapter(LadderBacktest).validate_json(result.stdout)
        assert read == back_tested(planted_calibration, 1)
        assert list(json.loads(result.stdout)) == [
            *("calibration", "chance", "schedule", "hold_outs"),
        ]

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_every_step_is_shown(self, planted_calibration, form):
        result = run(planted_calibration, "--hold-out", 1, "--format", form)
        assert result.exit_code == 0
        found = back_tested(planted_calibration, 1).hold_outs[0]
        for point in found.accuracies:
            assert f"{point.measured:.3f}" in result.stdout
        flat = " ".join(result.stdout.split())
        assert f"largest size left out: {found.verdict}" in flat

    def test_pictures(self, planted_calibration, tmp_path):
        folder = tmp_path / "made" / "pictures"
        result = run(planted_calibration, "--plots", folder)
        assert result.exit_code == 0
        names = {
            f"backtest-{what}.{form}" for what in ("accuracy", "size") for form in ("png", "svg")
        }
        assert {path.name for path in folder.iterdir()} == names
        svg = (folder / "backtest-size.svg").read_text()
        assert "</svg>" in svg

    def test_bad_input_is_one_line(self, planted_calibration):
        result = run(planted_calibration, "--hold-out", 5)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.strip().splitlines()) == 1
