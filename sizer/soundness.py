"""Whether a calibration's file, which anybody may have edited, holds together."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sizer.datasets.records import is_shape
from sizer.errors import CalibrationError, SizerError
from sizer.inference.records import MOST_MODELS
from sizer.scaling.curves import MOST_CELLS
from sizer.scaling.surface import LawFit

if TYPE_CHECKING:
    from sizer.calibration import Calibration

MEASURE_AGAIN = "make the file again with `sizer calibrate`"
FIT_AGAIN = "make the file again with `sizer fit`"
LARGEST = 1e15  # of a count: beyond it, counting is no longer exact
LARGEST_FIGURE = 1e30  # of any other number: beyond it, products of a few overflow
LONGEST_NAME = 1000  # characters
LEAST_POINTS = 3  # of a borrowed shape
MOST_NOISE = 1e4  # grey levels
MOST_CLEAN = 2.0  # of a fitted accuracy without noise


def require_sound(calibration: "Calibration") -> None:
    """Raise CalibrationError, with the remedy, for anything that `sizer` would not have written."""
    import msgspec

    _require_few(calibration)
    _require_figures(msgspec.to_builtins(calibration))
    _require_models(calibration)
    _require_counts(calibration)
    _require_noise(calibration)
    _require_levels(calibration)
    _require_shape(calibration)
    for fit in calibration.laws:
        _require_law(fit, calibration.chance)
    data = calibration.dataset
    _require(data is None or data.makes_sense, "holds a data set that is none")
    if calibration.ladder is not None and (fault := calibration.ladder.fault()):
        raise CalibrationError(f"{fault}; {MEASURE_AGAIN}")


def _require(holds: bool, what: str, remedy: str = MEASURE_AGAIN) -> None:
    if not holds:
        raise CalibrationError(f"{what}; {remedy}")


def _require_few(calibration: "Calibration") -> None:
    models, cells = len(calibration.models), len(calibration.cells)
    _require(models <= MOST_MODELS, f"holds {models:,} models, {MOST_MODELS:,} at most")
    _require(cells <= MOST_CELLS, f"holds {cells:,} measurements, {MOST_CELLS:,} at most")


def _require_figures(tree: Any) -> None:
    """Every number is finite and no interval is upside down."""
    for record in _records(tree):
        for value in record:
            if isinstance(value, int | float) and not abs(value) <= LARGEST_FIGURE:
                raise CalibrationError(f"holds the number {value:.3g}; {MEASURE_AGAIN}")
        if isinstance(record, _Fields):
            low, high = record.fields.get("low"), record.fields.get("high")
            ordered = low is None or high is None or low <= high
            _require(ordered, f"an interval from {low} to {high}", FIT_AGAIN)


class _Fields:
    """The values of a record, and their names."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fields.values())


def _records(tree: Any) -> Iterator[Any]:
    """Every record and every list inside, without recursion: files may be nested as they like."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner = _Fields(node) if isinstance(node, dict) else node
        yield inner
        waiting += [value for value in inner if isinstance(value, dict | list | tuple)]


def _require_models(calibration: "Calibration") -> None:
    for model in calibration.models:
        name = model.name[:50]
        _require(0 < len(model.name) <= LONGEST_NAME, f"the model name {name!r}")
        counts = {"parameters": model.parameters, "multiply-accumulates": model.macs}
        for kind, count in counts.items():
            sound = count is None or 1 <= count <= LARGEST
            _require(sound, f"{name}: {kind} must lie in 1..{LARGEST:g}")
        shape = model.input_shape
        _require(shape is None or is_shape(shape), f"{name}: the input shape {shape}")
        seconds = model.training_seconds
        _require(seconds is None or seconds > 0, f"{name}: trained in {seconds} s")


def _require_counts(calibration: "Calibration") -> None:
    """The cells are those of the models, once each, and none has more right than tried."""
    names = [model.name for model in calibration.models]
    measured = {(cell.model, cell.step) for cell in calibration.cells}
    same = names and set(names) == {name for name, _ in measured} and len(set(names)) == len(names)
    _require(bool(same), "its models are not those of its measurements")
    _require(len(measured) == len(calibration.cells), "a model is measured twice at a step")
    for cell in calibration.cells:
        scores = (cell.macro_f1, cell.macro_precision, cell.macro_recall)
        sound = (
            0 <= cell.correct <= cell.trials <= LARGEST
            and cell.trials > 0
            and cell.step >= 0
            and all(score is None or 0 <= score <= 1 for score in scores)
        )
        where = f"{cell.model[:50]} at step {cell.step:g}"
        _require(sound, f"{where}: {cell.correct} of {cell.trials} correct is no measurement")
    _require(0 <= calibration.chance < 1, f"chance is {calibration.chance:g}")
    _require(0 <= calibration.image_share <= 1, f"image_share is {calibration.image_share:g}")


def _require_noise(calibration: "Calibration") -> None:
    """The steps are some of the schedule's, where there is one."""
    from sizer.noise import schedule_named

    if calibration.schedule is None:
        return
    try:
        schedule = schedule_named(calibration.schedule)
        for step in {cell.step for cell in calibration.cells}:
            schedule.coefficients(step)
    except SizerError as error:
        raise CalibrationError(f"{error}; {MEASURE_AGAIN}") from None


