"""The graph of the file as it is, which defines what a model predicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sizer.errors import ModelError, naming
from sizer.inference.inputs import InputPlan, arrange
from sizer.inference.runtime import running

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


class FileGraph:
    """Labels of noisy images, by one single-threaded session."""

    def __init__(self, path: Path, session: onnxruntime.InferenceSession, plan: InputPlan) -> None:
        self.path = path
        self.plan = plan
        self._session = session
        self.input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    def __call__(self, images: Images) -> Labels:
        """Labels (B,) of images (B, H, W, C) on the [-1, 1] scale, noise may exceed it.

        Raises ModelError where the runtime fails.
        """
        if not len(images):
            return np.empty(0, np.int64)
        scores = self.all_scores(images)
        with naming(self.path):
            require_numbers(scores)
        labels: Labels = np.argmax(scores, axis=1).astype(np.int64, copy=False)
        return labels

    def prepare(self, clean: Images, epsilon: Images) -> Callable[[float, float], Labels]:
        """A function of (mu, noise_std) to labels of their mixture; both arrays (B, H, W, C)."""

        def labels(mu: float, noise_std: float) -> Labels:
            return self(mixed(clean, epsilon, mu, noise_std))

        return labels

    def all_scores(self, images: Images) -> NDArray[Any]:
        """Scores (B, classes) of images (B, H, W, C).

        Every run has the same batch, the last one padded: nothing depends on how images are
        split over calls.
        """
        with naming(self.path):
            starts = range(0, len(images), self.plan.batch)
            return np.concatenate([self._padded(images[start:]) for start in starts])

    def scores(self, images: Images) -> NDArray[Any]:
        """Raw first output for exactly one batch of images."""
        with running():
            output: NDArray[Any] = self._session.run(
                [self._output], {self.input: arrange(images, self.plan)}
            )[0]
        return output

    def _padded(self, images: Images) -> NDArray[Any]:
        """Scores of the first batch of images, of which there may be fewer."""
        batch = images[: self.plan.batch]
        scores = self.scores(padded(batch, self.plan.batch))
        scores = scores.reshape(self.plan.batch, -1)[: len(batch)]
        return scores if self.plan.classes is None else scores[:, list(self.plan.classes)]


def require_numbers(scores: NDArray[Any]) -> None:
    """Raise ModelError for scores (B, classes) among which no highest one can be told."""
    wrong = int(np.isnan(scores.astype(np.float32)).any(axis=1).sum())
    if wrong:
        raise ModelError(
            f"gives scores that are no numbers (nan) for {wrong} of {len(scores)} images; export "
            "it in fp32, or say what pixels it expects with --input-range, --mean and --std"
        )


def mixed(clean: Images, epsilon: Images, mu: float, noise_std: float) -> Images:
    """Noisy images, float32: one float64 factor would make all of it float64."""
    return np.float32(mu) * clean + np.float32(noise_std) * epsilon


def padded(images: Images, batch: int) -> Images:
    """Images, the last one repeated up to a whole batch."""
    missing = np.repeat(images[-1:], batch - len(images), axis=0)
    return np.concatenate([images, missing]) if len(missing) else images
