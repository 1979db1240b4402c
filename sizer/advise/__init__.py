"""From the fits and a requirement to a size, and to the trainings that would tell it better."""

from sizer.advise.answer import advise
from sizer.advise.hindsight import look_back
from sizer.advise.outlook import outlook, requirement_map
from sizer.advise.plan import plan
from sizer.advise.reach import largest_size, reach

__all__ = [
    "advise",
    "largest_size",
    "look_back",
    "outlook",
    "plan",
    "reach",
    "requirement_map",
]
