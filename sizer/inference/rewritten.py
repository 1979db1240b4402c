"""A session on a rewritten graph: images and noise stay where the model runs, labels return."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from sizer.errors import ModelError
from sizer.inference import graph
from sizer.inference.file_graph import FileGraph, Images, Labels, padded
from sizer.inference.inputs import in_layout
from sizer.inference.runtime import OutOfMemoryError, Provider, open_session, running, simplified

LARGEST = 1 << 30  # bytes of a model that is rewritten in memory

TwoBest = tuple[NDArray[np.float32], Labels]


class RewrittenGraph:
    """The two highest scores of noisy images, with their classes."""

    def __init__(
        self,
        file_graph: FileGraph,
        provider: Provider,
        shape: tuple[int, int, int],
        batch: int,
        block: int | None,
    ) -> None:
        """Channels are padded to a multiple of `block`; None leaves all but input and output.

        Raises ModelError for a model that cannot be rewritten so.
        """
        self.batch, self.block = batch, block
        self._file_graph, self._provider, self._shape = file_graph, provider, shape
        self._session = self._opened()

    def prepare(self, clean: Images, epsilon: Images) -> Callable[[float, float], TwoBest]:
        """Scores (B, 2) and labels (B, 2) of mu clean + noise_std epsilon, both (B, H, W, C).

        Images and noise are brought to where the model runs once. A batch that does not fit into
        memory is halved. Raises ModelError where the runtime fails.
        """
        bound: list[onnxruntime.IOBinding] = []

        def two_best(mu: float, noise_std: float) -> TwoBest:
            nonlocal bound
            while True:
                try:
                    bound = bound or self._bind(clean, epsilon)
                    return self._run(bound, len(clean), mu, noise_std)
                except OutOfMemoryError:
                    if self.batch == 1:
                        raise
                    self.batch //= 2
                    self._session, bound = self._opened(), []

        return two_best

    def _opened(self) -> onnxruntime.InferenceSession:
        with running():  # a graph that makes any of this fail is not rewritten
            images, plan = self._file_graph.input, self._file_graph.plan
            model = onnx.load(self._file_graph.path)
            if model.ByteSize() > LARGEST or not graph.rewritable(model):
                raise ModelError("is not rewritten")
            model = graph.with_noise(model, images, plan, self._shape, self.batch)
            if self.block is not None:
                model = graph.in_blocks(simplified(model), self.block)
            contents = model.SerializeToString()
        return open_session(contents, self._provider)

    def _bind(self, clean: Images, epsilon: Images) -> list[onnxruntime.IOBinding]:
        """One binding a batch, all of one length, the last one padded."""
        with running():
            return [
                self._bound(clean[start:], epsilon[start:])
                for start in range(0, len(clean), self.batch)
            ]

    def _bound(self, clean: Images, epsilon: Images) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        for name, images in ((graph.CLEAN, clean), (graph.EPSILON, epsilon)):
            whole = in_layout(
                padded(images[: self.batch], self.batch), self._file_graph.plan.layout
            )
            value = onnxruntime.OrtValue.ortvalue_from_numpy(whole, self._provider)
            binding.bind_ortvalue_input(name, value)
        for name in (graph.SCORES, graph.LABELS):
            binding.bind_output(name)
        return binding

    def _run(
        self, bound: list[onnxruntime.IOBinding], count: int, mu: float, noise_std: float
    ) -> TwoBest:
        outputs = []
        with running():
            for binding in bound:
                binding.bind_cpu_input(graph.MU, np.array(mu, np.float32))
                binding.bind_cpu_input(graph.NOISE_STD, np.array(noise_std, np.float32))
                self._session.run_with_iobinding(binding)
                outputs.append(binding.copy_outputs_to_cpu())
        scores, labels = (np.concatenate(parts)[:count] for parts in zip(*outputs, strict=True))
        return scores.astype(np.float32), labels
