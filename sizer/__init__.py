"""sizer: how many parameters an image classifier needs under noise, answered from small models."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports its use to its makers unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