def _require_levels(calibration: "Calibration") -> None:
    names = {model.name for model in calibration.models}
    for crossing in calibration.crossings:
        sound = crossing.model in names and 0 <= crossing.level <= 1
        _require(sound, f"a crossing of {crossing.model[:50]} at {crossing.level:g}", FIT_AGAIN)
    for width in calibration.widths:
        low, high = width.levels
        sound = width.model in names and width.parameters >= 1 and 0 <= low < high <= 1
        value = width.width.value
        sound = sound and (value is None or value >= 0)
        _require(sound, f"a width of {width.model[:50]} that is none", FIT_AGAIN)
    for test in calibration.backtests:
        sound = test.hold_out >= 1 and test.models >= 1 and test.ratio > 0
        _require(sound and test.accuracy_rms >= 0, "a back-test that is none", FIT_AGAIN)
    for pair in calibration.width_law.pairs if calibration.width_law else ():
        _require(pair.prefactor > 0, "a width law that is none", FIT_AGAIN)


def _require_shape(calibration: "Calibration") -> None:
    """A shape that was borrowed falls from one, and is that of some of the models, once each."""
    shape = calibration.shape
    if shape is None:
        return
    curve, names = shape.curve, [each.model for each in shape.scales]
    rising = all(low < high for low, high in pairwise(curve.ratio))
    falling = all(high >= low for high, low in pairwise(curve.share))
    sound = (
        calibration.schedule is not None
        and len(curve.ratio) == len(curve.share) >= LEAST_POINTS
        and rising
        and falling
        and curve.ratio[0] == 0
        and curve.share[0] == 1
        and curve.share[-1] >= 0
        and 0 < curve.half_noise <= MOST_NOISE
        and 0 <= curve.spread <= 1
    )
    _require(sound, "a borrowed shape that is none")
    known = len(set(names)) == len(names) and set(names) <= {m.name for m in calibration.models}
    within = all(
        abs(each.clean) <= MOST_CLEAN
        and abs(each.log_half_noise) <= math.log(MOST_NOISE)
        and each.covariance[0] >= 0
        and each.covariance[2] >= 0
        for each in shape.scales
    )
    _require(bool(names) and known and within, "scales of a borrowed shape that are none")


def _require_law(fit: LawFit, chance: float) -> None:
    """It is one of ours, its values and their covariance fit it, and its ranges are in order."""
    from sizer.noise.schedule import SCHEDULES
    from sizer.scaling.laws import law_named, law_names

    _require(fit.schedule in {None, *SCHEDULES}, "a law of an unknown schedule", FIT_AGAIN)
    known = ", ".join(law_names())
    _require(fit.law in law_names(), f"the law {fit.law[:50]!r} is not one of {known}", FIT_AGAIN)
    law, count = law_named(fit.law), len(fit.values)
    square = len(fit.covariance) == count and all(len(row) == count for row in fit.covariance)
    rising = len(fit.knots) > 1 and all(low < high for low, high in pairwise(fit.knots))
    whole = square and rising and fit.names == law.names(len(fit.knots))
    _require(whole, f"the {fit.law} law does not hold together", FIT_AGAIN)
    within = all(
        low <= value <= high
        for value, (low, high) in zip(fit.values, law.limits(fit.names).tolist(), strict=True)
    )
    ordered = 1 <= fit.size_range[0] <= fit.size_range[1] <= LARGEST and (
        0 <= fit.step_range[0] <= fit.step_range[1]
    )
    sound = (
        all(fit.covariance[i][i] >= 0 for i in range(count))
        and fit.degrees_of_freedom >= 0
        and 1 <= fit.reference_size <= LARGEST
        and math.isclose(fit.chance, chance)
        and (fit.overdispersion is None or fit.overdispersion >= 0)
        and fit.residual_rms >= 0
        and len(fit.intervals) in (0, count)
    )
    _require(within and ordered and sound, f"the {fit.law} law is out of its range", FIT_AGAIN)
