"""What a model file says, and where it may run."""

from dataclasses import dataclass
from typing import Literal

ProviderChoice = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "fp16", "int8"]
MOST_MODELS = 5000  # of one ladder


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One trained model.

    parameters: trainable ones where a manifest says so, else all elements of the initializers.
    macs: multiply-accumulates of one image. input_shape: height, width, channels. crop_share: of
    pictures that are brought to it, None as `sizer.datasets.preprocessing` does by default.
    training: the family, such as `clean` or `noise 0..900`. seed, training_seconds: of its
    training. precision: of most of its weights.
    """

    name: str
    sha256: str
    parameters: int
    macs: int | None = None
    input_shape: tuple[int, int, int] | None = None
    training: str | None = None
    seed: int | None = None
    precision: Precision | None = None
    training_seconds: float | None = None
    crop_share: float | None = None
