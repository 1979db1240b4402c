"""Few steps a model, where the shape of the fall is known: its two scales are all that is measured.

A pilot of a few images finds each model's half noise. Then come four steps: without noise, and
where much, about half and little of the clean accuracy is left. They tell both scales about as well
as the best two steps do, and whether the shape is the model's. One model's steps lie between those
of the next, so that together they show where the shape of the ladder itself differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from sizer.measure import planning
from sizer.measure.cells import Measurement
from sizer.measure.rounds import Goal, Ladder, Steps, measure_planned
from sizer.noise import NoiseSchedule
from sizer.scaling.crossings import cut_curves, width_tolerance
from sizer.scaling.curves import NoiseCurve
from sizer.scaling.master import (
    BorrowedShape,
    MasterCurve,
    Scales,
    completed,
    noise_of,
    of_own_shape,
    scales_of,
)

# Of the clean accuracy above chance, that are left at the steps of one model and of the next.
SHARES = ((0.9, 0.6, 0.3), (0.75, 0.45, 0.2))
FOUND = (0.15, 0.85)  # shares between which a pilot's step tells the half noise
FURTHER = 2.5  # times the noise that a pilot tries next
PILOTS = 6  # rounds at most
HALF = 0.5  # of the models: a shape that fewer have is not the ladder's


def measure_few(ladder: Ladder, goal: Goal, master: MasterCurve) -> Measurement:
    """Four steps a model, of as many images as the goal takes.

    Models whose answers contradict the shape are measured by the full plan, and that is a warning.
    """
    images = min(goal.images, planning.UNIT)
    half = _half_noises(ladder, master, images)
    steps = _four_steps(ladder, half, master)
    scales, images = _known_well(ladder, goal, master, steps, images) if steps else ((), images)
    widened = _contradicting(ladder, scales)
    if widened:
        planned = measure_planned(ladder.of(widened), goal)
        images = max(images, planned.cells[0].trials)
        steps |= _steps_by_model(planned)
    measurement, curves = ladder.measure("measuring", steps, images)
    kept = [curve for curve in curves if curve.model.name not in widened]
    shape = _shape(kept, master, ladder.schedule)
    warnings = (*measurement.warnings, *_said(master, len(kept), widened))
    return replace(measurement, warnings=warnings, shape=shape)


def _half_noises(ladder: Ladder, master: MasterCurve, images: int) -> dict[str, float]:
    """Grey levels by the name of a model, from a few images; without those that do not show it."""
    tried = {model.name: master.half_noise for model in ladder.models}
    found: dict[str, float] = {}
    for _ in range(PILOTS):
        steps = {name: (0.0, _step(noise, ladder.schedule)) for name, noise in tried.items()}
        _, curves = ladder.measure("finding the half noise", steps, images)
        for curve in curves:
            name, (_, step) = curve.model.name, curve.steps
            above = curve.accuracy - curve.chance
            left = float(above[1] / above[0]) if above[0] > 0 else 0.0
            if curve.guesses:
                del tried[name]
            elif FOUND[0] <= left <= FOUND[1]:
                found[name] = ladder.schedule.sigma(step) / master.ratio_at(left)
                del tried[name]
            else:
                tried[name] *= FURTHER if left > FOUND[1] else 1 / FURTHER
        if not tried:
            break
    return found


def _four_steps(
    ladder: Ladder, half: Mapping[str, float], master: MasterCurve
) -> dict[str, tuple[float, ...]]:
    """The steps of the models whose half noise was found."""
    found = [model.name for model in ladder.models if model.name in half]
    steps: dict[str, tuple[float, ...]] = {}
    for name, shares in zip(found, cycle(SHARES), strict=False):
        noises = (half[name] * master.ratio_at(left) for left in shares)
        steps[name] = (0.0, *(_step(noise, ladder.schedule) for noise in noises))
    return steps


def _step(noise: float, schedule: NoiseSchedule) -> float:
    """The whole step, one or more, with about so many grey levels."""
    most = schedule.sigma(schedule.last_step)
    return float(max(1, round(schedule.step_from_sigma(min(noise, most)))))


def _known_well(
    ladder: Ladder, goal: Goal, master: MasterCurve, steps: Steps, images: int
) -> tuple[tuple[Scales, ...], int]:
    """The scales, and from how many images: as many as the whole plan would take, so that an
    accuracy is known as well at any step.
    """
    while True:
        _, curves = ladder.measure(f"measuring {images:,} images", steps, images)
        shape = _shape(curves, master, ladder.schedule)
        assert shape is not None
        drawn = [_counted(curve, images) for curve in completed(curves, shape, ladder.schedule)]
        reached = width_tolerance(cut_curves(drawn, goal.cut, ladder.schedule)[1])
        more = planning.images_next(images, goal.images, reached, goal.tolerance)
        if more <= images:
            return shape.scales, images
        images = more


def _counted(curve: NoiseCurve, images: int) -> NoiseCurve:
    """As if so many images had been counted at each of its steps."""
    correct = tuple(round(share * images) for share in curve.accuracy.tolist())
    return replace(curve, correct=correct, trials=(images,) * len(curve.steps))


def _shape(
    curves: Sequence[NoiseCurve], master: MasterCurve, schedule: NoiseSchedule
) -> BorrowedShape | None:
    if not curves:
        return None
    measured = [(curve, noise_of(curve.steps, schedule)) for curve in curves]
    own = of_own_shape(master, measured)
    return BorrowedShape(own, tuple(scales_of(*each, own) for each in measured))


def _said(master: MasterCurve, few: int, widened: Sequence[str]) -> Iterator[str]:
    of = " and ".join(master.ladders)
    if few:
        yield (
            f"{few} models were measured at four steps; between them the shape of {of} is taken, "
            "moved to where these models fall"
        )
    if widened:
        yield f"{', '.join(widened)}: contradict the shape of {of}, and were measured in full"


def _contradicting(ladder: Ladder, scales: Sequence[Scales]) -> tuple[str, ...]:
    """Models that have no such shape; all, where it is that of fewer than half of them."""
    names = [model.name for model in ladder.models]
    good = {each.model for each in scales if not each.contradicts}
    return tuple(name for name in names if name not in good or len(good) < HALF * len(names))


def _steps_by_model(measurement: Measurement) -> Mapping[str, tuple[float, ...]]:
    models = {cell.model for cell in measurement.cells}
    return {
        name: tuple(cell.step for cell in measurement.cells if cell.model == name)
        for name in models
    }
