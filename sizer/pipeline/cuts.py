"""How curves are cut into widths: the user's choice, in the terms of `sizer.levels`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sizer.errors import UsageError
from sizer.noise import NoiseSchedule
from sizer.results import Control, LevelSet, NoiseCurve, OrderParameter, Width

if TYPE_CHECKING:
    from sizer.levels import LevelSettings


@dataclass(frozen=True, slots=True)
class CutChoice:
    """How curves are cut into widths; see `sizer.levels`."""

    order_parameter: OrderParameter = "normalised"
    control: Control = "step"
    levels: LevelSet = "equidistant"


def level_pairs(cut: CutChoice) -> tuple[tuple[float, float], ...]:
    from sizer.levels import EQUIDISTANT, LOGARITHMIC

    return EQUIDISTANT if cut.levels == "equidistant" else LOGARITHMIC


def level_settings(cut: CutChoice, schedule: NoiseSchedule | None) -> "LevelSettings":
    """The control variable as a function of step."""
    from sizer.levels import LevelSettings

    def needs_schedule(_steps: NDArray[np.float64]) -> NDArray[np.float64]:
        raise UsageError(f"--control {cut.control} needs steps of a noise schedule; take step")

    functions: dict[Control, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "step": np.asarray,
        "log-step": np.log,
        "beta": schedule.beta if schedule else needs_schedule,
        "log-snr": schedule.log_snr if schedule else needs_schedule,
    }
    return LevelSettings(cut.order_parameter, cut.control, functions[cut.control])


def cut_widths(
    curves: Sequence[NoiseCurve], schedule: NoiseSchedule | None, cut: CutChoice
) -> tuple[Width, ...]:
    """Widths of all level pairs on every curve, without fitting anything."""
    from sizer.levels import widths

    return widths(curves, level_pairs(cut), level_settings(cut, schedule))
