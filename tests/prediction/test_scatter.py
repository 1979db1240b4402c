"""How trainings of one size differ, and trainings that failed."""

from dataclasses import replace

import numpy as np
import pytest
from answers import measured
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import CHANCE, ladder, scattered, transition
from tasks import shipped_ladders

from sizer.calibration import load
from sizer.prediction.accuracy import failures_said, predict
from sizer.prediction.advice import advise
from sizer.prediction.predictor import predictor
from sizer.prediction.question import Requirement, ladder_of

STEPS = np.arange(0, 901, 60.0)
SIZES = np.geomspace(1e4, 1e6, 10).astype(int)
MANY = 10**7  # images: scatter alone is left
SHIPPED = {ladder.name: ladder for ladder in shipped_ladders()}
# Inside each shipped ladder.
QUESTIONS = {
    "builtin": (100.0, 0.85),
    "cifar100-clean": (0.0, 0.36),
    "cifar100-noise": (200.0, 0.3),
}


def rising(step, size):
    """From 0.3 to 0.97 over the sizes: half-way and near the ceiling."""
    ratio = size / 1e4
    return CHANCE + (1 - CHANCE) * ratio / (ratio + 2.5) / (1 + np.exp((step - 500) / 80))


def spread(sd_of, seed):
    """A ladder of `rising`, four trainings a size, with a planted standard deviation."""
    random = np.random.default_rng(seed)

    def training(step, size):
        reached = rising(step, size)
        return np.clip(reached + sd_of(reached) * random.standard_normal(), 0, 1)

    return ladder(training, SIZES, STEPS, 4, trials=MANY, chance=CHANCE, random=random)


class TestBetweenSeeds:
    """The standard deviation that was planted is told, as a function of size."""

    @pytest.mark.parametrize("sd", [0.002, 0.008, 0.03])
    def test_the_same_for_all(self, sd):
        curves = spread(lambda _: sd, seed=1)
        forecast = predictor(curves, 0.0).at(120.0)
        for size in SIZES[[0, 4, 9]]:
            told = forecast.between_seed_sd(float(rising(120.0, size)))
            assert told == pytest.approx(sd, rel=0.5)

    def test_smaller_near_the_ceiling_than_half_way(self):
        """A planted binomial shape: 0.02 half-way, a fourth of it at 0.98."""

        def sd_of(reached):
            p = (reached - CHANCE) / (1 - CHANCE)
            return 0.02 * 4 * p * (1 - p)

        forecast = predictor(spread(sd_of, seed=2), 0.0).at(0.0)
        half, near = forecast.between_seed_sd(0.525), forecast.between_seed_sd(0.95)
        assert half == pytest.approx(0.02, rel=0.5)
        assert sd_of(0.95) / 2 < near < 2 * sd_of(0.95)
        assert near < half / 2

    def test_the_answer_says_it_at_the_best_size(self):
        calibration = measured(spread(lambda _: 0.008, seed=3), image_share=0.0)
        errors = advise(calibration, Requirement(0.0, float(rising(0.0, 100_000)))).errors
        assert errors.between_seed_sd == pytest.approx(0.008, rel=0.5)

    def test_more_scatter_raises_the_recommendation_and_not_the_best_size(self):
        target = float(rising(0.0, 100_000))
        calm, wild = (
            advise(measured(spread(lambda _, s=sd: s, seed=4)), Requirement(0.0, target)).parameters
            for sd in (0.002, 0.02)
        )
        assert wild.recommended > 1.05 * calm.recommended
        assert wild.best == pytest.approx(calm.best, rel=0.1)


def failed(ladder, model, share):
    """The curves, where a model has this share of its twin's accuracy above chance: 0 guesses."""
    curve = next(c for c in ladder.curves if c.model.name == model)
    twin = next(c for c in ladder.of_size(curve.size) if c is not curve)
    above = share * (np.interp(curve.steps, twin.steps, twin.accuracy) - twin.chance)
    correct = np.rint((twin.chance + above) * np.array(curve.trials)).astype(int)
    spoilt = replace(curve, correct=tuple(correct.tolist()))
    return [spoilt if c is curve else c for c in ladder.curves]


def twins(ladder):
    """The second training of each size that was trained twice."""
    return [ladder.of_size(n)[-1].model.name for n in ladder.sizes if len(ladder.of_size(n)) > 1]


CASES = [(name, model) for name, ladder in SHIPPED.items() for model in twins(ladder)]


class TestFailedTrainings:
    @pytest.mark.parametrize("share", [0.9, 0.0])
    @pytest.mark.parametrize(("name", "model"), CASES)
    def test_it_is_named_and_does_not_bend_the_answer(self, name, model, share):
        """A tenth below its twin, or at chance."""
        shipped, question = SHIPPED[name], Requirement(*QUESTIONS[name])
        whole = advise(measured(shipped.curves, shipped.image_share), question)
        changed = measured(failed(shipped, model, share), shipped.image_share)
        hurt = advise(changed, question)
        assert ladder_of(changed).failed == (model,)
        assert any(text.startswith(f"{model}: its training failed") for text in hurt.warnings)
        assert hurt.parameters.best == pytest.approx(whole.parameters.best, rel=0.15)

    @pytest.mark.parametrize("name", SHIPPED)
    def test_no_false_alarm(self, name):
        calibration = load(name)
        assert ladder_of(calibration).failed == ()
        assert failures_said(ladder_of(calibration)) == ()

    @settings(max_examples=15)
    @given(seed=st.integers(0, 10**6), luck=st.floats(0, 0.02), trainings=st.integers(1, 3))
    def test_luck_is_hardly_ever_taken_for_a_failure(self, seed, luck, trainings):
        """Of normal luck none is as far out as a failure: never two of a ladder."""
        random = np.random.default_rng(seed)
        trained = scattered(transition, luck, CHANCE, random)
        curves = ladder(
            trained, SIZES[::2], STEPS, trainings, trials=2000, chance=CHANCE, random=random
        )
        assert len(predictor(curves, 0.0).failed) <= 1

    def test_a_failed_model_does_not_count_as_measured(self):
        """The smallest size that reaches the target is told of those that did not fail."""
        hurt = measured(failed(SHIPPED["builtin"], "small-28-seed1", 0.9))
        below, at = (
            advise(hurt, Requirement(100.0, accuracy)).measured for accuracy in (0.8, 0.84)
        )
        assert (below.parameters, below.trainings) == (63_173, 2)
        assert (at.parameters, at.name, at.trainings) == (113_847, "small-28-seed0", 1)

    def test_a_prediction_warns_too(self):
        hurt = measured(failed(SHIPPED["builtin"], "small-28-seed1", 0.9))
        told = predict(hurt, parameters=100_000, step=100)
        assert told.warnings == failures_said(ladder_of(hurt))
        assert told.warnings[0].startswith("small-28-seed1: its training failed")
