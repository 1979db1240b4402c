"""Fitting the laws to measurements. lmfit minimises; likelihood and covariance are our own."""

from sizer.fit.bootstrap import bootstrap
from sizer.fit.choice import HOLD_OUTS, LEAST_LEFT, against, backtest, fit_surfaces, scan_smallest
from sizer.fit.collapse import fit_collapse
from sizer.fit.evidence import image_share
from sizer.fit.surface import fit_surface
from sizer.fit.width import fit_width_law

__all__ = [
    "HOLD_OUTS",
    "LEAST_LEFT",
    "against",
    "backtest",
    "bootstrap",
    "fit_collapse",
    "fit_surface",
    "fit_surfaces",
    "fit_width_law",
    "image_share",
    "scan_smallest",
]
