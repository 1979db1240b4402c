"""The loop: train, measure, ask which training is worth most, until a model meets the requirement.

What trains and measures is a workshop, so that the loop runs as well on laws that are known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from sizer.calibration import Calibration
from sizer.job.acceptance import Acceptance, accept
from sizer.job.journal import Decision, Journal
from sizer.prediction.accuracy import AccuracyRange, training_accuracy
from sizer.prediction.advice import Advice, advise
from sizer.prediction.forecast import Forecast
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import Requirement, ladder_of
from sizer.progress import say_nothing

FIRST = 3  # sizes that are trained before anything is asked
APART = 1.15  # times a size, the next that is looked at
BEYOND = 4.0  # times the largest trained size, what may be trained next
LITTLE = 0.05  # a chance to meet the requirement below which a training is chosen to tell more
CLEAR = 4  # sizes from which on it may be clear that none reaches the target

EndKind = Literal["delivered", "unreachable", "device", "budget"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be trained: parameters and multiply-accumulates of each size, ascending.

    limited: whether a device holds no larger ones.
    """

    sizes: tuple[int, ...]
    macs: tuple[int, ...]
    limited: bool = False

    def cost(self, size: int) -> float:
        return float(self.macs[self.sizes.index(size)])


class Workshop(Protocol):
    """Trains and measures. What was done before is not done again."""

    def measured(self, sizes: Sequence[int], /) -> Calibration:
        """The calibration of models of these sizes."""

    def seconds(self, size: int, /) -> float:
        """What a training of this size will take."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the loop ended, and its last calibration.

    model: the name of the one to deliver, None where none meets the requirement; acceptance: of
    it, or of the most accurate one. promised: what it was expected to have, where it was
    recommended before it was trained.
    """

    kind: EndKind
    why: str
    calibration: Calibration
    advice: Advice
    acceptance: Acceptance
    promised: AccuracyRange | None = None

    @property
    def meets(self) -> bool:
        return self.kind == "delivered"


def run(
    journal: Journal,
    workshop: Workshop,
    choice: Choice,
    requirement: Requirement,
    budget: float,
    tell: Callable[[str], None] = say_nothing,
) -> Ending:
    """Go on until it ends. budget: seconds of work in all, those of earlier runs included.

    tell: told each decision.
    """
    if not journal.decisions:
        journal.decide(first_decision(choice))
    while True:
        calibration = workshop.measured(journal.sizes)
        advice = advise(calibration, requirement)
        looked = Look(journal, choice, requirement, calibration, advice)
        ending = looked.ended()
        if ending is not None:
            return ending
        left = budget - journal.seconds
        decision = looked.next_decision({n for n in choice.sizes if workshop.seconds(n) <= left})
        if decision is None:
            return looked.without_more(f"{budget / 60:.0f} minutes are spent")
        tell(looked.said(decision))
        journal.decide(decision)


def first_decision(choice: Choice) -> Decision:
    """The smallest sizes, each about twice the one before."""
    chosen: list[int] = []
    for size in choice.sizes:
        if len(chosen) < FIRST and (not chosen or size >= 1.6 * chosen[-1]):
            chosen.append(size)
    return Decision(tuple(chosen), "the smallest sizes first")


