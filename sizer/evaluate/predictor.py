"""Labels under noise by the fastest graph that gives the file's own labels.

Images whose two best classes nearly tie are left to the file's own graph, and so no label depends
on which graph and which batch are the fastest.
"""

import threading
from collections.abc import Callable

from sizer.evaluate.own import Images, Labels, OwnGraph, mixed
from sizer.evaluate.recipe import Recipe, close, find_recipe
from sizer.evaluate.rewritten import RewrittenGraph
from sizer.evaluate.runtime import Provider, naming

# By fingerprint, provider and shape of an image; each is found once a process.
_recipes: dict[tuple[str, Provider, tuple[int, ...]], Recipe | None] = {}
_finding = threading.Lock()


class OnnxPredictor:
    """Labels of noisy images, by single-threaded sessions of one thread."""

    def __init__(self, own: OwnGraph, provider: Provider, fingerprint: str) -> None:
        self._own = own
        self._provider = provider
        self._fingerprint = fingerprint
        self._rewritten: RewrittenGraph | None = None

    def prepare(self, clean: Images, epsilon: Images) -> Callable[[float, float], Labels]:
        """Labels (B,) of mu clean + sigma epsilon, both (B, H, W, C), as a function of mu, sigma.

        Raises ModelError where the runtime fails.
        """
        recipe = self._recipe(clean, epsilon)
        if recipe is None:
            return self._own.prepare(clean, epsilon)
        if self._rewritten is None:
            shape = clean.shape[1:]
            self._rewritten = RewrittenGraph(
                self._own, self._provider, shape, recipe.batch, recipe.block
            )
        two_best = self._rewritten.prepare(clean, epsilon)

        def labels(mu: float, sigma: float) -> Labels:
            with naming(self._own.path):
                scores, classes = two_best(mu, sigma)
            found = classes[:, 0].copy()
            near = close(scores, recipe.margin)
            found[near] = self._own(mixed(clean[near], epsilon[near], mu, sigma))
            return found

        return labels

    def _recipe(self, clean: Images, epsilon: Images) -> Recipe | None:
        key = (self._fingerprint, self._provider, clean.shape[1:])
        with _finding:
            if key not in _recipes:
                _recipes[key] = find_recipe(self._own, self._provider, clean, epsilon)
            return _recipes[key]
