"""Which training next: the one that would narrow the answer most for its cost.

Each law is taken to be linear around its fit, its values known to within the fit's covariance. A
training of size n, measured at the steps of the calibration, is an observation of the mean over the
laws, with the counting error of its images and the scatter between trainings, which moves a whole
curve together. What it would leave of each law's error, and of the laws' distance from each other
where the answer lies, follows without training anything (Bayesian linear design: Chaloner &
Verdinelli 1995, doi:10.1214/ss/1177009939).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sizer import files
from sizer.advise.answer import advise
from sizer.advise.prospect import acceptable, prospect
from sizer.calibration import Calibration
from sizer.errors import UsageError
from sizer.results import Candidate, Requirement, TrainingPlan
from sizer.scaling.law import derivatives
from sizer.scaling.surface import LawFit

Floats = NDArray[np.float64]
BETWEEN = 2  # sizes looked at between neighbours of the ladder, and as densely beyond it
BEYOND = 4.0  # candidates reach up to this many times the largest size
MOST = 12  # trainings of one plan; after these, measure and plan anew
SLOPE_STEP = 0.05  # in ln N, of the slope of the mean curve
LEAST_SHARE = 1e-3  # of the accuracy's range, within which a law's prediction counts as certain


@dataclass(frozen=True, slots=True)
class _Belief:
    """What is known of one law, at the answer and at every candidate.

    answer: its accuracy there; gradient of that (parameters,). curve: of each candidate over the
    steps (candidates, steps); jacobian of that (candidates, steps, parameters).
    """

    weight: float
    covariance: Floats
    answer: float
    gradient: Floats
    curves: Floats
    jacobian: Floats

    @property
    def variance(self) -> float:
        return float(self.gradient @ self.covariance @ self.gradient)


@dataclass(frozen=True, slots=True)
class _Study:
    """All laws, the noise of one training's curve at each candidate, and what stays as it is."""

    beliefs: tuple[_Belief, ...]
    noise: Floats
    fixed: float
    per_error: float

    @property
    def interval_factor(self) -> float:
        """Upper over lower end of the interval, from the errors of the mean over the laws."""
        weights = np.array([belief.weight for belief in self.beliefs])
        answers = np.array([belief.answer for belief in self.beliefs])
        own = float(weights @ [belief.variance for belief in self.beliefs])
        between = float(weights @ (answers - weights @ answers) ** 2)
        return float(np.exp(self.per_error * np.sqrt(own + between + self.fixed)))


def plan(calibration: Calibration, requirement: Requirement, budget: float) -> TrainingPlan:
    """The trainings that would narrow the answer most for their cost, within a budget.

    budget: in trainings of the largest size measured. Raises UsageError for a budget that is not
    positive, and what `advise` raises.
    """
    if not 0 < budget < float("inf"):
        raise UsageError(f"budget {budget:g} must be positive: in trainings of the largest size")
    advice = advise(calibration, requirement, force=True)
    if advice.parameters is None or not advice.parameters.best:
        return TrainingPlan(requirement, budget, advice.reason, None)
    sizes = _candidate_sizes(calibration)
    costs = _costs(calibration, sizes)
    study = _study(calibration, requirement, advice.parameters.best, sizes)
    affordable = [i for i in range(len(sizes)) if costs[i] <= budget]
    alone = [Candidate(sizes[i], costs[i], _after(study, i).interval_factor) for i in affordable]
    now = study.interval_factor
    ranked = sorted(alone, key=lambda one: -np.log(now / one.interval_factor) / one.cost)
    chosen = _choose(study, sizes, costs, budget)
    return TrainingPlan(
        requirement=requirement,
        budget=budget,
        reason=_reason(now, chosen),
        interval_factor=now,
        candidates=tuple(ranked),
        chosen=tuple(chosen),
    )


def _candidate_sizes(calibration: Calibration) -> list[int]:
    """The ladder's own sizes, and some between and beyond them."""
    own = sorted({model.parameters for model in calibration.models})
    steps = (len(own) - 1) * (BETWEEN + 1)
    ratio = (own[-1] / own[0]) ** (1 / steps)
    more = own[0] * ratio ** np.arange(steps + np.log(BEYOND) / np.log(ratio) + 1)
    apart = [
        size for size in more if min(abs(np.log(size / one)) for one in own) > np.log(ratio) / 2
    ]
    return sorted([*own, *(round(float(size)) for size in apart)])


def _costs(calibration: Calibration, sizes: Sequence[int]) -> list[float]:
    """Of training each size, over that of the largest measured.

    Multiply-accumulates times images, of which every training sees as many; on a straight line in
    the logarithms between models, and growing like the parameters where they are not known.
    """
    known = sorted({(m.parameters, m.macs) for m in calibration.models if m.macs})
    if len(known) < 2:
        known = [(size, size) for size in sorted({m.parameters for m in calibration.models})]
    x, y = (np.log([pair[i] for pair in known]) for i in (0, 1))
    power = (y[-1] - y[0]) / (x[-1] - x[0])
    at = np.log(sizes)
    inside = np.interp(at, x, y) + power * (np.minimum(at - x[0], 0) + np.maximum(at - x[-1], 0))
    return [float(cost) for cost in np.exp(inside - y[-1])]


