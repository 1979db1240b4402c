"""What a user chooses of a fit, by name."""

from typing import Literal

OrderParameter = Literal["normalised", "chance-corrected", "raw"]
Control = Literal["step", "beta", "log-step", "log-snr"]
LevelSet = Literal["equidistant", "logarithmic"]
IntervalMethod = Literal["sandwich", "bootstrap"]
# Of transition widths, at which a measurement stops by itself: see Calibration.tolerance.
TOLERANCE = 0.125
