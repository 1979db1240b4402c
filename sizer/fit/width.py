"""The width law of the paper's Fig. 4."""

from collections.abc import Sequence

import lmfit
import numpy as np

from sizer.fit.evidence import MINIMUM_SIZES, clustered_covariance, interval
from sizer.results import Control, Estimate, LevelExponent, OrderParameter, Width, WidthLaw


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
    censored = sum(width.width.value is None for width in widths)
    if len({width.parameters for width in usable}) < MINIMUM_SIZES:
        return None
    exponent, _ = _power_law(usable, pairs)
    each = [_pair_exponent([w for w in usable if w.levels == pair], pair) for pair in pairs]
    return WidthLaw(
        control=control,
        order_parameter=order_parameter,
        exponent=exponent,
        pairs=tuple(pair for pair in each if pair is not None),
        censored=censored,
        verdict=_width_verdict(exponent),
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
    names = sorted({width.model for width in widths})
    cluster = np.array([names.index(width.model) for width in widths])
    design = np.column_stack(
        [-(log_size - log_size.mean()), pair[:, None] == np.arange(len(pairs))]
    )

    parameters = lmfit.Parameters()
    parameters.add("exponent", 0.0)
    for i in range(len(pairs)):
        parameters.add(f"log_prefactor_{i}", float(log_width[pair == i].mean()))
    result = lmfit.minimize(
        lambda values: design @ np.array(list(values.valuesdict().values())) - log_width,
        parameters,
    )
    values = np.array(list(result.params.valuesdict().values()))
    covariance = clustered_covariance(design, design @ values - log_width, cluster)
    exponent = interval(float(values[0]), float(np.sqrt(covariance[0, 0])), len(names) - 2)
    return exponent, [float(np.exp(v + values[0] * log_size.mean())) for v in values[1:]]


def _width_verdict(exponent: Estimate) -> str:
    """How much it is a decade goes along: of many models, also a change of no account shows."""
    if exponent.value is None or exponent.low is None or exponent.high is None:
        return "the widths cannot say whether the transition narrows: too few trained models"
    change = 10**-exponent.value - 1
    if exponent.low > 0:
        return f"the transition narrows with size, by {-change:.1%} a decade"
    if exponent.high < 0:
        return f"the transition widens with size, by {change:.1%} a decade"
    return "no change of the width with size is established"
