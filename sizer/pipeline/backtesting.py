"""`backtest`: a calibration without its largest sizes, against them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sizer import files
from sizer.advise import look_back
from sizer.calibration import Calibration
from sizer.errors import MeasurementError, UsageError
from sizer.results import HoldOut, LadderBacktest, LawScore
from sizer.scaling.curves import NoiseCurve, at_shared_steps

if TYPE_CHECKING:
    from sizer.progress import ReportProgress


def backtest(calibration: str, hold_out: int | None, progress: "ReportProgress") -> LadderBacktest:
    """Leave out the `hold_out` largest sizes, refit, and predict them; None: 1, 2 and 3 in turn.

    Raises MeasurementError where the ladder has too few sizes, UsageError where too few are left.
    """
    found = files.read_calibration(files.find_calibration(calibration))
    curves = at_shared_steps(found.curves)
    counts = _hold_outs(len({curve.model.parameters for curve in curves}), hold_out)
    report = progress("leaving out the largest sizes")
    done: list[HoldOut] = []
    for count in counts:
        report(len(done), len(counts))
        done.append(_without(found, curves, count))
    report(len(counts), len(counts))
    return LadderBacktest(calibration, found.chance, found.schedule, tuple(done))


def _hold_outs(sizes: int, wanted: int | None) -> tuple[int, ...]:
    from sizer.scaling.backtests import HOLD_OUTS, LEAST_LEFT

    most = sizes - LEAST_LEFT
    if most < 1:
        raise MeasurementError(
            f"{sizes} different sizes; a back-test needs {LEAST_LEFT + 1} or more: add models"
        )
    if wanted is None:
        return tuple(count for count in HOLD_OUTS if count <= most)
    if wanted > most:
        raise UsageError(
            f"--hold-out {wanted} leaves {max(0, sizes - wanted)} of {sizes} sizes, and a fit "
            f"that is back-tested needs {LEAST_LEFT}: hold out at most {most}"
        )
    return (wanted,)


def _without(calibration: Calibration, curves: Sequence[NoiseCurve], count: int) -> HoldOut:
    """The calibration of all but the `count` largest sizes, as if they had never been trained."""
    from sizer import fit

    left = sorted({curve.model.parameters for curve in curves})[:-count]
    known = [curve for curve in curves if curve.model.parameters in left]
    held = [curve for curve in curves if curve.model.parameters not in left]
    surfaces, backtests = fit.fit_surfaces(known, calibration.image_share)
    refitted = replace(
        calibration,
        models=tuple(curve.model for curve in known),
        fit=surfaces[0],
        rivals=surfaces[1:],
        backtests=backtests,
        scan=(),
    )
    laws = [LawScore(one.weight, one.trusted, fit.against(one, held)) for one in surfaces]
    return look_back(refitted, curves, laws)
