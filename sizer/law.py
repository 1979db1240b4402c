"""The scaling laws: accuracy as a function of size N and noise step t. Pure functions.

Sizes enter as x = ln(N / N0), N0 the geometric mean of the fitted sizes, which keeps the
parameters of a law nearly uncorrelated and of order one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_ndtr

from sizer.results import LawFit, LawName

Floats = NDArray[np.float64]
Surface = Callable[[Floats], Floats]  # a law's parameters to its accuracy at certain points
Shape = Callable[[Floats], Floats]  # of a fall from 1 to 0, as log S(-u)
CORRECTION_RATE = 0.5  # exponent of the corrections to scaling; a few sizes cannot determine it
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

    names: its parameters, in order, given the number of knots.
    at: (x, steps, context), x and steps (n,), to the accuracy there as a function of the
    parameters (k,), or of many sets of them (k, m) to (m, n). What does not depend on the
    parameters is worked out once.
    size_parameters: parameters that only a comparison between models can determine; they are what
    the number of trained models must pay for.
    """

    name: LawName
    equation: str
    names: Callable[[int], tuple[str, ...]]
    at: Callable[[Floats, Floats, Context], Surface]
    size_parameters: int

    def bounds(self, name: str) -> tuple[float, float]:
        """Between which a parameter is sought."""
        return _BOUNDS.get(name, (-np.inf, np.inf))


def _transition(names: tuple[str, ...], shape: Shape) -> Callable[..., Surface]:
    """Transitions with any of the parameters `names`; the others are held at no effect."""

    def at(x: Floats, step: Floats, context: Context) -> Surface:
        correction = np.exp(-CORRECTION_RATE * x) - 1

        def accuracy(values: Floats) -> Floats:
            own = dict(zip(names, values[..., None], strict=True))
            clean = own.get("clean_limit", 1.0) - own["gain"] * np.exp(-own["rate"] * x)
            middle = own["log_middle"] + own["drift"] * x
            middle = _step_of_log(middle + own.get("middle_correction", 0.0) * correction)
            width = own["log_width"] - own["inverse_nu"] * x
            width = _step_of_log(width + own.get("width_correction", 0.0) * correction)
            power = np.exp(own.get("log_skew", 0.0))
            fall = np.exp(power * (shape((middle - step) / width) - shape(middle / width)))
            return np.asarray(context.chance + (clean - context.chance) * fall)

        return accuracy

    return at


def _finite_size(x: Floats, step: Floats, context: Context) -> Surface:
    def accuracy(values: Floats) -> Floats:
        log_height, growth, critical, offset, log_width, inverse_nu, log_skew = values[..., None]
        scaled = (step - critical) * np.exp(np.clip(inverse_nu * x, -LARGEST_LOG, LARGEST_LOG))
        log_fall = log_expit((offset - scaled) / _step_of_log(log_width))
        height = _step_of_log(log_height + growth * x)
        return np.asarray(context.chance + height * np.exp(np.exp(log_skew) * log_fall))

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
        first, last = rates[..., None]
        decay = np.exp(-(first + (last - first) * share) * x)
        return np.asarray(_along(basis, ceiling) - _along(basis, gain) * decay)

    return accuracy


def _along(basis: Floats, coefficients: Floats) -> Floats:
    """Splines (..., n) of coefficients (knots, ...)."""
    return np.asarray(np.tensordot(coefficients, basis, axes=(0, 1)))


def knot_basis(steps: Floats, knots: Sequence[float]) -> Floats:
    """Natural cubic splines that are one at one knot and zero at the others, (..., knots).

    Straight beyond the knots. Worked out here, for scipy's takes a fifth of a second to import.
    """
    at, count = np.asarray(knots), len(knots)
    gap = np.diff(at)
    curvature, slope = np.eye(count), np.zeros((count, count))  # rows of the ends: no curvature
    for i in range(1, count - 1):
        curvature[i, i - 1 : i + 2] = gap[i - 1] / 6, (gap[i - 1] + gap[i]) / 3, gap[i] / 6
        slope[i, i - 1 : i + 2] = 1 / gap[i - 1], -1 / gap[i - 1] - 1 / gap[i], 1 / gap[i]
    bend = np.linalg.solve(curvature, slope)  # second derivatives at the knots, of every spline
    steps = np.asarray(steps, dtype=np.float64)
    left = np.clip(np.searchsorted(at, steps, side="right") - 1, 0, count - 2)
    width = gap[left][..., None]
    up = ((steps - at[left]) / gap[left])[..., None]
    down, inside = 1 - up, np.clip(up, 0, 1)
    value = down * np.eye(count)[left] + up * np.eye(count)[left + 1]
    low, high = bend[left], bend[left + 1]
    # (p^3 - p) inside; beyond an end its tangent there
    rise, fall = _bow(up, inside), _bow(down, 1 - inside)
    return np.asarray(value + (fall * low + rise * high) * width**2 / 6)


def _bow(at: Floats, inside: Floats) -> Floats:
    """p^3 - p within 0..1, and its tangent beyond."""
    return np.asarray(inside**3 - inside + (at - inside) * (3 * inside**2 - 1))


def _saturating_names(knots: int) -> tuple[str, ...]:
    return (
        *(f"ceiling_{i}" for i in range(knots)),
        *(f"gain_{i}" for i in range(knots)),
        "rate_first",
        "rate_last",
    )


