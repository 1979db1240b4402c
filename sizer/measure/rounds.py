"""`--steps auto`: measuring in rounds, each decided by what the rounds before it have shown."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sizer.inference.records import ModelInfo
from sizer.measure import planning
from sizer.measure.cells import Measurement
from sizer.noise import NoiseSchedule
from sizer.scaling.crossings import Cut, control_of_step, cut_curves, width_tolerance
from sizer.scaling.curves import Cell, NoiseCurve, best_guess, curves_of

# A few images at these steps find where every model only guesses.
BRACKET_STEPS = (0, 100, 200, 400, 600, 800, 1000, 1300, 1600, 2000, 2500, 3000, 4000, 5000)

Steps = Mapping[str, Sequence[float]]  # by the name of the model
Run = Callable[[str, Steps, int], Measurement]  # what for, each model's steps, images


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a plan ends: at this tolerance of the widths of this cut, or with all these images.

    tolerance: as in `sizer.scaling.crossings.width_tolerance`; 0 takes all images at once.
    """

    images: int
    tolerance: float
    cut: Cut


@dataclass(frozen=True, slots=True)
class Ladder:
    """What is measured. run: gives the cells of the models asked for, and runs those it has not run
    yet.
    """

    models: tuple[ModelInfo, ...]
    chance: float
    schedule: NoiseSchedule
    run: Run

    def measure(
        self, label: str, steps: Steps, images: int
    ) -> tuple[Measurement, tuple[NoiseCurve, ...]]:
        measurement = self.run(label, steps, images)
        measured = [model for model in self.models if model.name in steps]
        return measurement, curves_of(measured, measurement.cells, self.chance)

    def of(self, names: Collection[str]) -> "Ladder":
        """Some of its models."""
        return replace(self, models=tuple(m for m in self.models if m.name in names))

    def everywhere(self, steps: Sequence[float]) -> Steps:
        return {model.name: steps for model in self.models}


def measure_planned(ladder: Ladder, goal: Goal) -> Measurement:
    """Add images until the widths are known well enough, and close in on their levels."""
    images = min(goal.images, planning.UNIT)
    steps = ladder.everywhere(_shared_steps(ladder, images))
    label = f"measuring {images:,} images"
    while True:
        measurement, curves = ladder.measure(label, steps, images)
        reached = width_tolerance(cut_curves(curves, goal.cut, ladder.schedule)[1])
        more = planning.images_next(images, goal.images, reached, goal.tolerance)
        if more > images:
            images, label = more, f"measuring {more:,} images"
            continue
        closer = _closer(curves, goal, ladder)
        if not any(closer.values()):
            return measurement
        steps = {name: (*before, *closer[name]) for name, before in steps.items()}
        label = "closing in on the levels"


def _shared_steps(ladder: Ladder, images: int) -> tuple[float, ...]:
    """Steps of all models, up to where all only guess, so close that no fall is missed."""
    everywhere = ladder.everywhere(BRACKET_STEPS)
    measurement, _ = ladder.measure("finding the transition", everywhere, images)
    last = _last_useful(measurement.cells, ladder.chance)
    steps = tuple(float(step) for step in BRACKET_STEPS if step <= last)
    while True:
        _, curves = ladder.measure("sharing out the steps", ladder.everywhere(steps), images)
        more = planning.shared_steps(curves)
        if more == steps:
            return steps
        steps = more


def _last_useful(cells: Sequence[Cell], chance: float) -> float:
    """The first step from which on every model only guesses."""
    above = [
        cell.step for cell in cells if cell.correct / cell.trials > best_guess(chance, cell.trials)
    ]
    last = max(above, default=0.0)
    return next((step for step in BRACKET_STEPS if step > last), BRACKET_STEPS[-1])


def _closer(
    curves: Sequence[NoiseCurve], goal: Goal, ladder: Ladder
) -> dict[str, tuple[float, ...]]:
    """By model, the steps that are still wanted around its crossings."""
    control = control_of_step(goal.cut.control, ladder.schedule)
    return {
        curve.model.name: planning.steps_around(
            curve, *cut_curves([curve], goal.cut, ladder.schedule), control
        )
        for curve in curves
    }
