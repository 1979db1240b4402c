"""A fall in the shape of the normal distribution."""

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.falls import CLEAN, FALL, falling_law


def _log_normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the normal distribution function."""
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(u))


LAW = falling_law("gaussian", ("clean_limit", *CLEAN, *FALL), shape=_log_normal, form="Phi(-u)")
