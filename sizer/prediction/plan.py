"""Which training next: the one that would narrow the answer most for its cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.calibration import Calibration, load
from sizer.errors import UsageError
from sizer.estimate import CONFIDENCE
from sizer.networks.architecture import parameters
from sizer.networks.recipe import train_line
from sizer.prediction.asked_noise import AskedNoise, noise_step
from sizer.prediction.members import family, member_with
from sizer.prediction.narrowing import BEYOND, expected_log_width, factor, log_width, with_training
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import Requirement, check_requirement, ladder_of, refusal
from sizer.progress import Progress, ReportProgress, no_progress
from sizer.result import Tabular

Floats = NDArray[np.float64]
BETWEEN = 1  # sizes looked at between neighbours of the ladder, and as densely beyond it
MOST = 4  # trainings of one plan; after these, measure and plan anew
WORTH = 0.9  # of the interval's logarithm: a plan that leaves more is not worth its cost
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A training that could come next: one model of this size.

    cost: of its training, over that of the largest size measured; hours: of it, as the ladder's
    trainings took, None where that was not recorded. interval_factor: upper over lower end of the
    answer's interval, expected once it is trained and measured, None where that has no end.
    train_command: trains it; of a plan that chose a size several times, all of them.
    """

    parameters: int
    cost: float
    interval_factor: float | None
    hours: float | None = None
    train_command: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingPlan(Tabular):
    """What to train next to know an answer better.

    interval_factor: upper over lower end of the answer's interval now, None where it has no end.
    worth_it: whether the plan narrows it by a tenth, in the logarithm. candidates: alone, what
    shrinks the interval most for its cost first. chosen: one after the other, of that cost at most,
    each with what is expected once it is added.
    """

    requirement: Requirement
    max_cost: float
    reason: str
    interval_factor: float | None
    worth_it: bool = False
    candidates: tuple[Candidate, ...] = ()
    chosen: tuple[Candidate, ...] = ()

    def rows(self) -> list[dict[str, object]]:
        """One row a candidate, what narrows the interval most for its cost first."""
        return [
            {**asdict(candidate), "chosen": candidate.parameters in self.sizes_chosen}
            for candidate in self.candidates
        ]

    @property
    def sizes_chosen(self) -> frozenset[int]:
        return frozenset(candidate.parameters for candidate in self.chosen)


def plan(
    calibration: Calibration | str | Path,
    *,
    accuracy: float,
    max_cost: float,
    step: float | None = None,
    sigma: float | None = None,
    snr_db: float | None = None,
    noise_from: str | Path | None = None,
    confidence: float = CONFIDENCE,
    progress: ReportProgress = no_progress,
) -> TrainingPlan:
    """The trainings that would narrow an answer most for their cost.

    calibration, accuracy, noise and confidence: as in `recommend`. max_cost: of all of them, in
    trainings of the largest size measured. Raises UsageError for one that is not positive, and what
    `recommend`
    raises.
    """
    if not 0 < max_cost < float("inf"):
        raise UsageError(f"max cost {max_cost:g} must be positive: trainings of the largest size")
    calibration = load(calibration)
    asked, _ = noise_step(calibration, AskedNoise(step, sigma, snr_db, noise_from), progress)
    requirement = Requirement(asked, accuracy, confidence)
    check_requirement(requirement, calibration.chance)
    reason = refusal(calibration, asked)
    if reason is not None:
        return TrainingPlan(requirement, max_cost, reason, None)
    return _planned(calibration, requirement, max_cost, progress("imagining trainings"))


def _planned(
    calibration: Calibration, requirement: Requirement, max_cost: float, progress: Progress
) -> TrainingPlan:
    ladder = ladder_of(calibration)
    sizes = buildable(calibration, candidate_sizes(ladder))
    prices = dict(zip(sizes, costs(calibration, sizes), strict=True))
    now = log_width(ladder, requirement)
    affordable = [size for size in sizes if prices[size] <= max_cost]
    after = {}
    for done, size in enumerate(affordable):
        progress(done, len(affordable))
        after[size] = expected_log_width(ladder, size, requirement)
    progress(len(affordable), len(affordable))
    chosen = _choose(ladder, requirement, prices, max_cost, after)
    times = Counter(size for size, _ in chosen)
    planned = [
        _candidate(calibration, size, prices[size], width, times[size]) for size, width in chosen
    ]
    worth = bool(chosen) and chosen[-1][1] <= WORTH * now
    return TrainingPlan(
        requirement=requirement,
        max_cost=max_cost,
        reason=_reason(now, planned, worth),
        interval_factor=factor(now),
        worth_it=worth,
        candidates=tuple(
            _candidate(calibration, size, prices[size], after[size])
            for size in sorted(after, key=lambda size: (after[size] - now) / prices[size])
        ),
        chosen=tuple(planned) if worth else (),
    )


def buildable(calibration: Calibration, sizes: Sequence[int]) -> list[int]:
    """Of each size, the nearest that `train` builds for the calibration's data, ascending; all as
    they are where its models are of another family.
    """
    built = [parameters(member) for member in family(calibration)]
    if not built:
        return list(sizes)
    return sorted({min(built, key=lambda known: abs(np.log(known / size))) for size in sizes})