def _study(
    calibration: Calibration, requirement: Requirement, best: float, sizes: Sequence[int]
) -> _Study:
    fits = acceptable(calibration)
    steps = np.array(files.shared_steps(calibration))
    total = sum(fit.weight for fit in fits)
    beliefs = tuple(_belief(fit, total, requirement, best, sizes, steps) for fit in fits)
    mean = sum(belief.weight * belief.curves for belief in beliefs)
    around = best * np.exp([-SLOPE_STEP, 0, SLOPE_STEP])
    seen = prospect(fits, np.asarray(around), requirement.noise_step)
    slope = float(seen.mean[2] - seen.mean[0]) / (2 * SLOPE_STEP)  # of accuracy in ln N
    quantile = float(stdtrit(seen.freedom, (1 + requirement.confidence) / 2))
    return _Study(
        beliefs=beliefs,
        noise=_noise(fits[0], np.clip(np.asarray(mean), 0, 1), steps),
        fixed=float(seen.images[1] ** 2 + seen.misfit[1] ** 2),
        per_error=2 * quantile / max(slope, LEAST_SHARE),
    )


def _belief(
    fit: LawFit,
    total: float,
    requirement: Requirement,
    best: float,
    sizes: Sequence[int],
    steps: Floats,
) -> _Belief:
    values = np.array(fit.values)
    at_answer = surface(fit, np.array([best]), np.array([requirement.noise_step]))
    grid = np.meshgrid(np.array(sizes, dtype=np.float64), steps, indexing="ij")
    shape = (len(sizes), len(steps))
    curves = surface(fit, *(part.ravel() for part in grid))
    return _Belief(
        weight=fit.weight / total,
        covariance=np.array(fit.covariance),
        answer=float(at_answer(values)[0]),
        gradient=derivatives(at_answer, values)[0],
        curves=curves(values).reshape(shape),
        jacobian=derivatives(curves, values).reshape(*shape, -1),
    )


def _noise(fit: LawFit, mean: Floats, steps: Floats) -> Floats:
    """Covariance of one training's measured curve (candidates, steps, steps)."""
    counting = mean * (1 - mean) / fit.images + (LEAST_SHARE**2)
    scatter = np.interp(steps, fit.knots, fit.scatter)
    return np.asarray(counting[:, :, None] * np.eye(len(steps)) + np.outer(scatter, scatter))


def _after(study: _Study, candidate: int) -> _Study:
    """The study once a training of that candidate has come out as the mean over the laws."""
    expected = sum(belief.weight * belief.curves[candidate] for belief in study.beliefs)
    beliefs = tuple(
        _updated(belief, candidate, np.asarray(expected), study.noise[candidate])
        for belief in study.beliefs
    )
    return replace(study, beliefs=beliefs)


def _updated(belief: _Belief, candidate: int, observed: Floats, noise: Floats) -> _Belief:
    """Linear Gaussian update (Kalman 1960, doi:10.1115/1.3662552) of one law."""
    jacobian = belief.jacobian[candidate]
    cross = belief.covariance @ jacobian.T
    gain = np.linalg.solve(jacobian @ cross + noise, cross.T).T
    moved = gain @ (observed - belief.curves[candidate])
    return replace(
        belief,
        covariance=belief.covariance - gain @ cross.T,
        answer=belief.answer + float(belief.gradient @ moved),
        curves=belief.curves + belief.jacobian @ moved,
    )


def _choose(
    study: _Study, sizes: Sequence[int], costs: Sequence[float], budget: float
) -> list[Candidate]:
    """The better of two ways to spend the budget: by what narrows most for its cost, and most.

    Neither alone is good: the first may spend itself on many small trainings, the second on one
    large (Khuller, Moss & Naor 1999, doi:10.1016/S0020-0190(99)00031-9).
    """
    thrifty = _greedy(study, sizes, costs, budget, costs)
    bold = _greedy(study, sizes, costs, budget, [1.0] * len(costs))
    now = study.interval_factor
    return min(thrifty, bold, key=lambda found: found[-1].interval_factor if found else now)


def _greedy(
    study: _Study,
    sizes: Sequence[int],
    costs: Sequence[float],
    budget: float,
    per: Sequence[float],
) -> list[Candidate]:
    """One after the other, what narrows the interval most per `per`, while it can be paid."""
    chosen: list[Candidate] = []
    while len(chosen) < MOST:
        now = study.interval_factor
        after = {i: _after(study, i) for i in range(len(sizes)) if costs[i] <= budget}
        after = {i: one for i, one in after.items() if one.interval_factor < now}
        if not after:
            break
        best = max(after, key=lambda i: np.log(now / after[i].interval_factor) / per[i])
        study, budget = after[best], budget - costs[best]
        chosen.append(Candidate(sizes[best], costs[best], study.interval_factor))
    return chosen


def _reason(now: float, chosen: Sequence[Candidate]) -> str:
    if not chosen:
        return "no training that the budget pays for is expected to narrow the interval"
    return (
        f"{len(chosen)} trainings are expected to narrow the interval from a factor of {now:.2f} "
        f"to {chosen[-1].interval_factor:.2f}"
    )
