"""Measured curves, read at any noise step: what every answer starts from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.borrowing import Prior, class_prior
from sizer.prediction.failures import failed_trainings
from sizer.prediction.forecast import Forecast, forecast
from sizer.prediction.observations import Observations, told_apart
from sizer.scaling.curves import NoiseCurve, mean_accuracy

Floats = NDArray[np.float64]
# Of the fall of the mean curve: neighbouring steps, and how fast they cease to be alike.
OFFSETS = (-0.15, -0.1, -0.05, 0.05, 0.1, 0.15)
ALIKE = 0.15
CHECKED = (0.0, 0.25)  # shares of the fall at which a failed training would show
FAILED_INFLATION = 100.0  # of the variance between trainings


@dataclass(frozen=True, slots=True)
class Predictor:
    """The curves of a ladder.

    image_share: of the counting variance, what all models have in common. steps, fall: all measured
    steps, ascending, and the share of the mean curve's fall up to each, so that the labels of steps
    do not matter. left: of the accuracy above chance, at each of the steps, falling from 1. failed:
    names of models whose training failed, which count for nothing. lenders: other ladders that it
    borrows of, by name.
    """

    curves: tuple[NoiseCurve, ...]
    image_share: float
    steps: Floats
    fall: Floats
    left: Floats
    failed: tuple[str, ...] = ()
    lenders: "tuple[tuple[str, Predictor], ...]" = ()
    _forecasts: dict[float, Forecast] = field(default_factory=dict, compare=False)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The different sizes, ascending, parameters."""
        return tuple(sorted({curve.size for curve in self.curves}))

    @property
    def step_range(self) -> tuple[float, float]:
        """The first and the last measured step."""
        return float(self.steps[0]), float(self.steps[-1])

    def at(self, step: float) -> Forecast:
        """What the ladder foretells at a step within `step_range`."""
        if step not in self._forecasts:
            self._forecasts[step] = forecast(
                self.observed(step),
                [(weight, self.observed(near)) for near, weight in self.around(step).items()],
                self._prior(step),
            )
        return self._forecasts[step]

    def _prior(self, step: float) -> Prior | None:
        """What the lenders have learned where as much of their accuracy is left."""
        if not self.lenders:
            return None
        left = round(float(np.interp(step, self.steps, self.left)), 2)
        names, ladders = zip(*self.lenders, strict=True)
        return class_prior(
            names, [ladder.at(ladder.step_left(left)).learned() for ladder in ladders]
        )

    def step_left(self, left: float) -> float:
        """The step at which this share of the mean accuracy above chance is left."""
        return float(np.interp(-left, -self.left, self.steps))

    def spanning(self, step: float) -> tuple[NoiseCurve, ...]:
        """The curves that were measured on both sides of a step, or at it."""
        return tuple(curve for curve in self.curves if curve.steps[0] <= step <= curve.steps[-1])

    def observed(self, step: float) -> Observations:
        """Accuracies at a step; between the steps of a model by a cubic."""
        curves = self.spanning(step)
        inflation = [FAILED_INFLATION if c.model.name in self.failed else 1.0 for c in curves]
        return Observations(
            sizes=told_apart(np.array([curve.size for curve in curves], dtype=np.float64)),
            accuracy=np.array([curve.accuracy_at(step) for curve in curves]),
            trials=np.array([np.interp(step, c.steps, c.trials) for c in curves]),
            chance=curves[0].chance,
            image_share=self.image_share,
            inflation=np.array(inflation),
        )

    def step_at(self, share: float) -> float:
        """The step at which the mean curve has fallen by this share of its whole fall."""
        return float(np.interp(share, self.fall, self.steps))

    def without(self, sizes: Sequence[int]) -> "Predictor":
        """The ladder as if these sizes had never been trained."""
        kept = [curve for curve in self.curves if curve.size not in sizes]
        return predictor(kept, self.image_share, self.lenders)

    def with_curves(self, curves: Sequence[NoiseCurve]) -> "Predictor":
        """The ladder with more models; what failed before is known already."""
        return replace(self, curves=(*self.curves, *curves), _forecasts={})

    def around(self, step: float) -> dict[float, float]:
        """The steps whose scatter and shape are like those at a step, and how much (0 to 1)."""
        here = float(np.interp(step, self.steps, self.fall))
        weights = {}
        for offset in OFFSETS:
            if len(self.steps) > 1 and 0 <= here + offset <= 1:
                near = self.step_at(here + offset)
                if self.spanning(near):
                    weights[near] = float(np.exp(-((offset / ALIKE) ** 2) / 2))
        return weights


def predictor(
    curves: Sequence[NoiseCurve],
    image_share: float,
    lenders: Sequence[tuple[str, Predictor]] = (),
) -> Predictor:
    """The curves of a ladder, with its failed trainings found."""
    steps = np.array(sorted({step for curve in curves for step in curve.steps}))
    mean = mean_accuracy(curves, steps)
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(mean)))])
    above = np.minimum.accumulate(np.maximum(mean - curves[0].chance, 1e-9))
    ladder = Predictor(
        curves=tuple(curves),
        image_share=image_share,
        steps=steps,
        fall=travelled / max(travelled[-1], 1e-12),
        left=above / above[0],
        lenders=tuple(lenders),
    )
    checked = sorted({ladder.step_at(share) for share in CHECKED})
    seen = [ladder.observed(step) for step in checked if len(ladder.spanning(step)) == len(curves)]
    failed = failed_trainings(seen, FAILED_INFLATION)
    return replace(ladder, failed=tuple(curves[model].model.name for model in failed))
