"""Everything that is fitted to the curves of a ladder, and in words what could not be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.noise import NoiseSchedule
from sizer.scaling.backtests import Backtest, fit_laws
from sizer.scaling.bootstrap import bootstrap
from sizer.scaling.choices import IntervalMethod
from sizer.scaling.collapse import Collapse, fit_collapse
from sizer.scaling.crossings import Cut, LevelCrossing, Width, cut_curves
from sizer.scaling.curves import NoiseCurve, at_shared_steps
from sizer.scaling.surface import LawFit
from sizer.scaling.width import WidthLaw, fit_width_law

Answers = Sequence[NDArray[np.bool_]]  # whether right, a model: (steps, images)
RISING = 0.1  # accuracy gained along the steps, when they must be a signal and not a noise

NO_CROSSING = "no curve crosses a level inside the measured noise: measure more noise steps"
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

    crossings: tuple[LevelCrossing, ...]
    widths: tuple[Width, ...]
    width_law: WidthLaw | None
    collapse: Collapse | None
    fits: tuple[LawFit, ...]
    backtests: tuple[Backtest, ...]
    warnings: tuple[str, ...]


def analyse(
    curves: Sequence[NoiseCurve],
    *,
    cut: Cut,
    schedule: NoiseSchedule | None = None,
    interval: IntervalMethod = "sandwich",
    right: Answers | None = None,
) -> Analysis:
    """Levels, widths, collapse and laws of the curves, in order of size.

    What the curves are too few for is None or empty, with a warning. Widths take every step,
    comparisons between models those that all models share. right: by curve, whether its model was
    right at each of its steps on each image (steps, images); a bootstrap then weighs images too.

    Raises MeasurementError where every model only guesses, or accuracy rises with the step.
    """
    _require_noise(curves)
    crossings, widths = cut_curves(curves, cut, schedule)
    width_law = fit_width_law(widths, cut.control, cut.order_parameter)
    shared = at_shared_steps(curves)
    warnings = _curve_warnings(curves, cut, crossings, width_law)
    collapse: Collapse | None = None
    try:
        collapse = fit_collapse(shared)
    except MeasurementError as error:
        warnings.append(f"no collapse: {error}")
    fits: tuple[LawFit, ...] = ()
    backtests: tuple[Backtest, ...] = ()
    try:
        fits, backtests = fit_laws(shared)
    except MeasurementError as error:
        warnings.append(f"no law: {error}")
    if interval == "bootstrap":
        answers = None if right is None else answers_at(right, curves, shared)
        fits = tuple(bootstrap(fit, shared, answers) if fit.trusted else fit for fit in fits)
    return Analysis(crossings, widths, width_law, collapse, fits, backtests, tuple(warnings))


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


def _curve_warnings(
    curves: Sequence[NoiseCurve],
    cut: Cut,
    crossings: Sequence[LevelCrossing],
    width_law: WidthLaw | None,
) -> list[str]:
    warnings = []
    if all(crossing.censored for crossing in crossings):
        warnings.append(NO_CROSSING)
    if width_law is None:
        warnings.append(NO_WIDTH_LAW)
    if cut.order_parameter == "normalised" and any(curve.steps[0] > 0 for curve in curves):
        warnings.append(NOT_CLEAN)
    return warnings
