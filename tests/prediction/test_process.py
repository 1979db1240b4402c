"""The distribution of accuracy over size, against the textbook's dense formulas."""

import math

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import gamma, kv
from scipy.stats import norm

from sizer.prediction.forecast import Forecast, forecast
from sizer.prediction.grid import (
    LENGTH,
    POWERS,
    RATES,
    ROUGHNESSES,
    SCATTERS,
    matern,
    trend,
    wiener,
)
from sizer.prediction.normal import cumulative
from sizer.prediction.observations import LINKS, Observations
from sizer.prediction.process import process

KERNELS = (wiener, matern)
SIZES = np.array([1e4, 1e4, 3e4, 3e4, 1e5, 2e5, 2e5, 5e5])
PLACES = [(0, 0, 1, 3, 2, 4), (1, 1, 0, 2, 4, 0), (0, 1, 2, 4, 5, 9), (1, 0, 1, 0, 0, 2)]


@pytest.fixture(scope="module")
def seen():
    random = np.random.default_rng(2)
    accuracy = 0.8 - 0.3 * (SIZES / 1e4) ** -0.4 + 0.01 * random.standard_normal(len(SIZES))
    trials = np.full(len(SIZES), 3000.0)
    return Observations(SIZES, accuracy, trials, 0.1, 0.4, np.ones(len(SIZES)))


class Dense:
    """One point of the grid: every training an observation of its own, with its covariance."""

    def __init__(self, seen, place, scale):
        link, kernel, power, scatter, roughness, rate = place
        self.kernel, self.rate = KERNELS[kernel], rate
        self.x = np.log(seen.sizes / seen.sizes.min())
        self.middle = np.unique(self.x).mean()
        self.strength = ROUGHNESSES[roughness] * scale[link] ** 2
        p = (seen.accuracy - seen.chance) / (1 - seen.chance)
        self.z = LINKS[link].forward(p)
        steep = LINKS[link].slope(p) / (1 - seen.chance)
        between = (SCATTERS[scatter] * (4 * p * (1 - p)) ** POWERS[power]) ** 2
        counting = seen.accuracy * (1 - seen.accuracy) / seen.trials * (1 - seen.image_share)
        noise = np.diag(steep**2 * (between + counting))
        self.covariance = self.strength * self.kernel(self.x[:, None], self.x) + noise
        self.inverse = np.linalg.inv(self.covariance)
        self.basis = self.columns(self.x)
        self.information = self.basis.T @ self.inverse @ self.basis
        self.coefficients = np.linalg.solve(self.information, self.basis.T @ self.inverse @ self.z)

    def columns(self, x):
        return np.stack([np.ones(len(x)), trend(x, self.middle)[self.rate]], -1)

    def log_likelihood(self):
        """Restricted (Patterson & Thompson 1971), but for its constant."""
        residual = self.z - self.basis @ self.coefficients
        _, volume = np.linalg.slogdet(self.covariance)
        _, spent = np.linalg.slogdet(self.information)
        return -0.5 * (volume + spent + residual @ self.inverse @ residual)

    def predicted(self, x):
        """Universal kriging (Rasmussen & Williams 2006, equations 2.41 and 2.42)."""
        across = self.strength * self.kernel(self.x[:, None], x)
        residual = self.z - self.basis @ self.coefficients
        left = self.columns(x) - (self.basis.T @ self.inverse @ across).T
        mean = self.columns(x) @ self.coefficients + across.T @ self.inverse @ residual
        own = self.strength * self.kernel(x, x)
        known = np.einsum("nm,nk,km->m", across, self.inverse, across)
        trended = np.einsum("mi,ij,mj->m", left, np.linalg.inv(self.information), left)
        return mean, own - known + trended


