"""Any ONNX image classifier as a function from noisy images to labels, on ONNX Runtime.

What a model predicts is defined by its file's own graph. A rewritten graph is a faster way to the
same labels: it is tried against the file's own, and asks it wherever two classes nearly tie.
"""

from sizer.evaluate.inputs import InputPlan, arrange
from sizer.evaluate.model import OnnxModel, PackedModel, open_model
from sizer.evaluate.own import OwnGraph
from sizer.evaluate.predictor import OnnxPredictor
from sizer.evaluate.runtime import choose_provider
from sizer.evaluate.timing import RUNTIME, median_milliseconds

__all__ = [
    "RUNTIME",
    "InputPlan",
    "OnnxModel",
    "OnnxPredictor",
    "OwnGraph",
    "PackedModel",
    "arrange",
    "choose_provider",
    "median_milliseconds",
    "open_model",
]
