"""One ladder to be compared: its curves against one unit of noise, and what they show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.calibration import Calibration, load
from sizer.errors import MeasurementError
from sizer.noise import NoiseSchedule, schedule_named
from sizer.scaling.curves import NoiseCurve, curves_of
from sizer.scaling.evidence import MINIMUM_SIZES, clustered_covariance
from sizer.table import read_table
from sizer.universality.equality import Figure
from sizer.universality.shape import Fall, fall_of

Floats = NDArray[np.float64]
GREY_LEVELS = "sigma, grey levels of 0..255"
OTHER_UNIT = "a unit of noise that the table does not name"
REMEDY = "measure more noises, to where half of the accuracy is lost, and three sizes or more"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Curves of one family of models. noise: of the steps of each, in `unit` (steps,)."""

    name: str
    unit: str
    curves: tuple[NoiseCurve, ...]
    noise: tuple[Floats, ...]


# By name: what is compared, as a function of a fall, and whether as a power of the size. The
# others are means over the models. Each with a difference that does not matter.
Quantity = tuple[Callable[[Fall], float | None], bool, float]
QUANTITIES: dict[str, Quantity] = {
    "half_noise_exponent": (lambda fall: fall.half_noise, True, 0.1),
    "width_exponent": (lambda fall: fall.width, True, 0.1),
    "clean_exponent": (lambda fall: fall.clean, True, 0.1),
    "steepness_exponent": (lambda fall: fall.steepness, True, 0.1),
    "log_steepness": (lambda fall: float(np.log(fall.steepness)), False, 0.1),
    "skew": (lambda fall: fall.skew, False, 0.1),
}


def ladder_of(source: Calibration | str | Path) -> Ladder:
    """A calibration, its file or name, or a CSV table of `sizer fit`.

    Raises the errors of `load`, and MeasurementError for a table that cannot be read.
    """
    if isinstance(source, str | Path) and Path(source).suffix == ".csv":
        table = read_table(Path(source))
        curves = curves_of(table.models, table.cells, table.chance or 0.0)
        return _ladder(Path(source).stem, curves, table.schedule)
    calibration = load(source)
    schedule = schedule_named(calibration.schedule) if calibration.schedule else None
    return _ladder(_name(source, calibration), calibration.measured_curves, schedule)


def _ladder(name: str, curves: Sequence[NoiseCurve], schedule: NoiseSchedule | None) -> Ladder:
    unit = OTHER_UNIT if schedule is None else GREY_LEVELS
    noise = tuple(_noise(curve, schedule) for curve in curves)
    return Ladder(name, unit, tuple(curves), noise)


def _noise(curve: NoiseCurve, schedule: NoiseSchedule | None) -> Floats:
    """Of its steps, in grey levels where they are of a schedule (steps,)."""
    steps = np.array(curve.steps, dtype=np.float64)
    return steps if schedule is None else np.array([schedule.sigma(step) for step in steps])


def _name(source: Calibration | str | Path, calibration: Calibration) -> str:
    """Of the file, or of the data that were measured."""
    if isinstance(source, str | Path):
        return Path(source).stem
    return calibration.dataset.spec if calibration.dataset else calibration.models[0].name


@dataclass(frozen=True, slots=True)
class LadderFalls:
    """What a ladder shows. falls: of its models, in order of size. left_out: names of those that
    have no shape. figures: by the name of a quantity, None where fewer than three sizes have it.
    """

    name: str
    falls: tuple[Fall, ...]
    left_out: tuple[str, ...]
    figures: dict[str, Figure | None]


def falls_of(ladder: Ladder) -> LadderFalls:
    """Raises MeasurementError for a ladder that is too short for a shape."""
    falls, left_out = [], []
    for curve, noise in zip(ladder.curves, ladder.noise, strict=True):
        fall = fall_of(curve, noise)
        if fall is None:
            left_out.append(curve.model.name)
        else:
            falls.append(fall)
    if len({fall.parameters for fall in falls}) < MINIMUM_SIZES:
        raise MeasurementError(f"{ladder.name}: too short for a shape: {REMEDY}")
    figures = {name: _figure(falls, quantity) for name, quantity in QUANTITIES.items()}
    return LadderFalls(ladder.name, tuple(falls), tuple(left_out), figures)


def _figure(falls: Sequence[Fall], quantity: Quantity) -> Figure | None:
    """The exponent of a quantity in the size, or its mean; its error is by trained model."""
    of, power, _ = quantity
    known = [(fall.parameters, value) for fall in falls if (value := of(fall)) is not None]
    if len({size for size, _ in known}) < MINIMUM_SIZES:
        return None
    sizes, values = np.array(known, dtype=np.float64).T
    size, constant = np.log(sizes), np.ones_like(sizes)
    design = np.column_stack([size - size.mean(), constant]) if power else constant[:, None]
    wanted = np.log(values) if power else values
    solution = np.linalg.lstsq(design, wanted, rcond=None)[0]
    residuals, models = design @ solution - wanted, np.arange(len(known))
    covariance = clustered_covariance(design, residuals, models)
    return Figure(
        value=float(solution[0]),
        error=float(np.sqrt(covariance[0, 0])),
        degrees_of_freedom=len(known) - design.shape[1],
    )
