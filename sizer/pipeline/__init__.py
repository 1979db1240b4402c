"""The spine: what happens in which order. No printing here, and no decisions about display."""

from sizer.pipeline.calibrating import calibrate
from sizer.pipeline.reporting import check_report, write_report

__all__ = ["calibrate", "check_report", "write_report"]
