"""A short ladder that borrows of others: it gains where they are alike, and loses nothing else."""

import json

import numpy as np
import pytest
from planted import ladder
from typer.testing import CliRunner

import sizer
from sizer.cli.app import app
from sizer.errors import MeasurementError
from sizer.fitting import fit_measurements
from sizer.noise import linear_schedule
from sizer.prediction.borrowing import OWN, class_prior
from sizer.prediction.lending import borrowing
from sizer.prediction.predictor import predictor
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import Cell

CHANCE, STEPS, STEP = 0.05, np.linspace(0, 600, 13), 200.0
SMALL, LARGE = (10_000, 17_000, 30_000), tuple(np.geomspace(8_000, 800_000, 8).round().astype(int))
BEYOND = 180_000
SATURATING, LATE = 0.6, -0.4


def growing(rate, level=-0.6, gain=0.5):
    """The logit of what is left at each step grows by a trend of this rate, from 10,000 on."""

    def accuracy(step, size):
        x = np.log(size / 1e4)
        z = level + gain * -np.expm1(-rate * x) / rate - 2.5 * (step / 400) ** 1.5
        return CHANCE + (1 - CHANCE) / (1 + np.exp(-z))

    return accuracy


def curves(rate, sizes, seed=0, **planted):
    random = np.random.default_rng(seed)
    options = {"trials": 20_000, "chance": CHANCE, "random": random}
    return ladder(growing(rate, **planted), sizes, STEPS, trainings=2, **options)


def lending(rate, seed=1, **planted):
    return predictor(curves(rate, LARGE, seed, **planted), 0.5)


def asked(own, lenders=()):
    """Low, best and high of the next training far beyond, and the weight of each lender."""
    ladder_ = predictor(own, 0.5, [(f"lender {i}", lender) for i, lender in enumerate(lenders)])
    seen = ladder_.at(STEP).at(np.array([float(BEYOND)]))
    low, high = seen.quantiles((0.05, 0.95), training=True)[:, 0]
    return low, float(seen.expected()[0]), high, dict(ladder_.at(STEP).rests_on)


@pytest.mark.parametrize("rate", [SATURATING, LATE])
def test_of_its_like_a_short_ladder_learns_how_it_goes_on(rate):
    own, truth = curves(rate, SMALL), growing(rate)(STEP, BEYOND)
    low, alone, high, _ = asked(own)
    lenders = [lending(rate, 1, gain=0.55), lending(rate, 2, level=-0.2)]
    lent_low, lent, lent_high, weights = asked(own, lenders)
    assert abs(lent - truth) < abs(alone - truth)
    assert lent_low <= truth <= lent_high
    assert lent_high - lent_low < high - low
    assert set(weights) == {"lender 0", "lender 1"}


def test_what_contradicts_the_measurements_counts_for_little():
    own = curves(SATURATING, LARGE[:6], seed=3)
    _, alone, _, _ = asked(own)
    _, lent, _, weights = asked(own, [lending(LATE)])
    assert weights["lender 0"] < 0.5 * (1 - OWN)
    assert lent == pytest.approx(alone, abs=0.01)


def test_of_two_the_one_that_predicts_badly_weighs_less():
    own = curves(SATURATING, LARGE[:6], seed=3)
    weights = asked(own, [lending(LATE), lending(SATURATING)])[-1]
    assert weights["lender 0"] < weights["lender 1"] / 2


def test_the_parts_of_a_prior_have_their_weights():
    learned = lending(SATURATING).at(STEP).learned()
    assert learned.sum() == pytest.approx(1)
    prior = class_prior(["one", "two"], [learned, learned])
    weights = np.exp(prior.log_density).reshape(3, -1).sum(1)
    assert weights == pytest.approx([OWN, (1 - OWN) / 2, (1 - OWN) / 2], rel=1e-3)


def test_lenders_that_differ_teach_less_than_lenders_that_agree():
    one, other = (lending(rate).at(STEP).learned() for rate in (SATURATING, LATE))

    def spread_of_rate(learned):
        part = np.exp(class_prior(["a", "b"], learned).log_density[1])
        share = part.sum(tuple(range(part.ndim - 1))) / part.sum()
        at = np.arange(len(share))
        return np.sqrt(share @ (at - share @ at) ** 2)

    assert spread_of_rate([one, other]) > spread_of_rate([one, one])


def calibration(rate, sizes, seed, schedule=True):
    measured = curves(rate, sizes, seed)
    return fit_measurements(
        models=tuple(curve.model for curve in measured),
        cells=tuple(
            Cell(curve.model.name, step, correct, trials)
            for curve in measured
            for step, correct, trials in zip(curve.steps, curve.correct, curve.trials, strict=True)
        ),
        chance=CHANCE,
        schedule=linear_schedule() if schedule else None,
        dataset=None,
        cut=Cut(),
        fitted=False,
    )


def test_an_answer_says_on_what_it_rests(tmp_path):
    own, lender = tmp_path / "own.json", tmp_path / "lender.json"
    calibration(SATURATING, SMALL, 0).save(own)
    calibration(SATURATING, LARGE, 1).save(lender)
    line = ["predict", "--calibration", str(own), "--parameters", "60000", "--noise-step", "200"]
    told = CliRunner().invoke(app, [*line, "--borrow", str(lender)])
    assert "growth with size rests 0." in told.stdout
    assert "on lender, 0." in " ".join(told.stdout.split())
    answer = json.loads(
        CliRunner().invoke(app, [*line, "--borrow", str(lender), "--format", "json"]).stdout
    )
    (borrowed,) = answer["borrowed"]
    assert borrowed["calibration"] == "lender"
    assert 0 < borrowed["weight"] < 1
    advice = sizer.recommend(own, accuracy=0.4, step=100, borrow=lender)
    assert [each.calibration for each in advice.borrowed] == ["lender"]
    assert sizer.recommend(own, accuracy=0.4, step=100).borrowed == ()


@pytest.mark.parametrize(
    ("lender", "words"),
    [
        (lambda: calibration(SATURATING, LARGE, 1, schedule=False), "another unit"),
        (lambda: calibration(SATURATING, LARGE[:2], 1), "too short for a shape"),
        (lambda: calibration(SATURATING, SMALL, 0), "holds models of the calibration"),
    ],
)
def test_what_cannot_be_borrowed_of_is_refused(lender, words, tmp_path):
    path = tmp_path / "lender.json"
    lender().save(path)
    with pytest.raises(MeasurementError, match=f"lender: .*{words}"):
        borrowing(calibration(SATURATING, SMALL, 0), path)
