"""The spine: what happens in which order. No printing here, and no decisions about display."""

from sizer.pipeline.advising import NoiseQuestion, camera_noise, plan, recommend
from sizer.pipeline.backtesting import backtest
from sizer.pipeline.calibrating import calibrate
from sizer.pipeline.devices import DeviceQuestion, check_model, list_devices, measure_device
from sizer.pipeline.engines import open_engine
from sizer.pipeline.exporting import check_export, export_recommended
from sizer.pipeline.ladders import find_models, measure_ladder, open_models
from sizer.pipeline.quantising import quantize
from sizer.pipeline.reporting import check_report, write_report
from sizer.pipeline.training import export, train

__all__ = [
    "DeviceQuestion",
    "NoiseQuestion",
    "backtest",
    "calibrate",
    "camera_noise",
    "check_export",
    "check_model",
    "check_report",
    "export",
    "export_recommended",
    "find_models",
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
