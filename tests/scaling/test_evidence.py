"""The covariance by trained model, against the jackknife that it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.results import Estimate
from sizer.scaling.evidence import clustered_covariance, interval


class TestClusteredCovariance:
    @staticmethod
    def problem(seed, clusters=6, parameters=3):
        random = np.random.default_rng(seed)
        cluster = np.repeat(np.arange(clusters), random.integers(2, 6, clusters))
        design = random.normal(size=(len(cluster), parameters))
        return design, random.normal(size=len(cluster)), cluster

    @staticmethod
    def solve(design, response):
        return np.linalg.lstsq(design, response, rcond=None)[0]

    @settings(max_examples=30)
    @given(st.integers(0, 10_000))
    def test_is_the_jackknife_over_clusters(self, seed):
        """For a linear model, exactly: every cluster left out in turn, by brute force."""
        design, response, cluster = self.problem(seed)
        full = self.solve(design, response)
        covariance = clustered_covariance(design, design @ full - response, cluster)
        left_out = [
            self.solve(design[cluster != g], response[cluster != g]) - full
            for g in np.unique(cluster)
        ]
        share = (len(left_out) - 1) / len(left_out)
        jackknife = share * sum(np.outer(one, one) for one in left_out)
        np.testing.assert_allclose(covariance, jackknife, rtol=1e-6, atol=1e-12)

    def test_order_and_names_of_clusters_and_units_do_not_matter(self):
        design, residuals, cluster = self.problem(3)
        covariance = clustered_covariance(design, residuals, cluster)
        order = np.random.default_rng(0).permutation(len(cluster))
        shuffled = clustered_covariance(design[order], residuals[order], 7 - cluster[order])
        np.testing.assert_allclose(shuffled, covariance)
        unit = np.array([1.0, 1e3, 1e-3])
        scaled = clustered_covariance(design * unit, residuals, cluster)
        np.testing.assert_allclose(scaled, covariance / np.outer(unit, unit), rtol=1e-6)
        np.testing.assert_allclose(
            clustered_covariance(design, 3 * residuals, cluster), 9 * covariance
        )
        np.testing.assert_allclose(clustered_covariance(design, -residuals, cluster), covariance)

    def test_is_a_covariance(self):
        covariance = clustered_covariance(*self.problem(8))
        np.testing.assert_allclose(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance).min() > 0

    def test_a_repeated_cluster_is_no_new_evidence(self):
        """A model measured at twice as many points says no more: residuals repeat as well."""
        design, response, cluster = self.problem(4)
        residuals = design @ self.solve(design, response) - response
        once = clustered_covariance(design, residuals, cluster)
        doubled = [np.concatenate([part, part]) for part in (design, residuals, cluster)]
        np.testing.assert_allclose(clustered_covariance(*doubled), once, rtol=1e-6)

    def test_an_idle_parameter_is_survived(self):
        design, residuals, cluster = self.problem(5)
        design[:, 2] = 0
        covariance = clustered_covariance(design, residuals, cluster)
        assert np.all(np.isfinite(covariance))
        assert np.all(covariance[2] == 0)

    def test_intervals_are_students(self):
        assert interval(1.0, 0.1, 4).high == pytest.approx(1 + 0.1 * 2.13185)
        assert interval(1.0, 0.1, 4).low == pytest.approx(1 - 0.1 * 2.13185)
        assert interval(1.0, 0.1, 0) == Estimate(1.0)
        assert interval(1.0, float("nan"), 4) == Estimate(1.0)
