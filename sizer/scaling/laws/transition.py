"""A logistic fall with a skew, its height, place and width powers of the size."""

from sizer.scaling.falls import CLEAN, FALL, falling_law

LAW = falling_law("transition", ("clean_limit", *CLEAN, *FALL, "log_skew"))
