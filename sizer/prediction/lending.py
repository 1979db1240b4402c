"""A calibration that borrows of others, wherever it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from sizer.calibration import Calibration, load
from sizer.errors import MeasurementError
from sizer.universality.ladder import falls_of, ladder_of


@dataclass(frozen=True, slots=True)
class Lender:
    """A calibration that is borrowed of, and its name."""

    name: str
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class BorrowingCalibration(Calibration):
    """A calibration whose every answer rests on others too."""

    lenders: tuple[Lender, ...] = ()


@dataclass(frozen=True, slots=True)
class Borrowed:
    """How much of an answer rests on a ladder: its weight, which with all others, and with that of
    the own measurements alone, is one.
    """

    calibration: str
    weight: float


def borrowing(
    calibration: Calibration, borrow: str | Path | Sequence[str | Path | Calibration]
) -> Calibration:
    """The calibration, with others to borrow of; as it is where none are given.

    Raises MeasurementError for one whose noise has another unit, that is too short to show a shape,
    or that holds the same models.
    """
    given = (borrow,) if isinstance(borrow, str | Path) else tuple(borrow)
    if not given:
        return calibration
    lenders = tuple(_lender(calibration, source) for source in given)
    own = {each.name: getattr(calibration, each.name) for each in fields(Calibration)}
    return BorrowingCalibration(**own, lenders=lenders)


def _lender(calibration: Calibration, source: str | Path | Calibration) -> Lender:
    lender = load(source)
    ladder = ladder_of(source)
    if lender.schedule != calibration.schedule:
        raise MeasurementError(
            f"{ladder.name}: its noise has another unit than the calibration that is asked; "
            "borrow of one that was measured on the same schedule"
        )
    falls_of(ladder)  # raises where it is too short for a shape
    models = {model.sha256 or model.name for model in calibration.models}
    if models & {model.sha256 or model.name for model in lender.models}:
        raise MeasurementError(
            f"{ladder.name}: holds models of the calibration that is asked, and would count them "
            "twice; borrow of another one, or of none"
        )
    return Lender(ladder.name, lender)
