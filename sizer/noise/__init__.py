"""Noise: the diffusion forward process, its level in every unit, and the noise of a camera."""

from sizer.noise.draw import Draw, Noise, epsilon
from sizer.noise.schedule import NoiseSchedule, linear_schedule, schedule_named
from sizer.noise.units import NoiseLevel, level_from

__all__ = [
    "Draw",
    "Noise",
    "NoiseLevel",
    "NoiseSchedule",
    "epsilon",
    "level_from",
    "linear_schedule",
    "schedule_named",
]
