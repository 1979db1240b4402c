"""The scaling laws: accuracy as a function of size N and noise step t. Pure functions.

Sizes enter as x = ln(N / N0), N0 the geometric mean of the fitted sizes, which keeps the
parameters of a law nearly uncorrelated and of order one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import log_expit

from sizer.results import LawFit, LawName

Floats = NDArray[np.float64]
Surface = Callable[[Floats], Floats]  # a law's parameters to its accuracy at certain points
INVERSION_POINTS = 241  # of the grid in ln N that brackets an inversion
DERIVATIVE_STEP = 1e-5  # relative, of central differences
LARGEST_LOG = 100.0  # of a noise step, in any unit: beyond it, ratios of steps overflow


@dataclass(frozen=True, slots=True)
class Context:
    """What a law needs beside its parameters."""

    chance: float
    knots: tuple[float, ...]
    reference_size: float


@dataclass(frozen=True, slots=True)
class Law:
    """A named surface.

    names: its parameters, in order, given the number of knots. bounds: of some of them.
    at: (x, steps, context), x and steps of one shape, to the accuracy there as a function of the
    parameters; what does not depend on these is worked out once.
    size_parameters: parameters that only a comparison between models can determine; they are what
    the number of trained models must pay for.
    """

    name: LawName
    equation: str
    names: Callable[[int], tuple[str, ...]]
    bounds: dict[str, tuple[float, float]]
    at: Callable[[Floats, Floats, Context], Surface]
    size_parameters: int


def _transition(x: Floats, step: Floats, context: Context) -> Surface:
    def accuracy(values: Floats) -> Floats:
        clean_limit, gain, rate, log_middle, drift, log_width, inverse_nu, log_skew = values
        clean = clean_limit - gain * np.exp(-rate * x)
        position = _step_of_log(log_middle + drift * x)
        scale = _step_of_log(log_width - inverse_nu * x)
        log_fall = log_expit((position - step) / scale) - log_expit(position / scale)
        fall = np.exp(np.exp(log_skew) * log_fall)
        return np.asarray(context.chance + (clean - context.chance) * fall)

    return accuracy


def _step_of_log(log_step: Floats) -> Floats:
    """Neither zero nor infinite, wherever a search for the best values may wander."""
    return np.asarray(np.exp(np.clip(log_step, -LARGEST_LOG, LARGEST_LOG)))


def _saturating(x: Floats, step: Floats, context: Context) -> Surface:
    knots = len(context.knots)
    basis = knot_basis(step, context.knots)
    share = (step - context.knots[0]) / (context.knots[-1] - context.knots[0])

    def accuracy(values: Floats) -> Floats:
        ceiling, gain, rates = values[:knots], values[knots : 2 * knots], values[2 * knots :]
        rate = rates[0] + (rates[1] - rates[0]) * share
        return np.asarray(basis @ ceiling - (basis @ gain) * np.exp(-rate * x))

    return accuracy


def knot_basis(steps: Floats, knots: Sequence[float]) -> Floats:
    """Natural cubic splines that are one at one knot and zero at the others, (..., knots)."""
    return np.asarray(CubicSpline(knots, np.eye(len(knots)), bc_type="natural")(steps))


def _saturating_names(knots: int) -> tuple[str, ...]:
    return (
        *(f"ceiling_{i}" for i in range(knots)),
        *(f"gain_{i}" for i in range(knots)),
        "rate_first",
        "rate_last",
    )


TRANSITION = Law(
    name="transition",
    equation=(
        "acc = c + (A(N) - c) S((t - t_m(N)) / w(N)), A = a - b (N/N0)^-lambda, "
        "t_m = t_0 (N/N0)^mu, w = D (N/N0)^(-1/nu), S(u) = (1 + e^u)^-k over its value at t = 0: "
        "logistic at k = 1, a longer tail below"
    ),
    names=lambda _knots: (
        "clean_limit",
        "gain",
        "rate",
        "log_middle",
        "drift",
        "log_width",
        "inverse_nu",
        "log_skew",
    ),
    bounds={
        "clean_limit": (0.0, 1.0),
        "gain": (0.0, np.inf),
        "rate": (0.01, 3.0),
        "drift": (-1.0, 1.0),
        "inverse_nu": (-1.0, 2.0),
        "log_skew": (-2.0, 2.0),
    },
    at=_transition,
    size_parameters=7,
)
SATURATING = Law(
    name="saturating",
    equation="acc = A(t) - B(t) (N/N0)^-lambda(t), A and B natural cubic splines, lambda linear",
    names=_saturating_names,
    bounds={"rate_first": (0.01, 3.0), "rate_last": (0.01, 3.0)},
    at=_saturating,
    size_parameters=4,
)
LAWS = {law.name: law for law in (TRANSITION, SATURATING)}


def context_of(fit: LawFit) -> Context:
    return Context(fit.chance, fit.knots, fit.reference_size)


def surface(fit: LawFit, sizes: float | Floats, steps: float | Floats) -> Surface:
    """The law of a fit at sizes (parameters) and noise steps, broadcast together."""
    x = np.log(np.asarray(sizes, dtype=np.float64) / fit.reference_size)
    x, steps = np.broadcast_arrays(x, np.asarray(steps, dtype=np.float64))
    return LAWS[fit.law].at(x, steps, context_of(fit))


def accuracy(fit: LawFit, sizes: float | Floats, steps: float | Floats) -> Floats:
    """The fitted surface at sizes (parameters) and noise steps, broadcast together."""
    return surface(fit, sizes, steps)(np.array(fit.values))


def size_reaching(fit: LawFit, step: float, target: float, limits: tuple[float, float]) -> float:
    """Smallest size within `limits` whose fitted accuracy is `target`.

    0 where the lower limit already reaches it, infinity where no size within the limits does.
    """
    return smallest_reaching(lambda sizes: accuracy(fit, sizes, step) - target, limits)


def smallest_reaching(excess: Callable[[Floats], Floats], limits: tuple[float, float]) -> float:
    """First root of `excess` from below zero, over sizes within `limits`, in ln N."""
    grid = np.linspace(np.log(limits[0]), np.log(limits[1]), INVERSION_POINTS)
    reached = np.flatnonzero(excess(np.exp(grid)) >= 0)
    if not reached.size:
        return float("inf")
    if reached[0] == 0:
        return 0.0
    bracket = grid[reached[0] - 1], grid[reached[0]]
    return float(np.exp(brentq(lambda x: float(excess(np.exp(np.array(x)))), *bracket)))


def derivatives(function: Callable[[Floats], Floats], values: Floats) -> Floats:
    """Central differences of a vector function, shape (outputs..., parameters)."""
    columns = []
    for i, value in enumerate(values):
        step = DERIVATIVE_STEP * max(1e-3, abs(value))
        up, down = values.copy(), values.copy()
        up[i] += step
        down[i] -= step
        columns.append((function(up) - function(down)) / (2 * step))
    return np.stack(columns, axis=-1)


def accuracy_error(fit: LawFit, sizes: float | Floats, steps: float | Floats) -> Floats:
    """Standard error of the fitted surface, by the delta method from the fit's covariance."""
    gradient = derivatives(surface(fit, sizes, steps), np.array(fit.values))
    covariance = np.array(fit.covariance)
    variance = np.einsum("...i,ij,...j->...", gradient, covariance, gradient)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))
