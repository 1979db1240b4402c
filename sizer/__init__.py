"""sizer: how many parameters an image classifier needs under noise, answered from small models."""

import os

__version__ = "0.1.0"
__all__ = [
    "InputFormat",
    "backtest",
    "calibrate",
    "compare",
    "errors",
    "fit",
    "load",
    "plan",
    "predict",
    "quantize",
    "recommend",
    "start",
    "train",
    "verify",
]

# ONNX Runtime reports its use to its makers unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# A type checker takes this to be true. `typing` itself would take as long as all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from sizer import errors as errors
    from sizer.calibrating import calibrate as calibrate
    from sizer.calibration import load as load
    from sizer.fitting import fit as fit
    from sizer.inference.input_format import InputFormat as InputFormat
    from sizer.job.start import start as start
    from sizer.job.verify import verify as verify
    from sizer.networks.train import train as train
    from sizer.prediction.accuracy import predict as predict
    from sizer.prediction.backtest import backtest as backtest
    from sizer.prediction.plan import plan as plan
    from sizer.prediction.recommend import recommend as recommend
    from sizer.quantization.quantize import quantize as quantize
    from sizer.universality.compare import compare as compare

# Where each name lives: its module is imported when it is first asked for.
HOMES = {
    "InputFormat": "inference.input_format",
    "backtest": "prediction.backtest",
    "calibrate": "calibrating",
    "compare": "universality.compare",
    "fit": "fitting",
    "load": "calibration",
    "plan": "prediction.plan",
    "predict": "prediction.accuracy",
    "quantize": "quantization.quantize",
    "recommend": "prediction.recommend",
    "start": "job.start",
    "train": "networks.train",
    "verify": "job.verify",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "errors":
        return import_module("sizer.errors")
    if name not in HOMES:
        raise AttributeError(f"module 'sizer' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"sizer.{HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
