"""The EfficientNet family: its scaling rule, training, and export to ONNX."""
