"""Every record that passes between stages. Frozen, plain, and without any I/O.

Conventions: accuracy is a fraction in [0, 1]; a noise step is a number of the noise schedule (or
any other noise unit, where measurements come from a table); `None` means unknown, never zero.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo, Precision
from sizer.networks.architecture import Architecture

if TYPE_CHECKING:
    from sizer.calibration import Calibration
    from sizer.devices.records import DeviceVerdict
    from sizer.noise.camera import CameraNoise
    from sizer.scaling.backtests import Backtest

Verdict = Literal["recommended", "unreachable", "untrusted"]
# Of transition widths, at which a measurement stops by itself: see Calibration.precision.
PRECISION = 0.125


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval; a bound that does not exist is None."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """Accuracies of a model and of its quantised file on the same clean test images."""

    name: str
    parameters: int
    original: float
    quantized: float
    images: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the user asks: this accuracy at this noise step, with this confidence."""

    noise_step: float
    target_accuracy: float
    confidence: float = 0.9


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Parameter counts: where the mean curve meets the target, its interval, and the size whose
    next training run meets it with the stated confidence. An infinite bound is None; 0 stands for
    anything below a tenth of the smallest measured size, where nothing is sought.
    """

    low: float | None
    best: float | None
    high: float | None
    recommended: int | None


@dataclass(frozen=True, slots=True)
class LawAnswer:
    """What one law answers alone, None where no size reaches the target, and its weight."""

    law: str
    weight: float
    best: float | None


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """Standard errors of the accuracy at the best size, by cause.

    Statistical: fit, of the fitted curve; images, common to all models through their test images.
    Systematic: misfit, of the laws from what was measured; laws, of the laws from each other.
    training: between trainings of one size, which only the next training's size has to bear.
    """

    fit: float
    images: float
    misfit: float
    laws: float
    training: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A training that could come next: one model of this size.

    cost: of its training, over that of the largest size measured. interval_factor: upper over
    lower end of the answer's interval, expected once it is trained and measured.
    """

    parameters: int
    cost: float
    interval_factor: float


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What to train next to know an answer better.

    interval_factor: upper over lower end of the answer's interval now, None where there is no
    answer to narrow. candidates: alone, what shrinks the interval most for its cost first. chosen:
    one after the other, within the budget, each with what is expected once it is added.
    """

    requirement: Requirement
    budget: float
    reason: str
    interval_factor: float | None
    candidates: tuple[Candidate, ...] = ()
    chosen: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class PredictedAccuracy:
    """A held-out model at one noise step, predicted from smaller ones, and measured.

    predicted: with the 90 % interval of what the next training of that size measures. guessing:
    whether less than a tenth of the model's clean accuracy above chance is left.
    """

    model: str
    parameters: int
    step: float
    predicted: Estimate
    measured: float
    guessing: bool


@dataclass(frozen=True, slots=True)
class PredictedSize:
    """The answer of the smaller models to an accuracy that the measured curves reach.

    target: accuracy; needed: parameters at which the measured curves reach it. held_out: the size
    left out that it belongs to: `needed` is that size, or lies between it and the one before.
    verdict, reason: of `recommend`. predicted: where the mean curve meets the
    target, with its 90 % interval as `recommend` states it, None without an answer; 0 and None as
    in `SizeEstimate`. training: likewise of a size whose training measures the target, which
    `needed` is, with that training's luck.
    """

    step: float
    target: float
    needed: int
    held_out: int
    verdict: Verdict
    reason: str
    predicted: Estimate | None
    training: Estimate


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

    refused: of those asked, without an answer; denied: said to be out of any size's reach, which
    counts as a factor of ten; open_ended: with an interval that has no upper end. factors: of the
    predicted size over the needed one or the reverse, whichever is above one; root mean square in
    the logarithm. held: share of the stated intervals that hold the needed size, a denial holding
    none; held_training: likewise of the intervals that leave room for the luck of the trainings
    which set the target.
    """

    asked: int
    refused: int
    denied: int
    open_ended: int
    factor_rms: float | None
    factor_median: float | None
    factor_worst: float | None
    held: float | None
    held_training: float | None


@dataclass(frozen=True, slots=True)
class BacktestScore:
    """How well a held-out size was predicted; parameters: None for all of a back-test together.

    ratio: over the largest fitted size. informative: the accuracy at the steps where the model
    does more than guess, None without any.
    """

    parameters: int | None
    ratio: float
    accuracy: AccuracyScore
    informative: AccuracyScore | None
    size: SizeScore


@dataclass(frozen=True, slots=True)
class LawScore:
    """A law refitted alone: its weight in the answer, whether it was trusted, and its errors."""

    weight: float
    trusted: bool
    backtest: "Backtest"


@dataclass(frozen=True, slots=True)
class HoldOut:
    """A calibration refitted without its largest sizes, against them.

    fitted, held: sizes, ascending. scores: one for each held-out size and, of several, one for all
    of them, last.
    """

    fitted: tuple[int, ...]
    held: tuple[int, ...]
    verdict: str
    laws: tuple[LawScore, ...]
    scores: tuple[BacktestScore, ...]
    accuracies: tuple[PredictedAccuracy, ...]
    sizes: tuple[PredictedSize, ...]


@dataclass(frozen=True, slots=True)
class LadderBacktest:
    """What `backtest` answers: each number of largest sizes left out, in turn."""

    calibration: str
    chance: float
    schedule: str | None
    hold_outs: tuple[HoldOut, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """From what an answer was made, and the lines that make it again.

    commands: in their order, as far as they are known. versions: of the programs. trained_on,
    measured_on: the data. models: the files that were measured, where they were files.
    """

    commands: tuple[str, ...]
    versions: tuple[str, ...]
    trained_on: DatasetInfo | None
    measured_on: DatasetInfo | None
    models: tuple[ModelInfo, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer, in the shape of the JSON object that `recommend` prints.

    precision: at which the accuracies were measured. camera: the pictures whose median step is the
    requirement's, where the noise came from pictures. train_command: trains the architecture with
    the recipe of the calibration's ladder. provenance: what the answer was made from.
    """

    verdict: Verdict
    reason: str
    requirement: Requirement
    parameters: SizeEstimate | None
    ceiling: Estimate | None
    extrapolation_ratio: float | None
    law: str
    backtest: "Backtest | None"
    laws: tuple[LawAnswer, ...] = ()
    errors: ErrorBudget | None = None
    largest_step: float | None = None
    architecture: Architecture | None = None
    precision: Precision | None = None
    camera: "CameraNoise | None" = None
    devices: "tuple[DeviceVerdict, ...]" = ()
    train_command: str | None = None
    provenance: Provenance | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapCell:
    """One requirement: its verdict, and the size to train for it where one is recommended."""

    verdict: Verdict
    recommended: int | None


@dataclass(frozen=True, slots=True)
class RequirementMap:
    """What each requirement takes: cells[i][j] is for targets[i] at steps[j], both ascending."""

    confidence: float
    steps: tuple[float, ...]
    targets: tuple[float, ...]
    cells: tuple[tuple[MapCell, ...], ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one size does at each noise step: the mean accuracy over trainings with its two-sided
    interval, and what the next training reaches, one-sided, all with one confidence.
    """

    parameters: int
    confidence: float
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    next_training: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. advice, outlook: None without a question or a size; requirements:
    None where the fit is not to be trusted.
    """

    name: str
    calibration: "Calibration"
    provenance: Provenance
    requirements: RequirementMap | None = None
    advice: Advice | None = None
    outlook: Outlook | None = None
