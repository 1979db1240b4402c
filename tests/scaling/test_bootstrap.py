"""The bootstrap against the clustered covariance, and what models share through their images.

Both errors must see the scatter between trainings, which least squares takes for no evidence at
all: on such ladders its 90 % intervals hold in a third of all cases.
"""

import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from planted import curve
from scipy.special import expit, ndtr
from scipy.stats import t

from sizer.scaling.bootstrap import bootstrap
from sizer.scaling.evidence import image_share
from sizer.scaling.law import derivatives, points_of
from sizer.scaling.laws import law_named
from sizer.scaling.surface import fit_surface

LOGISTIC = law_named("logistic")
CHANCE = 0.01
SIZES = np.round(np.geomspace(1e4, 1e6, 7))
STEPS = np.round(1000 * np.linspace(0, 1, 26) ** 1.25)
IMAGES = 2000
TRAININGS = 3
SCATTER = 0.03  # of a training's curve, along the noise and in height
BEYOND = 2.0  # times the largest size, where the errors are compared
ASKED = np.array([300.0, 400.0])


def planted(size, step):
    """The logistic law of the fitted set: clean accuracy, midpoint and width are powers of N."""
    x = np.log(size / 1e5)
    clean, middle, scale = 0.8 - 0.25 * np.exp(-0.3 * x), 400 * np.exp(0.03 * x), 110.0
    scale = scale * np.exp(-0.28 * x)
    fall = expit((middle - step) / scale) / expit(middle / scale)
    return CHANCE + (clean - CHANCE) * fall


