"""Families of networks, EfficientNet first: scaling rules, training, and export to ONNX."""
