"""What the league's rivals answer, and the project through the same interface."""

import math

import numpy as np
import pytest
from planted import ladder as planted_ladder
from rivals import COMPETITORS
from scipy.special import expit

SIZES = (10_000, 21_544, 46_416, 100_000, 215_443, 464_159, 1_000_000)
STEPS = (0.0, 100.0, 200.0)


def bent(x):
    """The error falls as N^-0.1, and as N^-0.3 past a smooth break."""
    past = 0.4 * np.logaddexp(0, (x - 2) / 0.4)
    return 0.9 - 0.6 * np.exp(-0.1 * x - 0.2 * past)


RIVALS_OWN = {
    "power": lambda x: 0.8 - 0.4 * np.exp(-0.4 * x),
    "log-linear": lambda x: 0.3 + 0.05 * x,
    "logit-linear": lambda x: expit(-1 + 0.4 * x),
    "broken power": bent,
}


class TestRivals:
    @pytest.mark.parametrize("name", RIVALS_OWN)
    def test_a_rival_finds_its_own_law(self, name):
        """Exact measurements, asked three times beyond the ladder."""
        law = RIVALS_OWN[name]
        sizes = np.geomspace(1e4, 1e6, 9)
        curves = planted_ladder(lambda step, n: np.full(3, law(math.log(n / 1e4))), sizes, STEPS)
        forecaster = COMPETITORS[name](tuple(curves), 1.0)
        target = float(law(math.log(300)))
        assert forecaster.accuracy(3e6, 150.0)[1] == pytest.approx(target, abs=0.01)
        answer = forecaster.sizes(150.0, target)
        assert answer.named
        assert answer.best == pytest.approx(3e6, rel=0.15)

    @pytest.mark.parametrize("name", ["power", "log-linear", "logit-linear"])
    def test_intervals_follow_the_residuals(self, name):
        """Drawn with counting errors alone; the truth lies in nearly all intervals."""
        law = RIVALS_OWN[name]
        held, widths = [], []
        for seed in range(40):
            random = np.random.default_rng(seed)
            curves = planted_ladder(
                lambda step, n: np.full(3, law(math.log(n / 1e4))),
                SIZES,
                STEPS,
                trainings=2,
                trials=2000,
                random=random,
            )
            answer = COMPETITORS[name](tuple(curves), 1.0).sizes(100.0, float(law(math.log(60))))
            held.append(answer.low <= 6e5 <= (answer.high or math.inf))
            widths.append(math.log10((answer.high or math.inf) / answer.low))
        assert 0.75 <= np.mean(held) <= 0.99
        assert np.median(widths) < 1

    def test_what_is_out_of_reach_is_not_named(self):
        curves = planted_ladder(
            lambda step, n: np.full(3, RIVALS_OWN["power"](math.log(n / 1e4))), SIZES, STEPS
        )
        answer = COMPETITORS["power"](tuple(curves), 1.0).sizes(100.0, 0.9)
        assert not answer.named
        assert answer.best is None
        assert answer.bound > 1e7

    def test_repeating_the_largest(self):
        accuracies = {10_000: 0.3, 100_000: 0.5}
        curves = planted_ladder(
            lambda step, n: np.full(3, accuracies[n]), accuracies, STEPS, trainings=2
        )
        forecaster = COMPETITORS["repeat"](tuple(curves), 1.0)
        assert forecaster.accuracy(1e7, 50.0) == (None, pytest.approx(0.5), None)
        assert not forecaster.sizes(50.0, 0.4).named


def test_the_project_competes():
    """Its answers carry over: a size beyond the ladder, and the accuracy there."""
    law = RIVALS_OWN["logit-linear"]
    curves = planted_ladder(
        lambda step, n: law(math.log(n / 1e4)) * np.exp(-step / 400),
        SIZES,
        np.arange(0.0, 801, 100),
        trainings=2,
        trials=2000,
        random=np.random.default_rng(6),
    )
    forecaster = COMPETITORS["sizer"](tuple(curves), 0.0)
    target = float(law(math.log(200)) * math.exp(-0.5))
    low, best, high = forecaster.accuracy(2e6, 200.0)
    assert low < target < high
    assert best == pytest.approx(target, abs=0.03)
    answer = forecaster.sizes(200.0, target)
    assert answer.named
    assert answer.low == answer.bound < 2e6 < answer.high
    assert answer.best == pytest.approx(2e6, rel=0.5)
    assert answer.recommended > answer.best
    out_of_reach = forecaster.sizes(200.0, 0.99)
    assert not out_of_reach.named
    assert out_of_reach.bound > SIZES[-1]