def answered(seed, shared=0.5, scatter=SCATTER):
    """Curves of a ladder, and whether each model was right (models, steps, images).

    An image is right where its latent difficulty, of which `shared` is common to all models, lies
    below the law: so the answers of one model fall image by image, and models agree on which.
    """
    random = np.random.default_rng(seed)
    common = random.standard_normal(IMAGES)
    curves, right = [], []
    for size in SIZES:
        for training in range(TRAININGS):
            reached = planted(size, STEPS * (1 + scatter * random.normal()))
            reached = CHANCE + (reached - CHANCE) * (1 + scatter * random.normal())
            own = random.standard_normal(IMAGES)
            difficulty = ndtr(np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
            right.append(difficulty < reached[:, None])
            share = right[-1].mean(1)
            name = f"{size:.0f}-{training}"
            curves.append(curve(name, size, STEPS, share, trials=IMAGES, chance=CHANCE))
    return curves, np.array(right)


@pytest.fixture(scope="module")
def ladders():
    """Two, for one alone may have an odd covariance."""
    return [answered(seed)[0] for seed in range(2)]


def errors(fit):
    return fit.accuracy_error(BEYOND * SIZES[-1], ASKED)


def independent(fit, curves):
    """The fit with the covariance of least squares: every point for independent evidence."""
    points = points_of(curves, fit.reference_size)
    surface = LOGISTIC.at(points.x, points.steps, fit.context)
    share = surface(np.array(fit.values))
    counting = np.sqrt(share * (1 - share) / points.trials)
    slope = derivatives(surface, np.array(fit.values)) / counting[:, None]
    covariance = fit.overdispersion * np.linalg.inv(slope.T @ slope)
    return replace(fit, covariance=tuple(map(tuple, covariance.tolist())))


@pytest.mark.slow
class TestErrors:
    """Of accuracy at twice the largest size, at two steps of the fall."""

    @pytest.fixture(scope="class")
    @staticmethod
    def sandwiches(ladders):
        return [fit_surface(LOGISTIC, curves) for curves in ladders]

    @pytest.fixture(scope="class")
    @staticmethod
    def resampled(ladders, sandwiches):
        pairs = zip(sandwiches, ladders, strict=True)
        return [bootstrap(fit, curves, None) for fit, curves in pairs]

    def test_bootstrap_and_sandwich_agree(self, sandwiches, resampled):
        """200 weighings alone err by 5 %, and 21 models determine either by some 20 %."""
        for sandwich, drawn in zip(sandwiches, resampled, strict=True):
            ratios = errors(drawn) / errors(sandwich)
            assert np.all((ratios > 1 / 1.7) & (ratios < 1.7)), ratios

    def test_least_squares_claims_several_times_less(self, ladders, sandwiches):
        """Where it covers 0.32 of 0.90 its error is a quarter of the honest one: Phi's quantiles,
        0.41 against 1.64.
        """
        ratios = [
            errors(sandwich) / errors(independent(sandwich, curves))
            for curves, sandwich in zip(ladders, sandwiches, strict=True)
        ]
        assert np.min(ratios) > 2, ratios
        assert 3 < np.exp(np.mean(np.log(ratios))) < 7, ratios

    def test_the_errors_are_those_of_ladders_drawn_anew(self, sandwiches):
        """The truth that both estimate: the spread of the fits of 40 independent ladders."""
        fits = [fit_surface(LOGISTIC, answered(100 + seed)[0]) for seed in range(40)]
        reached = np.array([fit.accuracy(BEYOND * SIZES[-1], ASKED) for fit in fits])
        true = reached.std(axis=0, ddof=1)
        claimed = np.sqrt(np.mean([errors(fit) ** 2 for fit in (*fits, *sandwiches)], axis=0))
        assert claimed == pytest.approx(true, rel=0.4)

    def test_of_independent_points_least_squares_is_right(self):
        """Every count drawn by itself, no scatter: then both agree."""
        random = np.random.default_rng(9)
        curves = [
            curve(f"{n:.0f}-{i}", n, STEPS, planted(n, STEPS), IMAGES, CHANCE, random)
            for n in SIZES
            for i in range(TRAININGS)
        ]
        fit = fit_surface(LOGISTIC, curves)
        ratios = errors(fit) / errors(independent(fit, curves))
        assert np.all((ratios > 0.6) & (ratios < 1.7)), ratios

    def test_only_the_errors_change(self, sandwiches, resampled):
        drawn, sandwich = resampled[0], sandwiches[0]
        assert (drawn.interval, sandwich.interval) == ("bootstrap", "sandwich")
        same = {"interval": "", "covariance": (), "intervals": ()}
        assert replace(drawn, **same) == replace(sandwich, **same)
        assert drawn.covariance != sandwich.covariance

    def test_intervals_follow_the_new_covariance(self, resampled):
        fit = resampled[0]
        quantile = t.ppf(0.95, fit.degrees_of_freedom)
        for value, variance, interval in zip(
            fit.values, np.diag(fit.covariance), fit.intervals, strict=True
        ):
            assert interval.high - value == pytest.approx(quantile * np.sqrt(variance))
            assert value - interval.low == pytest.approx(quantile * np.sqrt(variance))


class TestDraws:
    @pytest.fixture
    def few(self, monkeypatch):
        """So few draws that they are quick; these tests ask only which they are."""
        monkeypatch.setattr(sys.modules[bootstrap.__module__], "DRAWS", 8)

    @pytest.fixture(scope="class")
    @staticmethod
    def given():
        curves, right = answered(5)
        return curves, right, fit_surface(LOGISTIC, curves)

    @pytest.mark.usefixtures("few")
    @pytest.mark.parametrize("known", [True, False])
    def test_the_same_each_time(self, given, known):
        curves, right, fit = given
        one, other = (bootstrap(fit, curves, right if known else None) for _ in range(2))
        assert one == other
        assert one.covariance != fit.covariance

    @pytest.mark.slow
    def test_common_images_add_the_error_that_all_models_share(self):
        """All models alike but for their size: only weighing images shows that error.

        Inside the ladder and without noise, their common error moves the fit as one model's count
        would: sqrt(acc (1 - acc) / images).
        """
        curves, right = answered(6, shared=1.0, scatter=0.0)
        alike = slice(None, None, TRAININGS)  # trainings of one size are the same to the last image
        fit = fit_surface(LOGISTIC, curves[alike])
        at = float(planted(1e5, 0.0))
        counting = np.sqrt(at * (1 - at) / IMAGES)
        with_images = bootstrap(fit, curves[alike], right[alike])
        assert float(with_images.accuracy_error(1e5, 0.0)) == pytest.approx(counting, rel=0.3)
        without = bootstrap(fit, curves[alike], None)
        assert float(without.accuracy_error(1e5, 0.0)) < counting / 2


class TestImageShare:
    def brute_force(self, right):
        """Mean covariance over all pairs of models over their mean variance, summed over steps."""
        models, steps, _ = right.shape
        covariance = [
            np.cov(right[i, k], right[j, k], bias=True)[0, 1]
            for i, j in combinations(range(models), 2)
            for k in range(steps)
        ]
        variance = [np.var(right[i, k]) for i in range(models) for k in range(steps)]
        pairs = models * (models - 1) / 2
        return (np.sum(covariance) / pairs) / (np.sum(variance) / models)

    @pytest.mark.parametrize("shape", [(2, 1, 7), (3, 4, 10), (6, 2, 31)])
    def test_is_the_mean_covariance_of_pairs(self, shape):
        random = np.random.default_rng(1)
        right = random.random(shape) < 0.2 + 0.6 * random.random(shape[2])
        expected = self.brute_force(right)
        assert 0 < expected < 1
        assert image_share(right) == pytest.approx(expected, rel=1e-9)

    def test_independent_answers_share_nothing(self):
        _, right = answered(2, shared=0.0, scatter=0.0)
        assert image_share(right) == pytest.approx(0, abs=0.01)

    def test_the_same_answers_share_all(self):
        """Of one size, for a larger model is right on more images."""
        _, right = answered(2, shared=1.0, scatter=0.0)
        assert image_share(right[:TRAININGS]) == pytest.approx(1, abs=1e-12)

    def test_recovers_a_planted_correlation(self):
        """At acc = 1/2 two models are both right with 1/4 + asin(r) / (2 pi) (Sheppard 1899)."""
        random = np.random.default_rng(3)
        for correlation in (0.2, 0.5, 0.8):
            common, own = random.standard_normal(40_000), random.standard_normal((6, 1, 40_000))
            latent = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
            expected = 2 / np.pi * np.arcsin(correlation)
            assert image_share(latent < 0) == pytest.approx(expected, abs=0.01)

    def test_opposite_answers_share_nothing(self):
        right = np.array([[[True, False]], [[False, True]]])
        assert image_share(right) == 0.0

    def test_without_any_variance_the_bound_stands(self):
        assert image_share(np.ones((3, 2, 5), bool)) == 1.0

    def test_counts_agree_with_the_answers(self):
        """The curves that the other tests fit are the sums of these answers."""
        curves, right = answered(4)
        assert [one.correct for one in curves] == [tuple(row) for row in right.sum(2).tolist()]
