"""The normal distribution on arrays. Worked out here: scipy's takes a third of a second to load."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cumulative(x: Floats) -> Floats:
    """Phi(x), within 1e-7: Abramowitz & Stegun 1964, formula 26.2.17."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    series = t * (
        0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
    )
    tail = np.exp(-0.5 * np.square(x)) / np.sqrt(2 * np.pi) * series
    return np.asarray(np.where(x > 0, 1 - tail, tail))
