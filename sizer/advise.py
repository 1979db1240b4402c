"""From a fit and a requirement to the smallest size, or to the words that say why there is none.

Sizes are found by test inversion in log N (Fieller's construction): the interval is the set of
sizes at which "the accuracy is the target" is not rejected, so it can be one-sided or empty where
size buys little. Every acceptable law is inverted, and the interval covers them all.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sizer.errors import UsageError
from sizer.law import accuracy, accuracy_error, smallest_reaching
from sizer.results import (
    Advice,
    Backtest,
    Calibration,
    Estimate,
    LawAnswer,
    LawFit,
    Reach,
    Requirement,
    SizeEstimate,
    Verdict,
)

Floats = NDArray[np.float64]
SEARCH = 1000.0  # sizes are sought up to this many times the largest fitted
CEILING_POINTS = 200  # of the grid of sizes on which the ceiling is sought
STEP_POINTS = 501  # of the grid of noise steps on which the largest is sought
REFUSED_RATIO = 10.0  # beyond the ladder, an answer is a guess
# a rival's back-test error: this much above, or this many times, the best
ACCEPTABLE = (0.005, 1.5)
NOISE_TRAINED = re.compile(r"noise (\d+)\.\.(\d+)")  # the family of a ladder trained with noise


def advise(calibration: Calibration, requirement: Requirement) -> Advice:
    """The advice for one requirement.

    Raises UsageError for a target outside (chance, 1), or a confidence or step out of range.
    """
    _check(calibration, requirement)
    fit = calibration.fit
    backtest = _largest_backtest(calibration.backtests, fit.law)
    refusal = _refusal(calibration, requirement)
    if refusal is not None:
        return Advice(
            verdict="untrusted",
            reason=refusal,
            requirement=requirement,
            parameters=None,
            ceiling=None,
            extrapolation_ratio=None,
            law=fit.law,
            backtest=backtest,
            warnings=calibration.warnings,
        )
    fits = acceptable(calibration)
    laws = tuple(
        LawAnswer(one.law, _invert(one, requirement), _error(calibration.backtests, one.law))
        for one in fits
    )
    ceiling = _ceiling(fits, requirement)
    sizes = _union([answer.parameters for answer in laws])
    ratio = sizes.recommended / fit.size_range[1] if sizes.recommended else None
    reached = any(answer.parameters.best is not None for answer in laws)
    verdict, reason = _verdict(sizes, reached, ceiling, ratio, requirement)
    return Advice(
        verdict=verdict,
        reason=reason,
        requirement=requirement,
        parameters=None if verdict == "unreachable" else sizes,
        ceiling=ceiling,
        extrapolation_ratio=ratio,
        law=fit.law,
        backtest=backtest,
        laws=laws,
        warnings=(*calibration.warnings, *_warnings(calibration, sizes, laws, ratio, backtest)),
    )


def largest_size(calibration: Calibration) -> float:
    """Parameters beyond which an answer of this calibration is a guess."""
    return calibration.fit.size_range[1] * REFUSED_RATIO


def reach(calibration: Calibration, requirement: Requirement, size: int) -> Reach | None:
    """What `size` parameters do: their mean accuracy at the step, with its interval, and the
    largest step, to a 500th of the range, at which the next training has the target with the
    stated confidence. None where the calibration is not to be trusted at the step.
    """
    if _refusal(calibration, requirement) is not None:
        return None
    fits, sizes = acceptable(calibration), np.array([float(size)])
    steps = np.linspace(*_steps(calibration), STEP_POINTS)
    reached = np.all(
        [
            _bound_of_next(fit, sizes, steps, requirement.confidence) >= requirement.target_accuracy
            for fit in fits
        ],
        axis=0,
    )
    largest = float(steps[reached][-1]) if reached.any() else None
    return Reach(size, _highest(fits, [sizes] * len(fits), requirement), largest)


def _verdict(
    sizes: SizeEstimate,
    reached: bool,
    ceiling: Estimate,
    ratio: float | None,
    requirement: Requirement,
) -> tuple[Verdict, str]:
    """The verdict of a fit that may be asked, and why; reached: under any acceptable law."""
    target = requirement.target_accuracy
    if not reached and ceiling.high is not None and ceiling.high < target:
        return "unreachable", _unreachable(ceiling, requirement)
    if not reached and ceiling.value is not None and ceiling.value < target:
        return "untrusted", (
            f"no size of this family is expected to reach {target:g}, but the "
            f"ceiling is known only as {_stated(ceiling)}: train larger models, or more of them"
        )
    if sizes.recommended is None or ratio is None:
        return "untrusted", (
            f"no size can be named with {requirement.confidence:.0%} confidence: "
            f"{_bounds(sizes)}; train larger models, or more of them"
        )
    if ratio > REFUSED_RATIO:
        return "untrusted", (
            f"the answer, {sizes.recommended:,} parameters, is {ratio:.0f} times the largest "
            f"trained size, and beyond {REFUSED_RATIO:.0f} times it is a guess: train larger models"
        )
    return "recommended", _reason(sizes, requirement)


def acceptable(calibration: Calibration) -> list[LawFit]:
    """The chosen law and the trusted rivals whose back-test is nearly as good.

    Where a ladder is too short for back-tests nothing speaks against a rival, and it is kept.
    """
    errors = {
        fit.law: _error(calibration.backtests, fit.law)
        for fit in (calibration.fit, *calibration.rivals)
    }
    best = errors[calibration.fit.law]
    limit = np.inf if best is None else max(best + ACCEPTABLE[0], best * ACCEPTABLE[1])
    rivals = [fit for fit in calibration.rivals if fit.trusted and (errors[fit.law] or 0) <= limit]
    return [calibration.fit, *rivals]


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
            f"noise step {requirement.noise_step:g} lies outside the measured "
            f"{first:g}..{last:g}: measure there"
        )
    for family in sorted({model.training or "" for model in calibration.models}):
        trained = NOISE_TRAINED.fullmatch(family)
        if trained and not int(trained[1]) <= requirement.noise_step <= int(trained[2]):
            return (
                f"noise step {requirement.noise_step:g} lies outside {trained[1]}..{trained[2]}, "
                "the noise that the models were trained with: train a ladder with that noise"
            )
    return None


def _steps(calibration: Calibration) -> tuple[float, float]:
    """The noise steps that may be asked about: measured, and trained with where that is known."""
    first, last = calibration.fit.step_range
    for model in calibration.models:
        trained = NOISE_TRAINED.fullmatch(model.training or "")
        if trained:
            first, last = max(first, float(trained[1])), min(last, float(trained[2]))
    return first, last


def _invert(fit: LawFit, requirement: Requirement) -> SizeEstimate:
    """Sizes at which the mean curve, its confidence bounds, and the next training's lower bound
    reach the target.
    """
    target, step = requirement.target_accuracy, requirement.noise_step
    two_sided, one_sided = (
        float(stdtrit(fit.degrees_of_freedom, level))
        for level in ((1 + requirement.confidence) / 2, requirement.confidence)
    )
    smallest, largest = fit.size_range[0], fit.size_range[1] * SEARCH

    def reaching(quantile: float, scatter: float, first: float) -> float | None:
        def excess(sizes: Floats) -> Floats:
            return _bound(fit, sizes, step, quantile, scatter) - target

        size = smallest_reaching(excess, (first, largest))
        return size if np.isfinite(size) else None

    safe = reaching(-one_sided, fit.scatter or 0.0, smallest)  # nothing untried below the ladder
    return SizeEstimate(
        low=reaching(two_sided, 0.0, smallest / 10),
        best=reaching(0.0, 0.0, smallest / 10),
        high=reaching(-two_sided, 0.0, smallest / 10),
        recommended=None if safe is None else max(smallest, int(np.ceil(safe))),
    )


def _bound(
    fit: LawFit, sizes: Floats, step: float | Floats, quantile: float, scatter: float
) -> Floats:
    """The mean curve and `quantile` times its error, with scatter between trainings in it."""
    mean = accuracy(fit, sizes, step)
    between = scatter * np.maximum(mean - fit.chance, 0)
    return np.asarray(mean + quantile * np.hypot(_error_of_mean(fit, sizes, step), between))


def _bound_of_next(fit: LawFit, sizes: Floats, step: float | Floats, confidence: float) -> Floats:
    """What the next training reaches with the stated confidence, one-sided."""
    quantile = float(stdtrit(fit.degrees_of_freedom, confidence))
    return _bound(fit, sizes, step, -quantile, fit.scatter or 0.0)


def _error_of_mean(fit: LawFit, sizes: Floats, step: float | Floats) -> Floats:
    """Standard error of the mean curve: of the fit, of the images, and of the law itself.

    Comparing models cannot show what their common images do to all of them. Were they right and
    wrong on the same images, that would be the counting error of one model, which bounds it.
    """
    mean = np.clip(accuracy(fit, sizes, step), 0, 1)
    images = mean * (1 - mean) / fit.images
    law = fit.misfit * np.maximum(mean - fit.chance, 0)
    return np.asarray(np.sqrt(accuracy_error(fit, sizes, step) ** 2 + images + law**2))


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
    """Accuracy that no size that is looked at exceeds, over the acceptable laws.

    Not the limit of infinite size: there, a midpoint that drifts at all has drifted past any noise.
    """
    sizes = [
        np.geomspace(fit.size_range[0], fit.size_range[1] * SEARCH, CEILING_POINTS) for fit in fits
    ]
    return _highest(fits, sizes, requirement)


def _highest(fits: Sequence[LawFit], sizes: Sequence[Floats], requirement: Requirement) -> Estimate:
    """The highest mean accuracy of any of each law's sizes, with bounds that cover every law."""
    found = []
    for fit, own in zip(fits, sizes, strict=True):
        mean = accuracy(fit, own, requirement.noise_step)
        half = _error_of_mean(fit, own, requirement.noise_step) * float(
            stdtrit(fit.degrees_of_freedom, (1 + requirement.confidence) / 2)
        )
        found.append([float(bound.max()) for bound in (mean, mean - half, mean + half)])
    value, low, high = found[0][0], min(one[1] for one in found), max(one[2] for one in found)
    return Estimate(*(min(1.0, max(0.0, bound)) for bound in (value, low, high)))


