"""What the laws of a fall share: a clean accuracy that falls to chance, all powers of the size.

acc = c + (A(N) - c) S((t - t_m(N)) / w(N)), with a shape S, its start at t = 0 taken as one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sizer.scaling.law import Context, Law, Points, Surface, middle_and_width, positive

Floats = NDArray[np.float64]
Shape = Callable[[Floats], Floats]  # of a fall from 1 to 0, as log S(-u)
CORRECTION_RATE = 0.5  # exponent of the corrections to scaling; a few sizes cannot determine it
RATES = (0.1, 0.3, 0.6)  # starting exponents
SLOPES = (0.0, 0.2)

CLEAN, FALL = ("gain", "rate"), ("log_middle", "drift", "log_width", "inverse_nu")
BOUNDS = {
    "clean_limit": (0.0, 1.0),
    "gain": (0.0, np.inf),
    "rate": (0.01, 3.0),
    "drift": (-1.0, 1.0),
    "inverse_nu": (-1.0, 2.0),
    "middle_correction": (-1.0, 1.0),
    "width_correction": (-1.0, 1.0),
    "log_skew": (-2.0, 2.0),
}
EQUATION = (
    "acc = c + (A(N) - c) S((t - t_m(N)) / w(N)), A = {clean}, t_m = t_0 (N/N0)^mu, "
    "w = D (N/N0)^(-1/nu), S(u) = {shape} over its value at t = 0{more}"
)
CEILING, SKEWED = "a - b (N/N0)^-lambda", "(1 + e^u)^-k"


def log_expit(u: Floats) -> Floats:
    """log(1 / (1 + e^-u)), without scipy, which takes a third of a second to import."""
    return -np.logaddexp(0.0, -u)


def falling_law(
    name: str,
    names: tuple[str, ...],
    shape: Shape = log_expit,
    clean: str = CEILING,
    form: str = SKEWED,
    more: str = "",
) -> Law:
    """The law with the parameters `names`; all others are held where they have no effect.

    clean, form, more: of the equation, in words.
    """

    def starts(points: Points, context: Context) -> list[Floats]:
        return _starts(names, points, context)

    def at(x: Floats, steps: Floats, context: Context) -> Surface:
        return _surface(names, shape, x, steps, context)

    equation = EQUATION.format(clean=clean, shape=form, more=more)
    bounds = {name: BOUNDS[name] for name in names if name in BOUNDS}
    return Law(name, equation, lambda _knots: names, at, starts, bounds)


def _surface(
    names: tuple[str, ...], shape: Shape, x: Floats, steps: Floats, context: Context
) -> Surface:
    correction = np.exp(-CORRECTION_RATE * x) - 1

    def accuracy(values: Floats) -> Floats:
        given = dict(zip(names, values[..., None], strict=True))
        clean = given.get("clean_limit", 1.0) - given["gain"] * np.exp(-given["rate"] * x)
        middle = given["log_middle"] + given["drift"] * x
        middle = positive(middle + given.get("middle_correction", 0.0) * correction)
        width = given["log_width"] - given["inverse_nu"] * x
        width = positive(width + given.get("width_correction", 0.0) * correction)
        power = np.exp(given.get("log_skew", 0.0))
        fall = np.exp(power * (shape((middle - steps) / width) - shape(middle / width)))
        return np.asarray(context.chance + (clean - context.chance) * fall)

    return accuracy


def _starts(names: tuple[str, ...], points: Points, context: Context) -> list[Floats]:
    """From the cleanest points and the half-way steps of the curves; what else there is, at 0."""
    first = points.steps == points.steps.min()
    clean = float(points.observed[first].max())
    spread = max(clean - float(points.observed[first].min()), 0.02)
    half, width = middle_and_width(points, context.chance)
    known = {"log_middle": np.log(half), "log_width": np.log(width)}
    if "clean_limit" in names:
        known |= {"clean_limit": min(0.999, clean + 0.1 * spread), "gain": spread / 2}
    else:
        known |= {"gain": 1 - clean + spread / 2}
    return [
        np.array([{**known, "rate": rate, "inverse_nu": slope}.get(name, 0.0) for name in names])
        for rate in RATES
        for slope in SLOPES
    ]
