"""The spine: what happens in which order. No printing here, and no decisions about display."""

from sizer.pipeline.advising import NoiseQuestion, plan, recommend
from sizer.pipeline.backtesting import backtest
from sizer.pipeline.calibrating import calibrate, fit_file, fit_measurements
from sizer.pipeline.cuts import CutChoice, cut_widths
from sizer.pipeline.devices import DeviceQuestion, check_model, list_devices, measure_device
from sizer.pipeline.engines import open_engine
from sizer.pipeline.exporting import check_export, export_recommended
from sizer.pipeline.ladders import find_models, measure_ladder, open_models
from sizer.pipeline.quantising import quantize
from sizer.pipeline.reporting import check_report, write_report
from sizer.pipeline.training import export, train

__all__ = [
    "CutChoice",
    "DeviceQuestion",
    "NoiseQuestion",
    "backtest",
    "calibrate",
    "check_export",
    "check_model",
    "check_report",
    "cut_widths",
    "export",
    "export_recommended",
    "find_models",
    "fit_file",
    "fit_measurements",
    "list_devices",
    "measure_device",
    "measure_ladder",
    "open_engine",
    "open_models",
    "plan",
    "quantize",
    "recommend",
    "train",
    "write_report",
]
