"""`compare`: whether ladders belong to one class."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sizer.calibration import Calibration
from sizer.errors import MeasurementError
from sizer.estimate import Estimate
from sizer.progress import ReportProgress, no_progress
from sizer.result import Tabular
from sizer.scaling.evidence import root_mean_square
from sizer.universality.equality import Equality, equality
from sizer.universality.ladder import (
    OTHER_UNIT,
    QUANTITIES,
    Ladder,
    LadderFalls,
    falls_of,
    ladder_of,
)
from sizer.universality.shape import Fall, fall_of

ClassVerdict = Literal["one class", "no one class", "cannot be told"]


@dataclass(frozen=True, slots=True)
class ComparedLadder:
    """One of the ladders.

    sizes: least and largest that are compared. figures: by the name of a quantity, with 90 %
    intervals. residual_rms: what its own shape misses, in accuracy; borrowed_rms: what the
    steepness of the others misses, the two scales of each model fitted; None beside no other.
    left_out: models without a shape.
    """

    name: str
    sizes: tuple[int, int]
    falls: tuple[Fall, ...]
    figures: dict[str, Estimate | None]
    residual_rms: float
    borrowed_rms: float | None
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Tabular):
    """Ladders side by side. equalities: a test of each quantity, by its name."""

    verdict: ClassVerdict
    reason: str
    unit: str
    ladders: tuple[ComparedLadder, ...]
    equalities: dict[str, Equality]
    warnings: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, object]]:
        """One row a model: the ladder it is of, and its fall."""
        return [
            {"ladder": ladder.name, **_without_curve(fall)}
            for ladder in self.ladders
            for fall in ladder.falls
        ]


def _without_curve(fall: Fall) -> dict[str, object]:
    fields = asdict(fall)
    del fields["scaled"]
    return fields


def compare(
    calibrations: Sequence[Calibration | str | Path], *, progress: ReportProgress = no_progress
) -> Comparison:
    """Whether ladders fall in one shape, with the same exponents.

    calibrations: two or more, each as `load` takes it, or a CSV table as `fit` takes it. Each
    model's curve is described by three figures: the accuracy without noise, the noise at which
    half of it above chance is lost, and the steepness k of exp(-ln 2 (noise / half)^k). Exponents
    are of the size; their errors are by trained model (CR3).

    Raises MeasurementError for fewer than two, for noises of different units, and for a ladder
    too short for a shape.
    """
    sources = [calibrations] if isinstance(calibrations, str | Path) else list(calibrations)
    ladders = [ladder_of(source) for source in sources]
    _require_comparable(ladders)
    told, falls = progress("comparing"), list[LadderFalls]()
    for number, ladder in enumerate(ladders):
        told(number, len(ladders))
        falls.append(falls_of(ladder))
    told(len(ladders), len(ladders))
    equalities = {name: _tested(falls, name) for name in QUANTITIES}
    verdict, reason = _judged(equalities)
    compared = tuple(_compared(i, ladders[i], falls) for i in range(len(ladders)))
    return Comparison(
        verdict=verdict,
        reason=f"{reason}; {_fits(compared)}",
        unit=ladders[0].unit,
        ladders=compared,
        equalities=equalities,
        warnings=_warnings(ladders, falls),
    )


def _require_comparable(ladders: Sequence[Ladder]) -> None:
    if len(ladders) < 2:
        raise MeasurementError("one ladder cannot be compared: give two calibrations or more")
    units = {ladder.unit: ladder.name for ladder in ladders}
    if len(units) > 1:
        raise MeasurementError(
            f"{units[OTHER_UNIT]}: its noise has another unit than that of the other ladders; "
            "where it is in grey levels of 0..255, call its column sigma"
        )
    names = [ladder.name for ladder in ladders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MeasurementError(f"{twice[0]}: is given twice; give each ladder once")


def _tested(falls: Sequence[LadderFalls], name: str) -> Equality:
    figures = [figure for ladder in falls if (figure := ladder.figures[name])]
    return equality(figures, QUANTITIES[name][2])


def _judged(equalities: dict[str, Equality]) -> tuple[ClassVerdict, str]:
    """One class: every quantity is the same."""
    differ, unknown = (
        [name for name, test in equalities.items() if test.verdict == verdict]
        for verdict in ("differ", "cannot be told")
    )
    if differ:
        return "no one class", f"they differ in {_listed(differ)}"
    if unknown:
        return "cannot be told", f"the intervals are too wide for {_listed(unknown)}"
    return "one class", "shape and exponents are the same within their intervals"


def _fits(ladders: Sequence[ComparedLadder]) -> str:
    """How well one steepness does for all, in words."""
    worst = max(ladder.borrowed_rms or 0.0 for ladder in ladders)
    return f"one steepness k for all misses no ladder by more than {worst:.3f} in accuracy (RMS)"


def _listed(names: Sequence[str]) -> str:
    words = [name.replace("_", " ") for name in names]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _compared(number: int, ladder: Ladder, falls: Sequence[LadderFalls]) -> ComparedLadder:
    mine = falls[number]
    sizes = [fall.parameters for fall in mine.falls]
    return ComparedLadder(
        name=mine.name,
        sizes=(min(sizes), max(sizes)),
        falls=mine.falls,
        figures={name: None if f is None else f.estimate for name, f in mine.figures.items()},
        residual_rms=root_mean_square(np.array([fall.residual_rms for fall in mine.falls])),
        borrowed_rms=_borrowed_rms(number, ladder, falls),
        left_out=mine.left_out,
    )


def _borrowed_rms(number: int, ladder: Ladder, falls: Sequence[LadderFalls]) -> float | None:
    """What the mean steepness of the other ladders misses on this one; each counts once."""
    others = [
        figure.value
        for i, other in enumerate(falls)
        if i != number and (figure := other.figures["log_steepness"])
    ]
    if not others:
        return None
    steepness = float(np.exp(np.mean(others)))
    borrowed = [
        fall_of(curve, noise, steepness)
        for curve, noise in zip(ladder.curves, ladder.noise, strict=True)
    ]
    return root_mean_square(np.array([fall.residual_rms for fall in borrowed if fall]))


def _warnings(ladders: Sequence[Ladder], falls: Sequence[LadderFalls]) -> tuple[str, ...]:
    warnings = [
        f"{ladder.name}: left out {', '.join(ladder.left_out)}: they guess, or never lose half of "
        "their accuracy"
        for ladder in falls
        if ladder.left_out
    ]
    if ladders[0].unit == OTHER_UNIT:
        warnings.append("the tables name no unit of noise: it was taken to be the same in all")
    return tuple(warnings)
