"""Everything that is fitted to the curves of a ladder, and in words what could not be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.noise import NoiseSchedule
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.backtests import Backtest, fit_laws
from sizer.scaling.bootstrap import bootstrap
from sizer.scaling.choices import IntervalMethod
from sizer.scaling.collapse import GROUPS, Collapse, fit_collapse
from sizer.scaling.crossings import Cut, LevelCrossing, Width, cut_curves
from sizer.scaling.curves import NoiseCurve, at_shared_steps, grouped, sizes_of
from sizer.scaling.evidence import MINIMUM_SIZES
from sizer.scaling.laws import all_laws, law_names
from sizer.scaling.surface import KNOTS, MINIMUM_STEPS, LawFit
from sizer.scaling.width import WidthLaw, fit_width_law

Answers = Sequence[NDArray[np.bool_]]  # whether right, a model: (steps, images)
RISING = 0.1  # accuracy gained along the steps, when they must be a signal and not a noise

NO_CROSSING = "no curve crosses a level inside the measured noise: no widths; measure more steps"
NO_WIDTH_LAW = "fewer than three sizes cross a pair of levels: no width law"
NOT_CLEAN = (
    "some models were not measured without noise: their accuracy at the first step measured "
    "stands for the clean one in the levels; measure step 0 too, or take --order-parameter raw"
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What curves show: see the fields of the same names of a calibration.

    fits: of all laws that can be fitted, the best predictor of left-out sizes first.
    """

    crossings: tuple[LevelCrossing, ...] = ()
    widths: tuple[Width, ...] = ()
    width_law: WidthLaw | None = None
    collapse: Collapse | None = None
    fits: tuple[LawFit, ...] = ()
    backtests: tuple[Backtest, ...] = ()
    warnings: tuple[str, ...] = ()


def analyse(
    curves: Sequence[NoiseCurve],
    *,
    cut: Cut,
    schedule: NoiseSchedule | None = None,
    interval: IntervalMethod = "sandwich",
    right: Answers | None = None,
    progress: ReportProgress = no_progress,
) -> Analysis:
    """Levels, widths, collapse and laws of the curves, in order of size.

    What the curves are too few for is None or empty, with a warning. Widths take every step,
    comparisons between models those that all models share. right: by curve, whether its model was
    right at each of its steps on each image (steps, images); a bootstrap then weighs images too.

    Raises MeasurementError where every model only guesses, or accuracy rises with the step.
    """
    _require_noise(curves)
    crossings, widths = cut_curves(curves, cut, schedule, progress("cutting the curves"))
    width_law = fit_width_law(widths, cut.control, cut.order_parameter)
    shared = at_shared_steps(curves)
    compared = grouped(shared)
    collapse: Collapse | None = None
    fits: tuple[LawFit, ...] = ()
    backtests: tuple[Backtest, ...] = ()
    if not left_out(len(sizes_of(curves)), len(_steps_of(curves))):
        collapse = fit_collapse(compared, progress("collapsing the curves"))
        name = None if schedule is None else schedule.name
        fits, backtests = fit_laws(compared, progress("fitting the laws"), name)
    if interval == "bootstrap":
        answers = None if right is None or compared != shared else answers_at(right, curves, shared)
        fits = tuple(bootstrap(fit, compared, answers) if fit.trusted else fit for fit in fits)
    warnings = (
        *_warnings_of_curves(curves, cut, crossings, width_law),
        *_warnings_of_laws(shared, compared, fits),
    )
    return Analysis(crossings, widths, width_law, collapse, fits, backtests, warnings)


def foreseen(sizes: Sequence[int], steps: int) -> list[str]:
    """What will be left out of a measurement of models of these sizes at so many steps, in words.

    Empty where nothing will.
    """
    models, most = len(sizes), max(len(law.names(KNOTS)) for law in all_laws())
    beyond = _beyond(models, steps)
    if left_out(len(set(sizes)), steps) or not beyond:
        return left_out(len(set(sizes)), steps)
    more_steps = next(more for more in range(steps, steps + most) if not _beyond(models, more))
    more_models = next(more for more in range(models, models + most) if not _beyond(more, steps))
    return [
        f"{models} models at {steps} steps are {models * steps} measurements, too few for"
        f" {'any law' if len(beyond) == len(all_laws()) else f'the law {beyond[0]}'}: measure"
        f" {more_steps} steps or more, or {more_models} models"
    ]


