"""From a requirement to the smallest size, or to what is known of it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from sizer.calibration import Calibration
from sizer.estimate import CONFIDENCE, rounded
from sizer.inference.records import Precision
from sizer.noise.units import in_words
from sizer.prediction.accuracy import (
    AccuracyRange,
    Prediction,
    borrowed,
    failures_said,
    mean_accuracy,
    predicted,
)
from sizer.prediction.forecast import Forecast
from sizer.prediction.hindcast import Hindcast, hindcast
from sizer.prediction.lending import Borrowed
from sizer.prediction.narrowing import settling_size
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import (
    Requirement,
    askable_steps,
    check_requirement,
    ladder_of,
    refusal,
)
from sizer.prediction.sizes import (
    SEARCH,
    MeasuredSize,
    SizeEstimate,
    lower_bound,
    measured_size,
    sizes_reaching,
)
from sizer.provenance import Provenance
from sizer.result import Tabular

if TYPE_CHECKING:
    from sizer.devices.records import DeviceVerdict
    from sizer.networks.architecture import Architecture
    from sizer.noise.camera import CameraNoise

Verdict = Literal["recommended", "bounded", "unreachable", "untrusted"]
NAMED_RATIO = 10.0  # of the best estimate over the largest trained size, beyond which none is named
SHOWN = (1.0, 2.0, 4.0)  # times the largest trained size, whose accuracy is told with a bound
STEPS = 24  # of the grid on which the largest noise is sought


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard deviations of the accuracy at the best size: of the mean over trainings, and between
    trainings (`between_seed_sd`).
    """

    mean_sd: float
    between_seed_sd: float


@dataclass(frozen=True, slots=True)
class Advice(Tabular):
    """The answer, in the shape of the JSON object that `recommend` prints.

    parameters: None where nothing is known; of a bounded answer, low is the bound, 95 % sure.
    measured: the smallest trained size that already meets the requirement. ceiling: accuracy at
    this step of the largest size that is looked at. extrapolation_ratio: of the recommended size
    over the largest trained. predictions: where no size is as sure as was asked, the accuracy at
    the largest trained size and beyond it; settle: the training that would settle it. largest_step:
    of an unreachable one, the largest noise at which some size reaches the target. backtest: the
    largest sizes
    predicted from the others at this noise. precision: at which the accuracies were measured.
    camera: the pictures whose median step is the requirement's, where the noise came from
    pictures. train_command: trains the architecture with the recipe of the ladder. schedule: of the
    noise, by its name, None where its unit is another. borrowed: the ladders that it rests on
    beside the own one, and how much.
    """

    verdict: Verdict
    reason: str
    requirement: Requirement
    parameters: SizeEstimate | None = None
    measured: MeasuredSize | None = None
    ceiling: AccuracyRange | None = None
    extrapolation_ratio: float | None = None
    predictions: tuple[Prediction, ...] = ()
    settle: int | None = None
    backtest: Hindcast | None = None
    errors: Uncertainty | None = None
    largest_step: float | None = None
    architecture: "Architecture | None" = None
    precision: Precision | None = None
    camera: "CameraNoise | None" = None
    devices: "tuple[DeviceVerdict, ...]" = ()
    train_command: str | None = None
    schedule: str | None = None
    borrowed: tuple[Borrowed, ...] = ()
    provenance: Provenance | None = None
    warnings: tuple[str, ...] = ()

    @property
    def recommended(self) -> int | None:
        """The size whose next training meets the requirement, parameters."""
        return None if self.parameters is None else self.parameters.recommended

    @property
    def built(self) -> int | None:
        """The size that is built for it: of the architecture, where the family has one."""
        return self.recommended if self.architecture is None else self.architecture.parameters

    def noise(self, step: float | None = None) -> str:
        """The noise that was asked about, or another, in words."""
        at = self.requirement.noise_step if step is None else step
        return in_words(at, self.schedule)

    def rows(self) -> list[dict[str, object]]:
        """One row a device: its verdict, those of each resource, and why."""
        return [
            {
                "device": device.name,
                "verdict": device.verdict,
                "ram": device.ram.verdict,
                "flash": device.flash.verdict,
                "latency": device.latency.verdict,
                "reason": device.reason,
            }
            for device in self.devices
        ]


def advise(calibration: Calibration, requirement: Requirement, force: bool = False) -> Advice:
    """The advice for one requirement; `force`: also where it lies too far beyond the ladder.

    Raises UsageError for a target outside (chance, 1), or a confidence or step out of range.
    """
    check_requirement(requirement, calibration.chance)
    reason = refusal(calibration, requirement.noise_step)
    if reason is not None:
        return Advice(
            "untrusted",
            reason,
            requirement,
            schedule=calibration.schedule,
            warnings=calibration.warnings,
        )
    ladder = ladder_of(calibration)
    forecast = ladder.at(requirement.noise_step)
    verdict, sizes = answer(forecast, requirement, force)
    advice = Advice(
        verdict=verdict,
        reason="",
        requirement=requirement,
        parameters=sizes,
        measured=measured_size(
            ladder.spanning(requirement.noise_step),
            requirement.noise_step,
            requirement.target_accuracy,
            ladder.failed,
        ),
        extrapolation_ratio=_ratio(sizes, ladder),
        backtest=hindcast(ladder, requirement.noise_step),
        errors=_uncertainty(forecast, sizes),
        schedule=calibration.schedule,
        borrowed=borrowed(forecast),
    )
    advice = _completed(advice, calibration, ladder)
    return replace(advice, reason=_reason(advice), warnings=_warnings(advice, calibration, ladder))


