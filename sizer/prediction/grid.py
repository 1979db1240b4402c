"""The parameters that are averaged over, their priors, and the functions that they shape."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Scatter: the between-seed standard deviation of accuracy, half-way between chance and 1. Its
# power says how fast it falls towards chance and the ceiling: s (4 p (1 - p))^power.
POWERS = np.array([0.0, 0.5, 1.0])
SCATTERS = np.array([0.0007, 0.0015, 0.0033, 0.007, 0.015, 0.033, 0.07])
# Variance of the deviation from the trend, over the squared slope of the sizes' accuracies.
ROUGHNESSES = np.geomspace(0.0005, 1.0, 6)
# Of the trend B: 0 is straight in ln N, positive saturates, negative grows late. Finite-size
# scaling, z ~ N^(1/nu), is a rate of -1/nu: -0.6 holds the paper's 0.3 and the perceptron's 0.5.
RATES = np.linspace(-0.6, 1.4, 14)
LENGTH = 1.5  # in ln N, of the Matern kernel


def log_prior() -> Floats:
    """(scatters, roughnesses, rates); links, kernels and powers are alike."""
    scatter = -0.5 * (np.log(SCATTERS / 0.006) / 1.3) ** 2
    roughness = -0.5 * (np.log(ROUGHNESSES / 0.04) / 1.5) ** 2
    rate = -0.5 * ((RATES - 0.12) / 0.3) ** 2
    return np.asarray(scatter[:, None, None] + roughness[:, None] + rate)


def trend(x: Floats, middle: float) -> Floats:
    """B(x) = (1 - e^(-rate (x - middle))) / rate of every rate at x (n,): (rates, n)."""
    rate = np.where(np.abs(RATES) < 1e-9, 1e-9, RATES)[:, None]
    return np.asarray(-np.expm1(-rate * (x - middle)) / rate)


def wiener(x: Floats, y: Floats) -> Floats:
    """Covariance of an integrated Wiener process from 0, independent on both sides of it
    (Wahba 1990, doi:10.1137/1.9781611970128, section 1.2).
    """
    near, far = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
    return np.asarray(np.where(x * y > 0, near**2 * (3 * far - near) / 6, 0.0))


def matern(x: Floats, y: Floats) -> Floats:
    """Matern 5/2 covariance (Rasmussen & Williams 2006, equation 4.17), with the variance of the
    Wiener process at its length.
    """
    distance = np.sqrt(5) * np.abs(x - y) / LENGTH
    return np.asarray(LENGTH**3 / 3 * (1 + distance + distance**2 / 3) * np.exp(-distance))


KERNELS = (wiener, matern)


def covariances(x: Floats, y: Floats) -> Floats:
    """Of each kernel, between x and y broadcast together (kernels, ...)."""
    return np.stack([kernel(x, y) for kernel in KERNELS])