def candidate_sizes(ladder: Predictor) -> list[int]:
    """The ladder's own sizes, and some between and beyond them, ascending."""
    trained = list(ladder.sizes)
    if len(trained) < 2:
        return [*trained, *(round(times * trained[-1]) for times in (2.0, BEYOND))]
    ratio = (trained[-1] / trained[0]) ** (1 / ((len(trained) - 1) * (BETWEEN + 1)))
    count = int(np.log(BEYOND * trained[-1] / trained[0]) / np.log(ratio) + 1)
    more = trained[0] * ratio ** np.arange(count + 1)
    apart = [
        round(float(size))
        for size in more
        if min(abs(np.log(size / known)) for known in trained) > np.log(ratio) / 2
    ]
    return sorted([*trained, *apart])


def costs(calibration: Calibration, sizes: Sequence[int]) -> list[float]:
    """Of training each size, over that of the largest measured.

    Multiply-accumulates times images, of which every training sees as many; on a straight line in
    the logarithms between models, and growing like the parameters where they are not known.
    """
    known = sorted({(m.parameters, m.macs) for m in calibration.models if m.macs})
    if len(known) < 2:
        known = [(size, size) for size in calibration.sizes]
    x, y = (np.log([pair[i] for pair in known]) for i in (0, 1))
    power = (y[-1] - y[0]) / (x[-1] - x[0]) if len(known) > 1 else 1.0
    at = np.log(sizes)
    inside = np.interp(at, x, y) + power * (np.minimum(at - x[0], 0) + np.maximum(at - x[-1], 0))
    return [float(cost) for cost in np.exp(inside - y[-1])]


def _choose(
    ladder: Predictor,
    requirement: Requirement,
    prices: dict[int, float],
    max_cost: float,
    first: dict[int, float],
) -> list[tuple[int, float]]:
    """The better of two ways to spend it: by what narrows most for its cost, and most.

    Neither alone is good: the first may spend itself on many small trainings, the second on one
    large (Khuller, Moss & Naor 1999, doi:10.1016/S0020-0190(99)00031-9).
    """
    now = log_width(ladder, requirement)
    thrifty = _greedy(ladder, requirement, prices, max_cost, first, prices)
    bold = _greedy(ladder, requirement, prices, max_cost, first, dict.fromkeys(prices, 1.0))
    return min(thrifty, bold, key=lambda chosen: chosen[-1][1] if chosen else now)


def _greedy(
    ladder: Predictor,
    requirement: Requirement,
    prices: dict[int, float],
    max_cost: float,
    first: dict[int, float],
    per: dict[int, float],
) -> list[tuple[int, float]]:
    """One after the other, what narrows the interval most per `per`, while it can be paid."""
    chosen: list[tuple[int, float]] = []
    now, after = log_width(ladder, requirement), first
    while len(chosen) < MOST:
        paid = {size: width for size, width in after.items() if prices[size] <= max_cost}
        paid = {size: width for size, width in paid.items() if width < now}
        if not paid:
            break
        best = max(paid, key=lambda size: (now - paid[size]) / per[size])
        now, max_cost = paid[best], max_cost - prices[best]
        chosen.append((best, now))
        ladder = with_training(ladder, best, requirement.noise_step, 0.5)
        near = sorted(paid, key=lambda size: paid[size])[:6]  # what was no help will be none
        after = {
            size: expected_log_width(ladder, size, requirement)
            for size in near
            if prices[size] <= max_cost
        }
    return chosen


def _candidate(
    calibration: Calibration, size: int, cost: float, width: float, trainings: int = 1
) -> Candidate:
    member, ladder = member_with(family(calibration), size), calibration.ladder
    return Candidate(
        parameters=size,
        cost=cost,
        interval_factor=factor(width),
        hours=hours_of(calibration, size, cost),
        train_command=train_line(ladder, member, trainings) if member and ladder else None,
    )


def hours_of(calibration: Calibration, size: int, cost: float) -> float | None:
    """Hours that a training takes, as those of the ladder took; None where nothing was recorded.

    Between and beyond the sizes whose time is known, it grows with the cost.
    """
    timed = {m.parameters: m.training_seconds for m in calibration.models if m.training_seconds}
    if not timed:
        return None
    nearest = min(timed, key=lambda known: abs(np.log(known / size)))
    relative = cost / costs(calibration, [nearest])[0]
    return float(timed[nearest] * relative / SECONDS_AN_HOUR)


def _reason(now: float, chosen: Sequence[Candidate], worth: bool) -> str:
    if not chosen:
        return "not worth it: no training of that cost is expected to narrow the interval"
    told = f"from {_said(factor(now))} to {_said(chosen[-1].interval_factor)}"
    if not worth:
        return f"not worth it: all that this cost pays for would narrow the interval only {told}"
    count = "1 training is" if len(chosen) == 1 else f"{len(chosen)} trainings are"
    return f"{count} expected to narrow the interval {told}"


def _said(times: float | None) -> str:
    return "no upper end" if times is None else f"a factor of {times:.2f}"
