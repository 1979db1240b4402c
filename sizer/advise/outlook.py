"""Many questions at once: what every requirement takes, and what one size does under any noise."""

import numpy as np
from numpy.typing import NDArray

from sizer.advise.answer import inverted
from sizer.advise.prospect import Prospect, acceptable, prospect, sizes_sought
from sizer.advise.reach import askable_steps
from sizer.calibration import Calibration
from sizer.results import MapCell, Outlook, Requirement, RequirementMap
from sizer.scaling.surface import LawFit

Floats = NDArray[np.float64]
MOST_STEPS, MOST_TARGETS = 81, 81  # of the map
ABOVE = 1.08  # times the highest mean, the targets end
DENSE = 101  # steps of an outlook


def requirement_map(calibration: Calibration, confidence: float) -> RequirementMap | None:
    """What `advise` answers at round steps and targets, from chance to just above every ceiling.

    None where the fit is not to be trusted, or no noise may be asked about.
    """
    fit = calibration.fit
    first, last = askable_steps(calibration)
    if not fit.trusted or not first < last:
        return None
    fits, sizes = acceptable(calibration), sizes_sought(fit)
    steps = _round_values(first, last, MOST_STEPS)
    seen = [prospect(fits, sizes, float(step)) for step in steps]
    highest = max(float(one.mean[sizes >= fit.size_range[0]].max()) for one in seen)
    possible = _round_values(0.0, min(1.0, highest * ABOVE), MOST_TARGETS)
    targets = possible[(possible > calibration.chance) & (possible < 1)]
    columns = [
        _column(one, fit, float(step), targets, confidence)
        for one, step in zip(seen, steps, strict=True)
    ]
    return RequirementMap(
        confidence=confidence,
        steps=tuple(steps.tolist()),
        targets=tuple(targets.tolist()),
        cells=tuple(zip(*columns, strict=True)),
    )


def _column(
    seen: Prospect, fit: LawFit, step: float, targets: Floats, confidence: float
) -> list[MapCell]:
    cells = []
    for target in targets:
        requirement = Requirement(float(step), float(target), confidence)
        answer = inverted(seen, fit, requirement, force=False)
        named = answer.sizes.recommended if answer.verdict == "recommended" else None
        cells.append(MapCell(answer.verdict, named))
    return cells


def outlook(calibration: Calibration, size: int, confidence: float) -> Outlook:
    """What a size does over all noise that may be asked about."""
    steps = np.linspace(*askable_steps(calibration), DENSE)
    seen = prospect(acceptable(calibration), np.full(DENSE, float(size)), steps)
    low, high = seen.interval(confidence)
    curves = (seen.mean, low, high, seen.next_training(confidence))
    within = (tuple(np.clip(curve, 0, 1).tolist()) for curve in curves)
    return Outlook(size, confidence, tuple(steps.tolist()), *within)


def _round_values(low: float, high: float, most: int) -> Floats:
    """Multiples of 1, 2 or 5 times a power of ten within bounds, at most so many."""
    least = (high - low) / (most - 1)
    power = 10.0 ** np.floor(np.log10(least))
    apart = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    first, last = np.ceil(low / apart - 1e-9), np.floor(high / apart + 1e-9)
    return np.asarray(np.round(np.arange(first, last + 1) * apart, 12) + 0.0)  # without minus zero
