"""Labels under noise by the fastest graph that gives the file's own labels.

Images whose two best classes nearly tie are left to the file's own graph. So no label depends on
which graph and which batch are the fastest.
"""

import threading
from collections.abc import Callable

from sizer.errors import naming
from sizer.inference.choosing import Rewriting, choose_rewriting, close
from sizer.inference.file_graph import FileGraph, Images, Labels, mixed
from sizer.inference.rewritten import RewrittenGraph
from sizer.inference.runtime import Provider

# By fingerprint, provider and shape of an image; each is chosen once in a process.
rewritings: dict[tuple[str, Provider, tuple[int, ...]], Rewriting | None] = {}
_choosing = threading.Lock()


class OnnxPredictor:
    """Labels of noisy images, by single-threaded sessions of one thread."""

    def __init__(self, file_graph: FileGraph, provider: Provider, fingerprint: str) -> None:
        self._file_graph = file_graph
        self._provider = provider
        self._fingerprint = fingerprint
        self._rewritten: RewrittenGraph | None = None

    def prepare(self, clean: Images, epsilon: Images) -> Callable[[float, float], Labels]:
        """A function of (mu, noise_std) to labels (B,) of mu clean + noise_std epsilon.

        clean, epsilon: (B, H, W, C). Raises ModelError where the runtime fails.
        """
        rewriting = self.rewriting(clean, epsilon)
        if rewriting is None:
            return self._file_graph.prepare(clean, epsilon)
        if self._rewritten is None:
            shape = clean.shape[1:]
            self._rewritten = RewrittenGraph(
                self._file_graph, self._provider, shape, rewriting.batch, rewriting.block
            )
        two_best = self._rewritten.prepare(clean, epsilon)

        def labels(mu: float, noise_std: float) -> Labels:
            with naming(self._file_graph.path):
                scores, classes = two_best(mu, noise_std)
            best = classes[:, 0].copy()
            near = close(scores, rewriting.margin)
            best[near] = self._file_graph(mixed(clean[near], epsilon[near], mu, noise_std))
            return best

        return labels

    def rewriting(self, clean: Images, epsilon: Images) -> Rewriting | None:
        """The fastest one for images such as these (B, H, W, C); None where there is none."""
        key = (self._fingerprint, self._provider, clean.shape[1:])
        with _choosing:
            if key not in rewritings:
                rewritings[key] = choose_rewriting(self._file_graph, self._provider, clean, epsilon)
            return rewritings[key]
