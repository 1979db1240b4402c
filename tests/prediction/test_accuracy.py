"""`predict`: the accuracy that a size will have."""

import json
import math

import numpy as np
import pytest
from answers import measured
from planted import CHANCE, SIZES, STEPS, ladder, scattered, transition
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.errors import PredictionError, UsageError
from sizer.noise import linear_schedule
from sizer.prediction.accuracy import predict

LUCK = 0.01
ASKED = [(step, size) for step in (0.0, 255.0, 500.0) for size in (20_000, 170_000, 2_000_000)]


@pytest.fixture(scope="module")
def calibration():
    random = np.random.default_rng(7)
    law = scattered(transition, LUCK, CHANCE, random)
    curves = ladder(law, SIZES, STEPS, 3, trials=4000, chance=CHANCE, random=random)
    return measured(curves, image_share=0.0, schedule="linear")


@pytest.fixture(scope="module")
def written(calibration, tmp_path_factory):
    path = tmp_path_factory.mktemp("predictions") / "mine.json"
    calibration.save(path)
    return path


def run(path, *options):
    line = ("predict", "--calibration", path, *options)
    return CliRunner().invoke(app, [str(word) for word in line])


class TestPlantedTruth:
    @pytest.mark.parametrize(("step", "size"), ASKED)
    def test_it_lies_within_the_interval(self, calibration, step, size):
        told = predict(calibration, parameters=size, step=step)
        truth = float(transition(step, size))
        assert told.accuracy.low <= truth <= told.accuracy.high
        assert told.accuracy.high - told.accuracy.low < 0.1
        assert told.accuracy.low <= told.accuracy.best <= told.accuracy.high

    @pytest.mark.parametrize("size", [20_000, 170_000])
    def test_the_next_training_is_as_uncertain_as_trainings_are(self, calibration, size):
        """Luck and counting that were planted, and the mean's own error, in quadrature."""
        told = predict(calibration, parameters=size, step=0)
        truth = float(transition(0, size))
        planted = math.hypot(LUCK * (truth - CHANCE), math.sqrt(truth * (1 - truth) / 4000))
        mean, training = (
            (at.high - at.low) / 2 / 1.645 for at in (told.accuracy, told.next_training)
        )
        assert training == pytest.approx(math.hypot(mean, planted), rel=0.4)

    def test_it_rises_with_size_and_falls_with_noise(self, calibration):
        sizes = np.geomspace(SIZES[0], 10 * SIZES[-1], 9)
        rising = [predict(calibration, parameters=n, step=255).accuracy.best for n in sizes]
        falling = [predict(calibration, parameters=170_000, step=t).accuracy.best for t in STEPS]
        assert np.all(np.diff(rising) > 0)
        assert np.all(np.diff(falling) < 0.015)  # counting leaves 0.004 a step
        assert falling[0] > falling[8] > falling[12] > falling[16]

    def test_the_interval_widens_with_confidence_and_distance(self, calibration):
        def width(size, confidence):
            at = predict(calibration, parameters=size, step=255, confidence=confidence).accuracy
            return at.high - at.low

        assert width(170_000, 0.5) < width(170_000, 0.9) < width(170_000, 0.99)
        assert width(170_000, 0.9) < width(2e6, 0.9) < width(8e6, 0.9) < width(64e6, 0.9)

    def test_a_measured_size_is_predicted_as_measured(self, calibration):
        for size in SIZES:
            curves = [c for c in calibration.curves if c.size == size]
            mean = float(np.mean([c.accuracy[STEPS.tolist().index(0)] for c in curves]))
            assert predict(calibration, parameters=size, step=0).accuracy.best == pytest.approx(
                mean, abs=0.008
            )

    def test_shipped_sizes_between_their_twins(self):
        builtin = load("builtin")
        for size in builtin.sizes:
            at = predict(builtin, parameters=size, step=162).accuracy
            twins = [
                float(c.accuracy[c.steps.index(162)]) for c in builtin.curves if c.size == size
            ]
            assert min(twins) - 0.01 < at.best < max(twins) + 0.01


