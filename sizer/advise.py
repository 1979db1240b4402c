"""From a fit and a requirement to the smallest size, or to the words that say why there is none.

Sizes are found by test inversion in log N (Fieller's construction): the interval is the set of
sizes at which "the accuracy is the target" is not rejected, so it can be one-sided or empty where
size buys little. Every acceptable law is inverted, and the interval covers them all.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sizer.errors import UsageError
from sizer.law import INFINITE_SIZE, accuracy, accuracy_error, smallest_reaching
from sizer.results import (
    Advice,
    Backtest,
    Calibration,
    Estimate,
    LawAnswer,
    LawFit,
    Requirement,
    SizeEstimate,
)

Floats = NDArray[np.float64]
SEARCH = 1000.0  # sizes are sought up to this many times the largest fitted
REFUSED_RATIO = 10.0  # beyond the ladder, an answer is a guess
ACCEPTABLE = (
    0.005,
    1.5,
)  # a rival's back-test error: this much above, or this many times, the best


def advise(calibration: Calibration, requirement: Requirement) -> Advice:
    """The advice for one requirement.

    Raises UsageError for a target outside (chance, 1), or a confidence or step out of range.
    """
    _check(calibration, requirement)
    fit = calibration.fit
    refusal = _refusal(calibration, requirement)
    fits = acceptable(calibration)
    laws = tuple(
        LawAnswer(one.law, _invert(one, requirement), _error(calibration.backtests, one.law))
        for one in fits
    )
    ceiling = _ceiling(fits, requirement)
    sizes = _union([answer.parameters for answer in laws])
    ratio = sizes.recommended / fit.size_range[1] if sizes.recommended else None
    backtest = _largest_backtest(calibration.backtests, fit.law)
    verdict, reason = "recommended", _reason(sizes, requirement)
    if refusal is not None:
        verdict, reason = "untrusted", refusal
    elif sizes.best is None and _out_of_reach(ceiling, requirement):
        verdict, reason = "unreachable", _unreachable(ceiling, requirement)
    elif sizes.recommended is None:
        verdict = "untrusted"
        reason = (
            f"no size can be named with {requirement.confidence:.0%} confidence; {_bounds(sizes)}"
        )
    elif ratio is not None and ratio > REFUSED_RATIO:
        verdict = "untrusted"
        reason = (
            f"the answer, {sizes.recommended:,} parameters, is {ratio:.0f} times the largest "
            f"trained size, and beyond {REFUSED_RATIO:.0f} times it is a guess: train larger models"
        )
    answered = verdict == "recommended"
    return Advice(
        verdict=verdict,  # type: ignore[arg-type]
        reason=reason,
        requirement=requirement,
        parameters=sizes if answered or (verdict == "untrusted" and refusal is None) else None,
        ceiling=ceiling if refusal is None else None,
        extrapolation_ratio=ratio if refusal is None else None,
        law=fit.law,
        backtest=backtest,
        laws=laws if refusal is None else (),
        warnings=(*calibration.warnings, *_warnings(calibration, sizes, laws, ratio, backtest)),
    )


def acceptable(calibration: Calibration) -> list[LawFit]:
    """The chosen law and the trusted rivals whose back-test is nearly as good."""
    best = _error(calibration.backtests, calibration.fit.law)
    kept = [calibration.fit]
    for rival in calibration.rivals:
        error = _error(calibration.backtests, rival.law)
        if not rival.trusted or error is None or best is None:
            continue
        if error <= max(best + ACCEPTABLE[0], best * ACCEPTABLE[1]):
            kept.append(rival)
    return kept


def _check(calibration: Calibration, requirement: Requirement) -> None:
    chance = calibration.chance
    if not chance < requirement.target_accuracy < 1:
        raise UsageError(
            f"target accuracy {requirement.target_accuracy:g} must lie between chance, "
            f"{chance:.4g}, and 1"
        )
    if not 0.5 <= requirement.confidence < 1:
        raise UsageError(f"confidence {requirement.confidence:g} must lie in 0.5..1, as 0.9")
    if not requirement.noise_step >= 0:
        raise UsageError(f"noise step {requirement.noise_step:g} must be zero or more")


def _refusal(calibration: Calibration, requirement: Requirement) -> str | None:
    """Why no answer of this calibration can be trusted at this noise, or None."""
    fit = calibration.fit
    if not fit.trusted:
        return f"the fit is not to be trusted: {fit.verdict}"
    first, last = fit.step_range
    if not first <= requirement.noise_step <= last:
        return (
            f"noise step {requirement.noise_step:g} lies outside the measured {first:g}..{last:g}"
        )
    return None


def _invert(fit: LawFit, requirement: Requirement) -> SizeEstimate:
    """Sizes at which the mean curve, its confidence bounds, and the next training's lower bound
    reach the target.
    """
    target, step = requirement.target_accuracy, requirement.noise_step
    two_sided, one_sided = (
        float(stdtrit(fit.degrees_of_freedom, level))
        for level in ((1 + requirement.confidence) / 2, requirement.confidence)
    )
    limits = fit.size_range[0] / 10, fit.size_range[1] * SEARCH

    def reaching(quantile: float, scatter: float) -> float | None:
        def excess(sizes: Floats) -> Floats:
            mean = accuracy(fit, sizes, step)
            between = scatter * np.maximum(mean - fit.chance, 0)
            error = np.sqrt(accuracy_error(fit, sizes, step) ** 2 + between**2)
            return np.asarray(mean + quantile * error - target)

        size = smallest_reaching(excess, limits)
        return size if np.isfinite(size) else None

    safe = reaching(-one_sided, fit.scatter or 0.0)
    return SizeEstimate(
        low=reaching(two_sided, 0.0),
        best=reaching(0.0, 0.0),
        high=reaching(-two_sided, 0.0),
        recommended=None if safe is None else max(fit.size_range[0], int(np.ceil(safe))),
    )


def _union(answers: Sequence[SizeEstimate]) -> SizeEstimate:
    """The chosen law's best size, with bounds that cover every acceptable law."""
    highs = [answer.high for answer in answers]
    safe = [answer.recommended for answer in answers]
    lows = [answer.low for answer in answers if answer.low is not None]
    return SizeEstimate(
        low=min(lows) if lows else None,
        best=answers[0].best,
        high=None if None in highs else max(high for high in highs if high is not None),
        recommended=None if None in safe else max(size for size in safe if size is not None),
    )