@dataclass(frozen=True, slots=True)
class Look:
    """What is known after a measurement."""

    journal: Journal
    choice: Choice
    requirement: Requirement
    calibration: Calibration
    advice: Advice

    def ended(self) -> Ending | None:
        """The end, where a model meets the requirement or it is clear that none can."""
        meeting = next((one for one in self.acceptances() if one.meets), None)
        if meeting is not None:
            return self.delivering(meeting)
        if self.advice.verdict == "unreachable" and len(self.calibration.sizes) >= CLEAR:
            return self._ending("unreachable", self.advice.reason, self.best())
        return None

    def without_more(self, spent: str) -> Ending:
        """The end where nothing more can be trained."""
        if self.choice.sizes[-1] > max(self.calibration.sizes):
            return self._ending("budget", spent, self.best())
        held = " that fits the device" if self.choice.limited else " of the family"
        why = f"no size{held} reaches {self.requirement.target_accuracy:g}"
        kind: EndKind = "device" if self.choice.limited else "unreachable"
        return self._ending(kind, why, self.best())

    def next_decision(self, affordable: set[int]) -> Decision | None:
        """What to train next, of the sizes that can be paid; None where none is worth it.

        The best chance to meet the requirement for its cost (Weitzman 1979, doi:10.2307/1910412,
        whose boxes are opened in that order where all prizes are the same).
        """
        forecast = self.ladder.at(self.requirement.noise_step)
        chances = self._chances(forecast)
        paid = {size: chance for size, chance in chances.items() if size in affordable}
        if not paid:
            return None
        best = max(paid, key=lambda size: paid[size] / self.choice.cost(size))
        why = f"meets it with a chance of {paid[best]:.0%}, the most for its cost"
        if paid[best] < LITTLE:
            best = max(paid)
            why = "tells most of what lies beyond"
        confidence = self.requirement.confidence
        named = paid[best] >= confidence
        promised = training_accuracy(forecast, best, confidence)
        return Decision((best,), f"recommended: {why}" if named else why, promised, named)

    def _chances(self, forecast: Forecast) -> dict[int, float]:
        """Of each size that may come next, that its training meets the requirement.

        Below the largest trained, only where there is a chance.
        """
        largest, trained = self.ladder.sizes[-1], self.journal.sizes
        within = [n for n in self.choice.sizes if n <= BEYOND * largest]
        near = [n for n in thinned(within) if n not in trained]
        if not near:
            near = [n for n in self.choice.sizes if n > largest][:1]
        if not near:
            return {}
        target = self.requirement.target_accuracy
        reached = forecast.at(np.array(near, float)).above(target, training=True).tolist()
        return {n: p for n, p in zip(near, reached, strict=True) if n > largest or p >= LITTLE}

    def delivering(self, model: Acceptance) -> Ending:
        size = self._size(model)
        chosen = next(d for d in self.journal.decisions if size in d.sizes)
        why = "a measured model meets the requirement"
        if chosen.recommended:
            why = "the recommended size was trained, and meets it"
        return self._ending("delivered", why, model, chosen.promised)

    def acceptances(self) -> list[Acceptance]:
        """Of every measured model, the smallest first, the most accurate of a size first."""
        step = self.requirement.noise_step
        seen = []
        for curve in self.calibration.curves:
            place = curve.steps.index(step)
            data = self.calibration.dataset
            on = "" if data is None else f"{data.images:,} test pictures of {data.spec}"
            counts = curve.correct[place], curve.trials[place]
            seen.append((curve.size, accept(curve.model.name, self.requirement, *counts, on)))
        return [one for _, one in sorted(seen, key=lambda pair: (pair[0], -pair[1].accuracy))]

    def said(self, decision: Decision) -> str:
        """The best that was measured, and what is trained next."""
        best, sizes = self.best(), ", ".join(f"{size:,}" for size in decision.sizes)
        return (
            f"{best.accuracy:.3f} at {self._size(best):,} parameters is the best of "
            f"{len(self.calibration.models)}; next {sizes}: {decision.why}"
        )

    def best(self) -> Acceptance:
        """The most accurate model."""
        return max(self.acceptances(), key=lambda one: one.accuracy)

    @property
    def ladder(self) -> Predictor:
        return ladder_of(self.calibration)

    def _size(self, model: Acceptance) -> int:
        return next(m.parameters for m in self.calibration.models if m.name == model.model)

    def _ending(
        self, kind: EndKind, why: str, model: Acceptance, promised: AccuracyRange | None = None
    ) -> Ending:
        return Ending(kind, why, self.calibration, self.advice, model, promised)


def thinned(sizes: Sequence[int]) -> list[int]:
    """Of ascending sizes, those that are clearly apart, the largest among them."""
    kept: list[int] = []
    for size in sizes:
        if not kept or size >= APART * kept[-1]:
            kept.append(size)
    return kept if not sizes or kept[-1] == sizes[-1] else [*kept, sizes[-1]]