def answer(
    forecast: Forecast, requirement: Requirement, force: bool = False
) -> tuple[Verdict, SizeEstimate | None]:
    """The sizes that meet a requirement at its noise, and the verdict on them.

    A size is named by its best estimate: naming where the recommended one comes out small would
    select optimistic answers.
    """
    target, largest = requirement.target_accuracy, forecast.size_range[1]
    sizes = sizes_reaching(forecast, target, requirement.confidence)
    near = sizes.best is not None and (sizes.best <= NAMED_RATIO * largest or force)
    shown = len(forecast.seen.distinct_sizes) > 1  # one size alone shows nothing of others
    if near and (shown or sizes.as_sure_as(requirement.confidence)):
        return "recommended", sizes
    bound = lower_bound(forecast, target)
    if bound is None:
        return "unreachable", None
    return "bounded", replace(sizes, low=bound, recommended=None, confidence=None)


def _completed(advice: Advice, calibration: Calibration, ladder: Predictor) -> Advice:
    """What only an answer says that is not as sure as was asked."""
    wanted, known = advice.requirement, advice.parameters
    if advice.verdict == "recommended" and known and known.as_sure_as(wanted.confidence):
        return advice
    forecast, top = ladder.at(wanted.noise_step), SEARCH * ladder.sizes[-1]
    advice = replace(advice, ceiling=mean_accuracy(forecast, top, wanted.confidence))
    if advice.verdict in {"recommended", "bounded"}:
        sizes = [round(times * ladder.sizes[-1]) for times in SHOWN]
        at = [predicted(ladder, n, wanted.noise_step, wanted.confidence) for n in sizes]
        return replace(advice, predictions=tuple(at), settle=settling_size(ladder, wanted))
    if advice.verdict == "unreachable":
        return replace(advice, largest_step=_largest_step(calibration, ladder, wanted))
    return advice


def _ratio(sizes: SizeEstimate | None, ladder: Predictor) -> float | None:
    if sizes is None or sizes.recommended is None:
        return None
    return sizes.recommended / ladder.sizes[-1]


def _uncertainty(forecast: Forecast, sizes: SizeEstimate | None) -> Uncertainty | None:
    if sizes is None or not sizes.best:
        return None
    seen = forecast.at(np.array([sizes.best]))
    return Uncertainty(
        float(seen.standard_deviation()[0]), forecast.between_seed_sd(float(seen.expected()[0]))
    )


def _largest_step(
    calibration: Calibration, ladder: Predictor, requirement: Requirement
) -> float | None:
    """The largest noise, on a grid, at which some size is expected to reach the target."""
    first, last = askable_steps(calibration)
    for step in np.linspace(last, first, STEPS).tolist():
        if not ladder.spanning(step):
            continue
        best = sizes_reaching(ladder.at(step), requirement.target_accuracy, CONFIDENCE).best
        if best is not None:
            return float(step)
    return None


def _reason(advice: Advice) -> str:
    wanted, sizes = advice.requirement, advice.parameters
    asked = f"{wanted.target_accuracy:g} at {advice.noise()}"
    if advice.verdict == "unreachable":
        top = advice.ceiling
        stated = "" if top is None else f"; the ceiling is {stated_accuracy(top)}"
        return (
            f"no size of this family, up to {SEARCH:,.0f} times the largest trained, reaches "
            f"{asked}{stated}"
        )
    if sizes is None:
        return f"nothing is known of {asked}"
    if advice.verdict == "recommended":
        sure = sizes.confidence or 0.0
        short = (
            ""
            if sizes.as_sure_as(wanted.confidence)
            else f": no size is {wanted.confidence:.0%} sure, for it is not known whether this "
            "family reaches it at all"
        )
        return (
            f"{sizes.recommended or 0:,} parameters: the next training of that size reaches "
            f"{asked} with {sure:.0%} confidence{short}"
        )
    best = "" if not sizes.best else f", best estimate {rounded(sizes.best)}"
    least = f"at least {rounded(sizes.low)} (95 %)" if sizes.low else "no lower bound"
    why = _why_bounded(sizes, wanted.confidence)
    return f"{asked} takes {least} parameters{best}: {why}"


def _why_bounded(sizes: SizeEstimate, confidence: float) -> str:
    if sizes.best is None:
        return "no size that is looked at is expected to reach it"
    if sizes.recommended is None and sizes.high is None:
        return f"no size can be named with {confidence:.0%} confidence"
    return f"beyond {NAMED_RATIO:.0f} times the largest trained size, a size would be a guess"


def stated_accuracy(accuracy: AccuracyRange) -> str:
    return f"{accuracy.best:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def _warnings(advice: Advice, calibration: Calibration, ladder: Predictor) -> tuple[str, ...]:
    sizes, ratio, test = advice.parameters, advice.extrapolation_ratio, advice.backtest
    warnings = [*calibration.warnings, *failures_said(ladder)]
    if sizes is not None and sizes.recommended == ladder.sizes[0]:
        warnings.append("the smallest measured size already reaches the target; smaller may do")
    if ratio is not None and ratio > 1 and (test is None or ratio > test.ratio):
        tested = "nothing was back-tested" if test is None else f"{test.ratio:.1f} times was tested"
        warnings.append(
            f"the answer lies {ratio:.1f} times beyond the largest trained size; {tested}"
        )
    if len(ladder.sizes) == len(ladder.curves):
        warnings.append(
            "no size was trained twice: how trainings scatter is taken from what ladders usually do"
        )
    return tuple(warnings)