def _ceiling(fits: Sequence[LawFit], requirement: Requirement) -> Estimate:
    """Accuracy in the limit of infinite size at this step, over the acceptable laws."""
    step, size = requirement.noise_step, INFINITE_SIZE
    found = []
    for fit in fits:
        value = float(accuracy(fit, size, step))
        error = float(accuracy_error(fit, size, step))
        reach = error * float(stdtrit(fit.degrees_of_freedom, (1 + requirement.confidence) / 2))
        found.append((value, value - reach, value + reach))
    value = min(1.0, found[0][0])
    low, high = min(one[1] for one in found), max(one[2] for one in found)
    return Estimate(value, max(0.0, low), min(1.0, high))


def _out_of_reach(ceiling: Estimate, requirement: Requirement) -> bool:
    return ceiling.value is not None and ceiling.value < requirement.target_accuracy


def _unreachable(ceiling: Estimate, requirement: Requirement) -> str:
    return (
        f"no size of this family reaches {requirement.target_accuracy:g} at step "
        f"{requirement.noise_step:g}; the ceiling is {ceiling.value:.3f} "
        f"({ceiling.low:.3f} to {ceiling.high:.3f})"
    )


def _reason(sizes: SizeEstimate, requirement: Requirement) -> str:
    return (
        f"{sizes.recommended or 0:,} parameters: the next training of that size reaches "
        f"{requirement.target_accuracy:g} at step {requirement.noise_step:g} "
        f"with {requirement.confidence:.0%} confidence"
    )


def _bounds(sizes: SizeEstimate) -> str:
    if sizes.low is None:
        return "the ladder does not bound it from either side"
    return f"at least {sizes.low:,.0f} parameters, and no upper bound"


def _warnings(
    calibration: Calibration,
    sizes: SizeEstimate,
    laws: Sequence[LawAnswer],
    ratio: float | None,
    backtest: Backtest | None,
) -> list[str]:
    fit = calibration.fit
    found = list(fit.warnings)
    if sizes.recommended == fit.size_range[0]:
        found.append("the smallest measured size already reaches the target; smaller may do")
    if backtest is None:
        found.append("no back-test: the ladder has too few sizes to leave any out")
    elif ratio is not None and ratio > backtest.ratio:
        found.append(
            f"the answer lies {ratio:.1f} times beyond the largest trained size; "
            f"the back-test only reached {backtest.ratio:.1f} times"
        )
    if fit.scatter is None:
        found.append("no size was trained twice: the scatter between trainings is unknown")
    unreached = [answer.law for answer in laws if answer.parameters.best is None]
    if unreached and len(unreached) < len(laws):
        found.append(f"the laws disagree: under the {', '.join(unreached)} law no size reaches it")
    return found


def _error(backtests: Sequence[Backtest], law: str) -> float | None:
    errors = [test.accuracy_rms for test in backtests if test.law == law]
    return float(np.mean(errors)) if errors else None


def _largest_backtest(backtests: Sequence[Backtest], law: str) -> Backtest | None:
    own = [test for test in backtests if test.law == law]
    return max(own, key=lambda test: test.hold_out) if own else None
