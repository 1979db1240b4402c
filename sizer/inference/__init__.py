"""Any ONNX image classifier as a function from noisy images to labels, on ONNX Runtime.

What a model predicts is defined by its file's own graph. A rewritten graph is a faster way to the
same labels: it is tried against the file's own, which decides wherever two classes nearly tie.
"""