def _beyond(models: int, steps: int) -> list[str]:
    """The laws that have more parameters than so many models at so many steps have measurements."""
    knots = min(KNOTS, steps)
    return sorted(law.name for law in all_laws() if len(law.names(knots)) > models * steps)


def left_out(sizes: int, steps: int) -> list[str]:
    """What so few different sizes or noise steps are too few for, in words."""
    what = ["width law", "collapse", "scaling law"]
    warnings = []
    if sizes < MINIMUM_SIZES:
        warnings.append(_too_few(sizes, "size", MINIMUM_SIZES, what))
    if steps < MINIMUM_STEPS:
        what = ["widths", *what] if steps == 1 else what[1:]
        warnings.append(_too_few(steps, "noise step", MINIMUM_STEPS, what))
    return warnings


def _laws_left_out(names: Iterable[str]) -> list[str]:
    listed = ", ".join(sorted(names))
    return [f"more parameters than measurements, and so left out: {listed}"] if listed else []


def _too_few(count: int, of: str, least: int, what: Sequence[str]) -> str:
    many = f"one {of}" if count == 1 else f"{count} different {of}s"
    return f"{many}: no {', no '.join(what)}; that takes {least} or more"


def _require_noise(curves: Sequence[NoiseCurve]) -> None:
    if all(curve.guesses for curve in curves):  # what crosses levels there is luck
        raise MeasurementError(
            "every model only guesses, even at the first step: train them longer, or say what "
            "pixels they expect with --input-range, --mean and --std"
        )
    if np.mean([curve.accuracy[-1] - curve.accuracy[0] for curve in curves]) > RISING:
        raise MeasurementError("accuracy rises with the step: give a noise and not a signal")


def answers_at(
    right: Answers, curves: Sequence[NoiseCurve], some: Sequence[NoiseCurve]
) -> list[NDArray[np.bool_]]:
    """The answers of curves at those of their steps that `some`, the same models, have."""
    return [
        answers[np.isin(curve.steps, part.steps)]
        for answers, curve, part in zip(right, curves, some, strict=True)
    ]


def _steps_of(curves: Sequence[NoiseCurve]) -> set[float]:
    return set.union(*(set(curve.steps) for curve in curves))


def _warnings_of_curves(
    curves: Sequence[NoiseCurve],
    cut: Cut,
    crossings: Sequence[LevelCrossing],
    width_law: WidthLaw | None,
) -> list[str]:
    warnings = left_out(len(sizes_of(curves)), len(_steps_of(curves)))
    if all(crossing.censored for crossing in crossings):
        warnings.append(NO_CROSSING)
    elif width_law is None and not warnings:
        warnings.append(NO_WIDTH_LAW)
    if cut.order_parameter == "normalised" and any(curve.steps[0] > 0 for curve in curves):
        warnings.append(NOT_CLEAN)
    return warnings


def _warnings_of_laws(
    shared: Sequence[NoiseCurve], compared: Sequence[NoiseCurve], fits: Sequence[LawFit]
) -> list[str]:
    """What was left out of the comparison of sizes, or taken together for it."""
    warnings = _laws_left_out(set(law_names()) - {fit.law for fit in fits}) if fits else []
    most, groups = (max(len(curve.steps) for curve in some) for some in (shared, compared))
    if groups < most:
        warnings.append(f"laws and collapse take {most:,} steps in {groups} groups of neighbours")
    sizes = len(sizes_of(shared))
    if sizes > GROUPS:
        warnings.append(f"the collapse takes {sizes:,} sizes in {GROUPS} groups of neighbours")
    return warnings
