"""Inside the ladder the answer follows what was measured."""

import math

import numpy as np
import pytest
from answers import measured
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planted import CHANCE, EXACT, SIZES, STEPS, ladder, scattered, transition

from sizer.calibration import load
from sizer.prediction.advice import advise
from sizer.prediction.question import Requirement, ladder_of
from sizer.prediction.sizes import first_above, sizes_reaching

CLEAR = 2.0  # standard errors, of scatter and counting together


@pytest.fixture(scope="module")
def builtin():
    return load("builtin")


class TestShippedLadder:
    """Questions that the measured nets answer by themselves."""

    def test_between_the_nets_below_and_above_the_target(self, builtin):
        advice = advise(builtin, Requirement(100, 0.85))
        assert advice.verdict == "recommended"
        assert 86_694 <= advice.parameters.best <= 140_000
        assert advice.recommended <= 179_049  # both of its trainings stand at 0.86 and more
        assert advice.measured.name.startswith("small-28")
        assert advice.measured.parameters == 113_847
        assert 0.85 <= advice.measured.accuracy < 0.854
        assert advice.measured.trainings == 2

    def test_where_a_net_stands_at_the_target(self, builtin):
        advice = advise(builtin, Requirement(200, 0.75))
        assert advice.parameters.best == pytest.approx(63_173, rel=0.1)
        assert advice.parameters.low <= 63_173 <= advice.parameters.high

    @pytest.mark.parametrize("step", [0, 150, 400])
    def test_the_accuracy_of_a_net_is_answered_with_its_size(self, builtin, step):
        ladder = ladder_of(builtin)
        seen = ladder.observed(step)
        for size in ladder.sizes[1:-1]:
            target = float(seen.accuracy[seen.sizes == size].mean())
            sizes = advise(builtin, Requirement(step, target)).parameters
            assert sizes.low <= size <= (sizes.high or math.inf)
            assert sizes.best == pytest.approx(size, rel=0.25)


def crossing(law, step, target):
    """The size at which a rising law reaches the target, by bisection."""
    low, high = math.log(1), math.log(1e12)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if law(step, math.exp(middle)) >= target else (middle, high)
    return math.exp(high)


@pytest.fixture(scope="module")
def exact():
    """The calibration of a law without luck, measured with countless images."""
    return measured(ladder(transition, SIZES, STEPS, 2, trials=EXACT, chance=CHANCE))


class TestExactLadder:
    @pytest.mark.parametrize("size", [17_000, 55_000, 170_000, 550_000])
    @pytest.mark.parametrize("step", [0.0, 200.0, 420.0])
    def test_the_inversion(self, exact, size, step):
        """At a measured step, and half-way between two sizes."""
        at = min(STEPS, key=lambda known: abs(known - step))
        target = float(transition(at, size))
        assert crossing(transition, at, target) == pytest.approx(size)
        sizes = advise(exact, Requirement(float(at), target)).parameters
        assert sizes.best == pytest.approx(size, rel=0.06)
        assert sizes.low <= size <= sizes.high
        assert size <= sizes.recommended <= 1.5 * size

    def test_a_lower_end_is_that_of_the_set_around_the_best_size(self, exact):
        """Far below the ladder little is known, and yet no size there is in the answer."""
        sizes = advise(exact, Requirement(0.0, float(transition(0, 300_000)))).parameters
        assert sizes.low > 100_000


@st.composite
def ladders(draw):
    """Rising in size and falling in noise: with or without a jump, a plateau, luck, twins."""
    sizes = np.geomspace(1e4, 10 ** draw(st.floats(5, 6.5)), draw(st.integers(3, 8))).astype(int)
    rate, ceiling = draw(st.floats(0.1, 0.8)), draw(st.floats(0.6, 0.97))
    knee, jump = draw(st.floats(0, 6)), draw(st.sampled_from([0.0, 0.0, 0.15]))

    def accuracy(step, size):
        x = math.log(size / 1e4)
        clean = ceiling - 0.5 * ceiling * math.exp(-rate * x)
        clean += jump * (1 - ceiling) * (x > knee)
        return CHANCE + (clean - CHANCE) / (1 + np.exp((step - 400) / 90))

    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    trained = scattered(accuracy, draw(st.floats(0, 0.03)), CHANCE, random)
    trainings = draw(st.integers(1, 3))
    trials = draw(st.sampled_from([500, 4000, 10**6]))
    return ladder(
        trained,
        sizes,
        np.arange(0, 900, 75.0),
        trainings,
        trials=trials,
        chance=CHANCE,
        random=random,
    )


