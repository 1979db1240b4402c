"""Which rewritten graph and which batch are fastest for a model here, found by a short trial.

The scores of a rewritten graph differ in their last bits from those of the file's own graph. The
trial measures by how much, on the first images under noise. Where the two highest scores of an
image lie nearer to each other than a multiple of that, the file's own graph decides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.errors import ModelError
from sizer.inference.file_graph import FileGraph, Images, mixed
from sizer.inference.inputs import CPU_BATCH_VALUES
from sizer.inference.rewritten import RewrittenGraph, TwoBest
from sizer.inference.runtime import CLOCKS, Provider, channel_block

BATCHES: dict[Provider, tuple[int, ...]] = {"cpu": (25, 125), "cuda": (125, 250, 500)}
TRIED_AT = ((1.0, 0.0), (0.9, 0.44), (0.6, 0.8))  # (mu, noise_std)
ENOUGH = 0.01  # seconds of a trial; its shortest run counts
SAFETY = 16  # times the largest difference between scores that was seen
MOST_CLOSE = 0.01  # share of images that may be left to the file's own graph


@dataclass(frozen=True, slots=True)
class Rewriting:
    """block: channels are padded to a multiple of it; None leaves all but input and output.

    margin: scores nearer to each other than this are left to the file's own graph.
    """

    batch: int
    block: int | None
    margin: float


@dataclass(frozen=True, slots=True)
class _Trial:
    """How long a graph took for the sample, and what it answered at each of TRIED_AT."""

    batch: int
    block: int | None
    seconds: float
    answers: tuple[TwoBest, ...]


def choose_rewriting(
    file_graph: FileGraph, provider: Provider, clean: Images, epsilon: Images
) -> Rewriting | None:
    """The fastest rewriting that keeps every label of a sample; None if none does.

    clean, epsilon: images (B, H, W, C) to try it on, and their noise.
    """
    count = min(len(clean), BATCHES[provider][-1])
    sample = clean[:count], epsilon[:count]
    room = CPU_BATCH_VALUES // clean[0].size if provider == "cpu" else count
    tried = (batch for batch in BATCHES[provider] if batch <= min(count, room))
    batches = {file_graph.plan.batch, *tried}
    scores = [file_graph.all_scores(mixed(*sample, mu, noise_std)) for mu, noise_std in TRIED_AT]
    for block in dict.fromkeys((channel_block() if provider == "cpu" else None, None)):
        trials = _trials(file_graph, provider, [(batch, block) for batch in batches], *sample)
        for trial in sorted(trials, key=lambda trial: trial.seconds):
            margin = _safe_margin(trial, scores)
            if margin is not None:
                return Rewriting(trial.batch, trial.block, margin)
    return None


def close(scores: NDArray[np.float32], margin: float) -> NDArray[np.bool_]:
    """Whether the two highest scores (B, 2) nearly tie, (B,); scores that are nan do."""
    with np.errstate(invalid="ignore"):
        return ~(scores[:, 0] - scores[:, 1] >= margin)


def _trials(
    file_graph: FileGraph,
    provider: Provider,
    ways: Sequence[tuple[int, int | None]],
    clean: Images,
    epsilon: Images,
) -> Iterator[_Trial]:
    """A trial of each way (batch, block) that runs."""
    for batch, block in ways:
        try:
            rewritten = RewrittenGraph(file_graph, provider, clean.shape[1:], batch, block)
            two_best = rewritten.prepare(clean, epsilon)
            timed = [_timed(provider, two_best, *at) for at in TRIED_AT]
            while sum(seconds for seconds, _ in timed) < ENOUGH:
                timed.append(_timed(provider, two_best, *TRIED_AT[-1]))
        except ModelError:
            continue
        seconds, answers = zip(*timed, strict=True)
        yield _Trial(rewritten.batch, block, min(seconds), answers[: len(TRIED_AT)])


def _timed(
    provider: Provider, two_best: Callable[[float, float], TwoBest], mu: float, noise_std: float
) -> tuple[float, TwoBest]:
    """Seconds by the clock of the provider."""
    clock = CLOCKS[provider]
    start = clock()
    answer = two_best(mu, noise_std)
    return clock() - start, answer


def _safe_margin(trial: _Trial, scores: Sequence[NDArray[np.float32]]) -> float | None:
    """The margin beyond which labels are the file's own; None where too many or wrong ones are."""
    expected = [np.sort(s.astype(np.float32), axis=1)[:, :-3:-1] for s in scores]
    off = [np.abs(two - true).max() for (two, _), true in zip(trial.answers, expected, strict=True)]
    margin = SAFETY * float(np.max(off))
    near = np.concatenate([close(two, margin) for two, _ in trial.answers])
    labels = np.concatenate([classes[:, 0] for _, classes in trial.answers])
    same = labels == np.concatenate([s.argmax(axis=1) for s in scores])
    kept = bool(np.all(same | near)) and near.mean() <= MOST_CLOSE
    return margin if kept else None