class TestWhatIsSaid:
    def test_the_distance(self, calibration):
        inside, beyond, below = (
            predict(calibration, parameters=n, step=0) for n in (50_000, 3_000_000, 3_000)
        )
        assert inside.warnings == ()
        assert beyond.warnings == ("3.0 times the largest trained size, 1,000,000 parameters",)
        assert below.warnings == ("below the smallest trained size, 10,000 parameters",)
        assert (inside.extrapolation_ratio, beyond.extrapolation_ratio) == (0.05, 3.0)

    def test_noise_in_any_unit(self, calibration):
        schedule = linear_schedule()
        told = [
            predict(calibration, parameters=1e5, **noise).accuracy.best
            for noise in (
                {"step": 300.0},
                {"sigma": schedule.sigma(300)},
                {"snr_db": schedule.snr_db(300)},
            )
        ]
        assert told == pytest.approx([told[0]] * 3, abs=1e-4)


class TestBadQuestions:
    @pytest.mark.parametrize("size", [0, -5, 0.5, math.nan, math.inf, -math.inf, 1.001e9])
    def test_sizes(self, calibration, size):
        with pytest.raises(UsageError, match="parameters"):
            predict(calibration, parameters=size, step=0)

    def test_a_thousand_times_the_ladder_is_the_most(self, calibration):
        assert predict(calibration, parameters=1e9, step=0).extrapolation_ratio == 1000

    @pytest.mark.parametrize("confidence", [0.4, 1.0, math.nan])
    def test_confidences(self, calibration, confidence):
        with pytest.raises(UsageError, match="confidence"):
            predict(calibration, parameters=1e5, step=0, confidence=confidence)

    @pytest.mark.parametrize("step", [-1.0, math.nan, math.inf])
    def test_steps_that_are_none(self, calibration, step):
        with pytest.raises(UsageError, match="step"):
            predict(calibration, parameters=1e5, step=step)

    def test_a_step_that_was_not_measured(self, calibration):
        with pytest.raises(PredictionError, match="lies outside the measured"):
            predict(calibration, parameters=1e5, step=1500)

    def test_noise_given_twice(self, calibration):
        with pytest.raises(UsageError, match="give the noise once"):
            predict(calibration, parameters=1e5, step=100, sigma=20)


class TestCommand:
    def test_json_has_the_shape_of_the_design(self, written, calibration):
        result = run(written, "--parameters", "2e5", "--noise-step", 300, "--format", "json")
        assert (result.exit_code, result.stderr) == (0, "")
        told = json.loads(result.stdout)
        assert set(told) >= {"accuracy", "next_training", "extrapolation_ratio", "warnings"}
        for key in ("accuracy", "next_training"):
            assert set(told[key]) == {"low", "best", "high"}
        expected = predict(calibration, parameters=2e5, step=300)
        assert told["accuracy"]["best"] == expected.accuracy.best
        assert (told["extrapolation_ratio"], told["warnings"]) == (0.2, [])

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_words(self, written, calibration, form):
        result = run(written, "--parameters", 200_000, "--sigma", 40, "--format", form)
        assert result.exit_code == 0
        at = predict(calibration, parameters=200_000, sigma=40).accuracy
        assert f"{at.best:.3f} ({at.low:.3f} to {at.high:.3f})" in result.stdout

    @pytest.mark.parametrize(
        ("size", "step", "code", "words"),
        [
            ("0", "300", 2, "parameters 0 must be a count"),
            ("-100", "300", 2, "parameters -100 must be a count"),
            ("nan", "300", 2, "parameters nan must be a count"),
            ("inf", "300", 2, "parameters inf must be a count"),
            ("1e10", "300", 2, "more than 1,000 times the largest trained size, 1,000,000"),
            ("many", "300", 2, "--parameters"),
            ("200000", "-1", 2, "step"),
            ("200000", "nan", 2, "step"),
            ("200000", "1500", 4, "noise step 1500 lies outside the measured 0..1000"),
        ],
    )
    def test_bad_input_is_one_line(self, written, size, step, code, words):
        result = run(written, "--parameters", size, "--noise-step", step, "--format", "json")
        assert (result.exit_code, result.stdout) == (code, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        assert words in line
