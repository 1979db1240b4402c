"""The transition of models that reach a clean accuracy of one with size."""

from sizer.scaling.falls import CLEAN, FALL, falling_law

LAW = falling_law("no-ceiling", (*CLEAN, *FALL, "log_skew"), clean="1 - b (N/N0)^-lambda")