def clearly(calibration, step, target):
    """The measured sizes all of whose trainings exceed the target, and those whose mean falls
    short of it, by more than scatter and counting explain.
    """
    predictor = ladder_of(calibration)
    forecast, seen = predictor.at(step), predictor.observed(step)
    passing, failing = [], []
    for size in predictor.sizes:
        here = (seen.sizes == size) & (seen.inflation == 1)
        if not here.any():
            continue
        reached, trials = seen.accuracy[here], seen.trials[here]
        counting = np.sqrt(reached * (1 - reached) / trials)
        luck = CLEAR * np.hypot(forecast.between_seed_sd(float(reached.mean())), counting)
        if (reached > target + luck).all():
            passing.append(size)
        if reached.mean() < target - luck.max() / np.sqrt(len(reached)):
            failing.append(size)
    return passing, failing


class TestNeverAgainstTheMeasurements:
    @pytest.mark.slow
    @settings(max_examples=30)
    @given(curves=ladders(), place=st.floats(0.02, 0.98), step=st.sampled_from([0.0, 225.0, 450.0]))
    def test_sizes_that_clearly_pass_or_fail(self, curves, place, step):
        calibration = measured(curves)
        seen = ladder_of(calibration).observed(step)
        target = float(seen.accuracy.min() + place * np.ptp(seen.accuracy))
        assume(CHANCE < target < 1)
        passing, failing = clearly(calibration, step, target)
        advice = advise(calibration, Requirement(step, target))
        if passing:
            assert advice.verdict == "recommended"
            assert advice.recommended <= min(passing)
        below = [size for size in failing if not passing or size < min(passing)]
        if below and advice.parameters is not None:
            sizes = advice.parameters
            assert all(
                size is None or size > max(below) for size in (sizes.best, sizes.recommended)
            )

    @pytest.mark.slow
    @settings(max_examples=30)
    @given(curves=ladders(), place=st.floats(0.02, 0.98), step=st.sampled_from([0.0, 225.0, 450.0]))
    def test_the_measured_size_that_already_does_it(self, curves, place, step):
        """Of the trainings that did not fail."""
        failed = ladder_of(measured(curves)).failed
        reached = {
            (curve.size, curve.model.name): float(curve.accuracy[curve.steps.index(step)])
            for curve in curves
            if curve.model.name not in failed
        }
        target = min(reached.values()) + place * np.ptp(list(reached.values()))
        assume(CHANCE < target < 1)
        named = advise(measured(curves), Requirement(step, target)).measured
        sizes = sorted({size for size, _ in reached})
        worst = {
            size: min((a, name) for (n, name), a in reached.items() if n == size) for size in sizes
        }
        doing = [size for size in sizes if worst[size][0] >= target]
        if not doing:
            assert named is None
        else:
            assert (named.parameters, named.accuracy) == (doing[0], worst[doing[0]][0])
            assert reached[named.parameters, named.name] == named.accuracy


class TestOrderOfAnswers:
    @settings(max_examples=30)
    @given(
        target=st.floats(0.3, 0.85),
        more=st.floats(0, 0.05),
        confidence=st.floats(0.5, 0.97),
        surer=st.floats(0, 0.02),
    )
    def test_more_accuracy_or_confidence_never_asks_for_less(
        self, builtin, target, more, confidence, surer
    ):
        forecast = ladder_of(builtin).at(120.0)

        def sizes(accuracy, sure):
            at = sizes_reaching(forecast, accuracy, sure)
            wanted = (at.low, at.best, at.high, at.recommended)
            return [math.inf if size is None else size for size in wanted]

        def not_less(larger, smaller):  # to the tolerance of a grid of sizes
            return all(a >= b * 0.999 - 1 for a, b in zip(larger, smaller, strict=True))

        low, best, high, recommended = sizes(target, confidence)
        assert low <= best <= high
        assert not_less(sizes(target + more, confidence), (low, best, high, recommended))
        lower, same, higher, safer = sizes(target, confidence + surer)
        assert not_less((low, same, higher, safer), (lower, best, high, recommended))


def test_the_first_size_above_a_probability():
    sizes = np.array([1.0, math.e, math.e**2, math.e**3])
    probability = np.array([0.0, 0.2, 0.6, 0.9])
    assert first_above(sizes, probability, 0.4) == pytest.approx(math.exp(1.5))
    assert first_above(sizes, probability, 0.95) is None
    assert first_above(sizes, probability, 0.0) == 0.0
    assert first_above(sizes, probability, 0.4, start=5.0) == pytest.approx(5.0, rel=1e-5)
