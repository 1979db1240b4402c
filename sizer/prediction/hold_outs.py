"""What a back-test says: predictions of what was left out, beside what was measured."""

from dataclasses import dataclass

from sizer.prediction.accuracy import AccuracyRange
from sizer.prediction.advice import Verdict
from sizer.prediction.sizes import SizeEstimate
from sizer.result import Tabular
from sizer.scaling.backtests import Backtest

HALF = 0.5  # of the intervals: where fewer hold, the prediction failed
EARNED = 0.03  # accuracy: a prediction that is further off has failed


@dataclass(frozen=True, slots=True)
class PredictedAccuracy:
    """A held-out model at one noise step, predicted from smaller ones, and measured.

    predicted: what the next training of that size measures. guessing: whether less than a tenth of
    the model's clean accuracy above chance is left.
    """

    model: str
    parameters: int
    step: float
    predicted: AccuracyRange
    measured: float
    guessing: bool


@dataclass(frozen=True, slots=True)
class PredictedSize:
    """The answer of the smaller models to an accuracy that the measured curves reach.

    target: accuracy; needed: parameters at which the measured curves reach it. held_out: the size
    left out that it belongs to: `needed` is that size, or lies between it and the one before.
    predicted: None where nothing is known.
    """

    step: float
    target: float
    needed: int
    held_out: int
    verdict: Verdict
    predicted: SizeEstimate | None


@dataclass(frozen=True, slots=True)
class AccuracyScore:
    """Predicted minus measured accuracy over points; held: share of intervals with the truth."""

    points: int
    rms: float
    worst: float
    held: float


@dataclass(frozen=True, slots=True)
class SizeScore:
    """Predicted sizes beside those that the measured curves need, over the steps where size buys.

    named: of those asked, with a recommended size; bounded: with a bound alone; bound_true: of all
    lower bounds, those that hold. factors: of the best over the needed size or the reverse,
    whichever is above one, of the named; root mean square in the logarithm. held: share of the
    named intervals that hold the needed size.
    """

    asked: int
    named: int
    bounded: int
    bound_true: float | None
    factor_rms: float | None
    factor_median: float | None
    factor_worst: float | None
    held: float | None


@dataclass(frozen=True, slots=True)
class BacktestScore:
    """How well a held-out size was predicted; parameters: None for all of a back-test together.

    ratio: over the largest size left. informative: the accuracy at the steps where the model does
    more than guess, None without any.
    """

    parameters: int | None
    ratio: float
    accuracy: AccuracyScore
    informative: AccuracyScore | None
    size: SizeScore

    @property
    def telling(self) -> AccuracyScore:
        """Where the model does more than guess, or over all steps."""
        return self.informative or self.accuracy

    @property
    def predicted(self) -> bool:
        """Whether the accuracy was."""
        return self.telling.rms <= EARNED and self.telling.held >= HALF


@dataclass(frozen=True, slots=True)
class HoldOut:
    """A ladder without its largest sizes, against them.

    fitted, held: sizes, ascending. laws: each law's own back-test, for comparison. scores: one for
    each held-out size and, of several, one for all of them, last.
    """

    fitted: tuple[int, ...]
    held: tuple[int, ...]
    verdict: str
    laws: tuple[Backtest, ...]
    scores: tuple[BacktestScore, ...]
    accuracies: tuple[PredictedAccuracy, ...]
    sizes: tuple[PredictedSize, ...]


@dataclass(frozen=True, slots=True)
class LadderBacktest(Tabular):
    """What `backtest` answers: each number of largest sizes left out, in turn."""

    chance: float
    schedule: str | None
    hold_outs: tuple[HoldOut, ...]

    def rows(self) -> list[dict[str, object]]:
        """One row a held-out model and noise step: its accuracy as predicted and as measured."""
        return [
            {
                "hold_out": len(test.held),
                "model": point.model,
                "parameters": point.parameters,
                "step": point.step,
                "predicted": point.predicted.best,
                "low": point.predicted.low,
                "high": point.predicted.high,
                "measured": point.measured,
                "guessing": point.guessing,
            }
            for test in self.hold_outs
            for point in test.accuracies
        ]
