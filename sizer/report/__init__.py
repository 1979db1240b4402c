"""How results are shown: each is one document, and each format has one renderer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sizer.report.document import Document

# By the class of a result, the module whose `document` makes what is said of it.
MODULES = {
    "Acceptance": "acceptance",
    "Advice": "advice",
    "CacheUse": "cache",
    "Calibration": "calibration",
    "Comparison": "comparison",
    "Delivery": "delivery",
    "LadderBacktest": "backtest",
    "Manifest": "ladder",
    "Prediction": "prediction",
    "QuantizedLadder": "quantized",
    "TrainingPlan": "plan",
}


def document_of(result: Any) -> "Document":
    """What is said of a result."""
    module = import_module(f"{__name__}.{MODULES[type(result).__name__]}")
    document: Document = module.document(result)
    return document
