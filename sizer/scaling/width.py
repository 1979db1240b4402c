"""The width law of the paper's Fig. 4."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sizer.results import Estimate
from sizer.scaling.choices import Control, OrderParameter
from sizer.scaling.crossings import Width
from sizer.scaling.evidence import MINIMUM_SIZES, clustered_covariance, interval


@dataclass(frozen=True, slots=True)
class LevelExponent:
    """The width law of one level pair: width = prefactor * N ** -exponent."""

    levels: tuple[float, float]
    exponent: Estimate
    prefactor: float
    widths: int


@dataclass(frozen=True, slots=True)
class WidthLaw:
    """Widths against size: one exponent (1/nu) common to the level pairs, and one for each."""

    control: Control
    order_parameter: OrderParameter
    exponent: Estimate
    pairs: tuple[LevelExponent, ...]
    censored: int
    verdict: str


def fit_width_law(
    widths: Sequence[Width],
    control: Control = "step",
    order_parameter: OrderParameter = "normalised",
) -> WidthLaw | None:
    """Log width_i = log D_i - (1/nu) log N (the paper's Fig. 4), one slope and one for each pair.

    None where fewer than three sizes have a width.
    """
    usable = [width for width in widths if width.width.value]
    pairs = sorted({width.levels for width in usable})
    if len({width.parameters for width in usable}) < MINIMUM_SIZES:
        return None
    exponent, _ = _power_law(usable, pairs)
    each = [_pair_exponent([w for w in usable if w.levels == pair], pair) for pair in pairs]
    return WidthLaw(
        control=control,
        order_parameter=order_parameter,
        exponent=exponent,
        pairs=tuple(pair for pair in each if pair is not None),
        censored=sum(width.width.value is None for width in widths),
        verdict=_verdict(exponent),
    )


def _pair_exponent(widths: list[Width], pair: tuple[float, float]) -> LevelExponent | None:
    if len({width.parameters for width in widths}) < MINIMUM_SIZES:
        return None
    exponent, prefactors = _power_law(widths, [pair])
    return LevelExponent(pair, exponent, prefactors[0], len(widths))


def _power_law(
    widths: Sequence[Width], pairs: Sequence[tuple[float, float]]
) -> tuple[Estimate, list[float]]:
    """The common exponent with its interval, and the prefactor of each pair."""
    log_size = np.log([width.parameters for width in widths])
    log_width = np.log([width.width.value or np.nan for width in widths])
    pair = np.array([pairs.index(width.levels) for width in widths])
    names, model = np.unique([width.model for width in widths], return_inverse=True)
    centre = log_size.mean()
    design = np.column_stack([-(log_size - centre), pair[:, None] == np.arange(len(pairs))])
    values = np.linalg.lstsq(design, log_width, rcond=None)[0]
    covariance = clustered_covariance(design, design @ values - log_width, model)
    exponent = interval(float(values[0]), float(np.sqrt(covariance[0, 0])), len(names) - 2)
    return exponent, [float(np.exp(height + values[0] * centre)) for height in values[1:]]


def _verdict(exponent: Estimate) -> str:
    """Whether the width changes with size, and by how much for ten times the parameters."""
    if exponent.value is None or exponent.low is None or exponent.high is None:
        return "the widths cannot say whether the transition narrows: too few trained models"
    change = 10**-exponent.value - 1
    if exponent.low > 0:
        return f"the transition narrows with size, by {-change:.1%} a decade"
    if exponent.high < 0:
        return f"the transition widens with size, by {change:.1%} a decade"
    return "no change of the width with size is established"
