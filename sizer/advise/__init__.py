"""From the fits and a requirement to a size, and to the trainings that would tell it better."""

from sizer.advise.answer import advise
from sizer.advise.outlook import outlook, requirement_map
from sizer.advise.plan import plan
from sizer.advise.reach import largest_size, reach

__all__ = ["advise", "largest_size", "outlook", "plan", "reach", "requirement_map"]