def _unreachable(ceiling: Estimate, requirement: Requirement) -> str:
    return (
        f"no size of this family, up to {SEARCH:,.0f} times the largest trained, reaches "
        f"{requirement.target_accuracy:g} at step {requirement.noise_step:g}; "
        f"the ceiling is {_stated(ceiling)}"
    )


def _stated(ceiling: Estimate) -> str:
    return f"{ceiling.value:.3f} ({ceiling.low:.3f} to {ceiling.high:.3f})"


def _reason(sizes: SizeEstimate, requirement: Requirement) -> str:
    return (
        f"{sizes.recommended or 0:,} parameters: the next training of that size reaches "
        f"{requirement.target_accuracy:g} at step {requirement.noise_step:g} "
        f"with {requirement.confidence:.0%} confidence"
    )


def _bounds(sizes: SizeEstimate) -> str:
    if sizes.low is None:
        return f"it takes more than {SEARCH:,.0f} times the largest trained size"
    if sizes.low == 0:
        return "the ladder bounds it neither from below nor from above"
    return f"the interval starts at {sizes.low:,.0f} parameters and has no upper end"


def _warnings(
    calibration: Calibration,
    sizes: SizeEstimate,
    laws: Sequence[LawAnswer],
    ratio: float | None,
    backtest: Backtest | None,
) -> list[str]:
    fit = calibration.fit
    found = []
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
