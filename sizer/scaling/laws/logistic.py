"""The transition without a skew."""

from sizer.scaling.falls import CLEAN, FALL, falling_law

LAW = falling_law("logistic", ("clean_limit", *CLEAN, *FALL), form="1 / (1 + e^u)")
