"""What quantising a model gave."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """Accuracies of a model and of its quantised file on the same clean test images."""

    name: str
    parameters: int
    original: float
    quantized: float
    images: int
