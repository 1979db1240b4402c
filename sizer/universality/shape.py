"""The shape of one model's fall: accuracy over its clean value, against noise over its half.

acc = c + (A - c) exp(-ln 2 (s / s_half)^k), c a guesser's accuracy, A the clean one, s the noise,
and s_half that at which half of A - c is lost: a stretched exponential (Kohlrausch 1854,
doi:10.1002/andp.18541670103), whose two scales belong to the model and whose k is its shape.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.curves import NoiseCurve
from sizer.scaling.evidence import root_mean_square

Floats = NDArray[np.float64]
LN2 = float(np.log(2))
LEAST_NOISES = 4  # of a curve: two scales, a shape, and one to spare
LEAST_FALL = 0.55  # of the clean accuracy, to which a curve must come down: nearly half of it
MISFIT = 0.003  # accuracy: a point counts as no better known than the form itself
QUARTERS = (0.75, 0.5, 0.25)  # of the clean accuracy above chance
DENSE = 2000  # points of a curve between its measured ones
EXPONENTIAL_SKEW = 0.788  # of the form above, for every k: ln(1/.5) and ln(ln .5 / ln .75) give it


@dataclass(frozen=True, slots=True)
class Fall:
    """How one model falls.

    clean: accuracy without noise, half_noise: where half of it above chance is lost, steepness: k,
    all fitted; residual_rms: what the form misses, in accuracy. width: noise between three quarters
    and one quarter of the clean accuracy, skew: ln(s_1/4 / s_1/2) / ln(s_1/2 / s_3/4), both read
    off the curve itself, None where it does not come that far. scaled: noise over half_noise, and
    the share of the clean accuracy above chance that is left, at each noise that was measured.
    """

    model: str
    parameters: int
    clean: float
    half_noise: float
    steepness: float
    residual_rms: float
    width: float | None
    skew: float | None
    scaled: tuple[tuple[float, float], ...]


def fall_of(curve: NoiseCurve, noise: Floats, steepness: float | None = None) -> Fall | None:
    """noise: of the curve's steps, ascending from 0 or near it. steepness: k where it is known.

    None where the curve has too few noises, starts at chance, or never loses half of its accuracy.
    """
    order = _order(curve)
    if curve.guesses or len(noise) < LEAST_NOISES or order.min() > LEAST_FALL:
        return None
    clean, half_noise, shape = _fitted(curve, noise, order, steepness)
    missed = form(noise, clean, half_noise, shape, curve.chance) - curve.accuracy
    left = (curve.accuracy - curve.chance) / (clean - curve.chance)
    at = _quarters(noise, order)
    return Fall(
        model=curve.model.name,
        parameters=curve.size,
        clean=clean,
        half_noise=half_noise,
        steepness=shape,
        residual_rms=root_mean_square(missed),
        width=None if at is None else at[2] - at[0],
        skew=None if at is None else float(np.log(at[2] / at[1]) / np.log(at[1] / at[0])),
        scaled=tuple(zip((noise / half_noise).tolist(), left.tolist(), strict=True)),
    )


def form(noise: Floats, clean: float, half_noise: float, steepness: float, chance: float) -> Floats:
    """Accuracy at each noise (n,)."""
    return np.asarray(chance + (clean - chance) * np.exp(-LN2 * (noise / half_noise) ** steepness))


def _order(curve: NoiseCurve) -> Floats:
    """Accuracy above chance over that at the first noise."""
    above = curve.accuracy - curve.chance
    return np.asarray(above / above[0]) if above[0] > 0 else np.ones_like(above)


def _fitted(
    curve: NoiseCurve, noise: Floats, order: Floats, steepness: float | None
) -> tuple[float, float, float]:
    """A, s_half and k by least squares, each point weighed by its counting error."""
    from scipy.optimize import least_squares

    weight = 1 / np.sqrt(curve.variance + MISFIT**2)

    def shape(values: Floats) -> tuple[float, float, float]:
        k = np.exp(values[2]) if steepness is None else steepness
        return float(values[0]), float(np.exp(values[1])), float(k)

    def missed(values: Floats) -> Floats:
        return np.asarray(
            (form(noise, *shape(values), chance=curve.chance) - curve.accuracy) * weight
        )

    after = int(np.argmax(order <= max(0.5, order.min())))
    start = [curve.accuracy[0], np.log(max(noise[after], 1e-9))]
    start += [np.log(1.5)] if steepness is None else []
    return shape(least_squares(missed, start, x_scale="jac").x)


def _quarters(noise: Floats, order: Floats) -> tuple[float, float, float] | None:
    """Noise at three quarters, half and a quarter of the clean accuracy, on a falling curve."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    falling = isotonic_regression(order, increasing=False).x
    if falling[-1] > QUARTERS[-1]:
        return None
    dense = np.linspace(noise[0], noise[-1], DENSE)
    smooth = PchipInterpolator(noise, falling)(dense)
    at = [float(np.interp(-level, -smooth, dense)) for level in QUARTERS]
    return (at[0], at[1], at[2]) if 0 < at[0] < at[1] < at[2] else None