_CLEAN, _FALL = ("gain", "rate"), ("log_middle", "drift", "log_width", "inverse_nu")
_BOUNDS = {
    "clean_limit": (0.0, 1.0),
    "gain": (0.0, np.inf),
    "rate": (0.01, 3.0),
    "drift": (-1.0, 1.0),
    "inverse_nu": (-1.0, 2.0),
    "growth": (-1.0, 1.0),
    "middle_correction": (-1.0, 1.0),
    "width_correction": (-1.0, 1.0),
    "log_skew": (-2.0, 2.0),
    "rate_first": (0.01, 3.0),
    "rate_last": (0.01, 3.0),
}
_EQUATION = (
    "acc = c + (A(N) - c) S((t - t_m(N)) / w(N)), A = {clean}, t_m = t_0 (N/N0)^mu, "
    "w = D (N/N0)^(-1/nu), S(u) = {shape} over its value at t = 0{more}"
)
_CEILING, _SKEWED = "a - b (N/N0)^-lambda", "(1 + e^u)^-k"


def _transition_law(
    name: LawName,
    names: tuple[str, ...],
    shape: Shape = log_expit,
    clean: str = _CEILING,
    form: str = _SKEWED,
    more: str = "",
) -> Law:
    return Law(
        name=name,
        equation=_EQUATION.format(clean=clean, shape=form, more=more),
        names=lambda _knots: names,
        at=_transition(names, shape),
        size_parameters=3,
    )


TRANSITION = _transition_law("transition", ("clean_limit", *_CLEAN, *_FALL, "log_skew"))
LOGISTIC = _transition_law("logistic", ("clean_limit", *_CLEAN, *_FALL), form="1 / (1 + e^u)")
GAUSSIAN = _transition_law(
    "gaussian", ("clean_limit", *_CLEAN, *_FALL), shape=log_ndtr, form="Phi(-u)"
)
NO_CEILING = _transition_law(
    "no-ceiling", (*_CLEAN, *_FALL, "log_skew"), clean="1 - b (N/N0)^-lambda"
)
CORRECTED = _transition_law(
    "corrected",
    ("clean_limit", *_CLEAN, *_FALL, "middle_correction", "width_correction", "log_skew"),
    more=(
        "; corrections to scaling (Wegner 1972, doi:10.1103/PhysRevB.5.4529): "
        "t_m and w times exp(b ((N/N0)^-1/2 - 1)), each with its own b"
    ),
)
FINITE_SIZE = Law(
    name="finite-size",
    equation=(
        "acc = c + (N/N0)^-lambda f((t - t_c) (N/N0)^(1/nu)), "
        "f(u) = h (1 + e^((u - u_0) / D))^-k (the paper's scaling form)"
    ),
    names=lambda _knots: (
        "log_height",
        "growth",
        "critical_step",
        "offset",
        "log_width",
        "inverse_nu",
        "log_skew",
    ),
    at=_finite_size,
    size_parameters=3,
)
SATURATING = Law(
    name="saturating",
    equation="acc = A(t) - B(t) (N/N0)^-lambda(t), A and B natural cubic splines, lambda linear",
    names=_saturating_names,
    at=_saturating,
    size_parameters=3,
)
LAWS = {
    law.name: law
    for law in (TRANSITION, LOGISTIC, GAUSSIAN, NO_CEILING, CORRECTED, FINITE_SIZE, SATURATING)
}


def context_of(fit: LawFit) -> Context:
    return Context(fit.chance, fit.knots, fit.reference_size)


def surface(fit: LawFit, sizes: Floats, steps: Floats) -> Surface:
    """The law of a fit at sizes (parameters) and noise steps, both (n,)."""
    return LAWS[fit.law].at(np.log(sizes / fit.reference_size), steps, context_of(fit))


def accuracy(fit: LawFit, sizes: float | Floats, steps: float | Floats) -> Floats:
    """The fitted surface at sizes (parameters) and noise steps, broadcast together."""
    sizes, steps = _together(sizes, steps)
    return surface(fit, sizes.ravel(), steps.ravel())(np.array(fit.values)).reshape(sizes.shape)


def _together(*values: float | Floats) -> tuple[Floats, ...]:
    return np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))


def first_reaching(sizes: Floats, values: Floats, target: float) -> float | None:
    """The first of ascending `sizes` at which `values` reach the target, on straight lines in ln N.

    0 where the first size already does, None where none does.
    """
    reached = np.flatnonzero(values >= target)
    if not reached.size:
        return None
    if reached[0] == 0:
        return 0.0
    around = slice(reached[0] - 1, reached[0] + 1)
    return float(np.exp(np.interp(target, values[around], np.log(sizes[around]))))


def derivatives(function: Surface, values: Floats) -> Floats:
    """Central differences of a function of (k,) to (n,), shape (n, k).

    It is called once, with many sets of values (k, m) at the same time.
    """
    reach = DERIVATIVE_STEP * np.maximum(1e-3, np.abs(values))
    moved = values[:, None] + np.hstack([np.diag(reach), -np.diag(reach)])
    up, down = np.split(function(moved), 2)
    return np.asarray(((up - down) / (2 * reach[:, None])).T)


def accuracy_error(fit: LawFit, sizes: float | Floats, steps: float | Floats) -> Floats:
    """Standard error of the fitted surface, by the delta method from the fit's covariance."""
    sizes, steps = _together(sizes, steps)
    gradient = derivatives(surface(fit, sizes.ravel(), steps.ravel()), np.array(fit.values))
    variance = np.einsum("ni,ij,nj->n", gradient, np.array(fit.covariance), gradient)
    return np.asarray(np.sqrt(np.maximum(variance, 0))).reshape(sizes.shape)
