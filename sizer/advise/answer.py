"""From the fits and a requirement to the smallest size, or to the words that say why there is none.

Sizes are found by test inversion in log N (Fieller's construction): the interval is the set of
sizes at which "the accuracy is the target" is not rejected, so it can be one-sided or empty where
size buys little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.advise.prospect import SEARCH, Prospect, acceptable, prospect, sizes_sought
from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.results import Advice, Estimate, LawAnswer, Requirement, SizeEstimate, Verdict
from sizer.scaling.backtests import Backtest, first_reaching
from sizer.scaling.surface import LawFit

Floats = NDArray[np.float64]
STEPS = 100  # of the grid on which the largest step is sought
REFUSED_RATIO = 10.0  # beyond the ladder, an answer is a guess
EARNED = 0.03  # accuracy: a back-test that is further off has earned nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """The sizes that meet a requirement. ratio: the recommended over the largest trained."""

    sizes: SizeEstimate
    ceiling: Estimate
    ratio: float | None
    verdict: Verdict
    reason: str


def advise(calibration: Calibration, requirement: Requirement, force: bool = False) -> Advice:
    """The advice for one requirement; `force`: also where it lies too far beyond the ladder.

    Raises UsageError for a target outside (chance, 1), or a confidence or step out of range.
    """
    _check(calibration, requirement)
    fit = calibration.fit
    backtest = _largest_backtest(calibration.backtests, fit.law)
    refused = refusal(calibration, requirement)
    if refused is not None:
        return Advice(
            verdict="untrusted",
            reason=refused,
            requirement=requirement,
            parameters=None,
            ceiling=None,
            extrapolation_ratio=None,
            law=fit.law,
            backtest=backtest,
            warnings=calibration.warnings,
        )
    fits = acceptable(calibration)
    seen = prospect(fits, sizes_sought(fit), requirement.noise_step)
    answer = inverted(seen, fit, requirement, force)
    sizes, verdict = answer.sizes, answer.verdict
    found = Advice(
        verdict=verdict,
        reason=answer.reason,
        requirement=requirement,
        parameters=None if verdict == "unreachable" else sizes,
        ceiling=answer.ceiling,
        extrapolation_ratio=answer.ratio,
        law=fit.law,
        backtest=backtest,
        laws=tuple(LawAnswer(one.law, one.weight, _best([one], requirement)) for one in fits),
        errors=seen.budget(sizes.best) if sizes.best else None,
        scan=tuple(_drift(one, requirement) for one in calibration.scan),
        largest_step=_largest_step(fits, requirement) if verdict == "unreachable" else None,
    )
    return replace(found, warnings=(*calibration.warnings, *_warnings(calibration, found, sizes)))


def inverted(seen: Prospect, fit: LawFit, requirement: Requirement, force: bool) -> Answer:
    """What sizes meet a requirement, at whose step `seen` is, and what is to be said of them."""
    sizes, ceiling = _invert(seen, fit, requirement), _ceiling(seen, fit, requirement)
    ratio = sizes.recommended / fit.size_range[1] if sizes.recommended else None
    return Answer(sizes, ceiling, ratio, *_verdict(sizes, ceiling, ratio, requirement, force))


def _verdict(
    sizes: SizeEstimate,
    ceiling: Estimate,
    ratio: float | None,
    requirement: Requirement,
    force: bool,
) -> tuple[Verdict, str]:
    """The verdict of fits that may be asked, and why."""
    target = requirement.target_accuracy
    if sizes.best is None and ceiling.high is not None and ceiling.high < target:
        return "unreachable", _unreachable(ceiling, requirement)
    if sizes.best is None:
        return "untrusted", (
            f"no size of this family is expected to reach {target:g}, but the "
            f"ceiling is known only as {_stated(ceiling)}: train larger models, or more of them"
        )
    if sizes.recommended is None or ratio is None:
        return "untrusted", (
            f"no size can be named with {requirement.confidence:.0%} confidence: "
            f"{_bounds(sizes)}; train larger models, or more of them"
        )
    if ratio > REFUSED_RATIO and not force:
        return "untrusted", (
            f"the answer, {sizes.recommended:,} parameters, is {ratio:.0f} times the largest "
            f"trained size, and beyond {REFUSED_RATIO:.0f} times it is a guess: train larger "
            "models, or see the guess with --force"
        )
    return "recommended", _reason(sizes, requirement)


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


def refusal(calibration: Calibration, requirement: Requirement) -> str | None:
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
    lowest, highest = trained_steps(calibration)
    if not lowest <= requirement.noise_step <= highest:
        return (
            f"noise step {requirement.noise_step:g} lies outside {lowest:g}..{highest:g}, "
            "the noise that the models were trained with: train a ladder with that noise"
        )
    return None


def trained_steps(calibration: Calibration) -> tuple[float, float]:
    """The noise steps that the recipe of the ladder allows to ask about."""
    ladder = calibration.ladder
    if ladder is None or ladder.recipe.noise_steps is None:
        return 0.0, np.inf
    first, last = ladder.recipe.noise_steps
    return float(first), float(last)


def _invert(seen: Prospect, fit: LawFit, requirement: Requirement) -> SizeEstimate:
    """Sizes at which the mean curve, its confidence bounds, and the next training's lower bound
    reach the target.
    """
    target = requirement.target_accuracy
    lower, upper = seen.interval(requirement.confidence)
    next_training = seen.next_training(requirement.confidence)
    smallest = fit.size_range[0]  # nothing untried is recommended below the ladder
    tried = seen.sizes >= smallest
    safe = first_reaching(seen.sizes[tried], next_training[tried], target)
    return SizeEstimate(
        low=first_reaching(seen.sizes, upper, target),
        best=first_reaching(seen.sizes, seen.mean, target),
        high=first_reaching(seen.sizes, lower, target),
        recommended=None if safe is None else max(smallest, int(np.ceil(safe))),
    )


def _best(fits: Sequence[LawFit], requirement: Requirement) -> float | None:
    """Size at which the mean curve of these fits reaches the target."""
    weights, sizes = np.array([fit.weight or 1.0 for fit in fits]), sizes_sought(fits[0])
    each = np.array([accuracy(fit, sizes, requirement.noise_step) for fit in fits])
    mean = np.asarray(weights @ each / weights.sum())
    return first_reaching(sizes, mean, requirement.target_accuracy)


def _drift(fit: LawFit, requirement: Requirement) -> "Drift":
    return Drift(fit.size_range[0], _best([fit], requirement))


def _ceiling(seen: Prospect, fit: LawFit, requirement: Requirement) -> Estimate:
    """Accuracy that no size from the smallest trained up to the largest looked at exceeds.

    Not the limit of infinite size: there, a midpoint that drifts at all has drifted past any noise.
    """
    tried = seen.sizes >= fit.size_range[0]
    bounds = (seen.mean, *seen.interval(requirement.confidence))
    return Estimate(*(min(1.0, max(0.0, float(bound[tried].max()))) for bound in bounds))


def _largest_step(fits: Sequence[LawFit], requirement: Requirement) -> float | None:
    """The largest measured noise at which some size that is looked at reaches the target."""
    first, last = fits[0].step_range
    for step in np.linspace(last, first, STEPS):
        if _best(fits, replace(requirement, noise_step=float(step))) is not None:
            return float(step)
    return None


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


def _warnings(calibration: Calibration, found: Advice, sizes: SizeEstimate) -> list[str]:
    fit, ratio = calibration.fit, found.extrapolation_ratio
    earned = _earned_ratio(calibration)
    warnings = []
    if sizes.recommended == fit.size_range[0]:
        warnings.append("the smallest measured size already reaches the target; smaller may do")
    if found.backtest is None:
        warnings.append("no back-test: the ladder has too few sizes to leave any out")
    elif ratio is not None and ratio > max(earned, 1.0):
        warnings.append(
            f"the answer lies {ratio:.1f} times beyond the largest trained size; "
            f"the back-tests earned {earned:.1f} times"
            if earned
            else f"the answer lies {ratio:.1f} times beyond the ladder; no back-test succeeded"
        )
    if len({model.parameters for model in calibration.models}) == len(calibration.models):
        warnings.append(
            "no size was trained twice: the models' distance from the law stands for the scatter "
            "between trainings"
        )
    unreached = [answer.law for answer in found.laws if answer.best is None]
    if unreached and len(unreached) < len(found.laws):
        warnings.append(f"the laws disagree: under {', '.join(unreached)} no size reaches it")
    return [*warnings, *_drifting(found.scan, sizes)]


def _drifting(scan: Sequence["Drift"], sizes: SizeEstimate) -> list[str]:
    """Whether the answer leaves its own interval once the smallest sizes are dropped."""
    low, high = sizes.low or 0.0, np.inf if sizes.high is None else sizes.high
    for drift in scan:
        best = np.inf if drift.best is None else drift.best
        if sizes.best is not None and not low <= best <= high:
            stated = "out of reach" if drift.best is None else f"{drift.best:,.0f} parameters"
            return [
                f"the answer depends on the smallest models: without those under "
                f"{drift.smallest:,} parameters it is {stated}, outside its interval"
            ]
    return []


def _earned_ratio(calibration: Calibration) -> float:
    """How far beyond the rest of the ladder the chosen law has predicted well."""
    own = [test for test in calibration.backtests if test.law == calibration.fit.law]
    return max((test.ratio for test in own if test.accuracy_rms <= EARNED), default=0.0)


def _largest_backtest(backtests: Sequence[Backtest], law: str) -> Backtest | None:
    own = [test for test in backtests if test.law == law]
    return max(own, key=lambda test: test.hold_out) if own else None
