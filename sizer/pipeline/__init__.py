"""The spine: what happens in which order. No printing here, and no decisions about display."""

from sizer.pipeline.advising import NoiseQuestion, plan, recommend
from sizer.pipeline.backtesting import backtest
from sizer.pipeline.calibrating import calibrate
from sizer.pipeline.exporting import check_export, export_recommended
from sizer.pipeline.quantising import quantize
from sizer.pipeline.reporting import check_report, write_report

__all__ = [
    "NoiseQuestion",
    "backtest",
    "calibrate",
    "check_export",
    "check_report",
    "export_recommended",
    "plan",
    "quantize",
    "recommend",
    "write_report",
]
