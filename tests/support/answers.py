"""Calibrations to be asked, without the laws that no answer needs."""

from sizer.calibration import Calibration
from sizer.scaling.curves import cells_of


def measured(curves, image_share=1.0, **changes):
    """The calibration of curves, as `recommend` and `predict` need it."""
    unknown = dict.fromkeys(("schedule", "dataset", "width_law", "collapse", "fit"))
    none = dict.fromkeys(("crossings", "widths", "rivals", "backtests"), ())
    given = {
        "version": 1,
        "created_with": "test",
        "models": tuple(curve.model for curve in curves),
        "chance": curves[0].chance,
        "cells": cells_of(curves),
        "image_share": image_share,
    }
    return Calibration(**(unknown | none | given | changes))
