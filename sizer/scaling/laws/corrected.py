"""The transition with corrections to scaling (Wegner 1972, doi:10.1103/PhysRevB.5.4529)."""

from sizer.scaling.falls import CLEAN, FALL, falling_law

LAW = falling_law(
    "corrected",
    ("clean_limit", *CLEAN, *FALL, "middle_correction", "width_correction", "log_skew"),
    more=(
        "; corrections to scaling (Wegner 1972, doi:10.1103/PhysRevB.5.4529): "
        "t_m and w times exp(b ((N/N0)^-1/2 - 1)), each with its own b"
    ),
)