class TestAgainstDenseAlgebra:
    @pytest.mark.parametrize("place", PLACES)
    def test_the_restricted_likelihood(self, seen, place):
        """Up to a constant that is the same for all points of one link."""
        learned = process(seen)
        other = (place[0], 0, 0, 3, 3, 3)
        told = learned.log_likelihood[place] - learned.log_likelihood[other]
        exact = [Dense(seen, at, learned.scale).log_likelihood() for at in (place, other)]
        assert told == pytest.approx(exact[0] - exact[1], abs=1e-6)

    @pytest.mark.parametrize("place", PLACES)
    def test_mean_and_error_between_the_sizes(self, seen, place):
        sizes = np.geomspace(1e4, 5e5, 7)
        learned = process(seen)
        places = tuple(np.array([axis]) for axis in place)
        at = Forecast(seen, learned, places, np.ones(1), 0.0).at(sizes)
        mean, variance = Dense(seen, place, learned.scale).predicted(np.log(sizes / 1e4))
        assert at.mean[0, 0] == pytest.approx(mean, abs=1e-8)
        # what the models' images have in common is no error between them, but one of the answer
        p = LINKS[place[0]].inverse(mean)
        accuracy = 0.1 + 0.9 * p
        images = (LINKS[place[0]].slope(p) / 0.9) ** 2 * accuracy * (1 - accuracy) / 3000
        assert at.sd[0, 0] == pytest.approx(np.sqrt(variance + 0.4 * images), rel=1e-6)


@pytest.fixture(scope="module")
def at(seen):
    """Below, inside and beyond the ladder."""
    return forecast(seen, ()).at(np.array([2e3, 5e4, 2e6]))


class TestMixture:
    @pytest.mark.parametrize("training", [False, True])
    def test_a_quantile_is_exceeded_as_often_as_it_says(self, at, training):
        for share in (0.05, 0.5, 0.9):
            for column, accuracy in enumerate(at.quantiles((share,), training)[0]):
                above = at.above(float(accuracy), training)[column]
                assert above == pytest.approx(1 - share, abs=0.01)

    def test_the_expected_accuracy_is_the_area_below_the_distribution(self, at):
        for column in range(3):
            area, _ = quad(lambda a, c=column: float(at.above(a)[c]), at.chance, 1, limit=200)
            assert at.expected()[column] == pytest.approx(at.chance + area, abs=2e-3)

    def test_the_error_grows_with_the_distance_from_what_was_trained(self, seen):
        sizes = 5e5 * np.array([1, 2, 4, 8, 16])
        low, high = forecast(seen, ()).at(sizes).quantiles((0.05, 0.95))
        assert np.all(np.diff(high - low) > 0)

    def test_the_next_training_is_less_certain_than_the_mean(self, at):
        mean, training = (at.quantiles((0.05, 0.95), kind) for kind in (False, True))
        assert np.all(training[0] < mean[0])
        assert np.all(training[1] > mean[1])


class TestFunctions:
    def test_the_normal_distribution(self):
        x = np.linspace(-8, 8, 400)
        assert cumulative(x) == pytest.approx(norm.cdf(x), abs=1e-7)

    @pytest.mark.parametrize(("x", "y"), [(1.0, 2.5), (3.0, 0.4), (-1.0, -2.0), (1.0, -2.0)])
    def test_an_integrated_wiener_process(self, x, y):
        """The covariance of the integrals of two walks, which are independent across 0."""
        area, _ = dblquad(min, 0, abs(x), 0, abs(y))
        assert wiener(np.array(x), np.array(y)) == pytest.approx(area * (x * y > 0), abs=1e-5)

    @pytest.mark.parametrize("distance", [0.3, 1.5, 4.0])
    def test_a_matern_process(self, distance):
        """The definition for any smoothness, at 5/2 (Rasmussen & Williams 2006, 4.14)."""
        scaled = math.sqrt(5) * distance / LENGTH
        share = 2**-1.5 / gamma(2.5) * scaled**2.5 * kv(2.5, scaled)
        at_zero = matern(np.array(0.0), np.array(0.0))
        assert matern(np.array(1.0), np.array(1.0 + distance)) / at_zero == pytest.approx(share)

    def test_a_trend_is_straight_at_rate_zero_and_saturates_at_a_positive_one(self):
        x = np.array([0.0, 1.0, 2.0])
        bent = np.diff(trend(x, 1.0), 2).ravel()
        assert np.all(np.sign(bent) == -np.sign(RATES))
        assert trend(x, 1.0)[np.argmin(np.abs(RATES))] == pytest.approx(x - 1, abs=0.05)

    @pytest.mark.parametrize("link", LINKS)
    def test_a_link_is_undone_and_its_slope_is_its_derivative(self, link):
        p = np.linspace(0.01, 0.99, 50)
        assert link.inverse(link.forward(p)) == pytest.approx(p)
        step = 1e-6
        derivative = (link.forward(p + step) - link.forward(p - step)) / (2 * step)
        assert link.slope(p) == pytest.approx(derivative, rel=1e-5)
