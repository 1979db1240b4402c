"""Trainings that failed: far below what their ladder says of them, and so no evidence of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.prediction.forecast import forecast
from sizer.prediction.observations import Observations
from sizer.scaling.curves import best_guess

Floats = NDArray[np.float64]
ODDS = np.log(50.0)  # that the evidence must give for a failure
MOST = 0.15  # of the models
BELOW = 0.96  # of the accuracy above chance that was expected: what is looked at more closely
LEAST_MODELS = 4


def failed_trainings(steps: Sequence[Observations], inflation: float) -> tuple[int, ...]:
    """Places of the failed models, ascending, from a few noise steps of one ladder.

    A model failed where the ladder is much more likely, at one of the steps, once its own scatter
    is `inflation` times that of others in variance. Only models below their twins and neighbours
    are looked at.
    """
    if not steps or len(steps[0].sizes) < LEAST_MODELS:
        return ()
    failed: list[int] = []
    evidence: Floats | None = None
    while len(failed) + 1 <= max(1, MOST * len(steps[0].sizes)):
        suspects = [model for model in _suspects(steps, failed) if model not in failed]
        if not suspects:
            break
        if evidence is None:
            evidence = _evidence(steps, failed, inflation)
        each = {model: _evidence(steps, [*failed, model], inflation) for model in suspects}
        gains = {model: float((after - evidence).max()) for model, after in each.items()}
        worst = max(gains, key=lambda model: gains[model])
        if gains[worst] <= ODDS:
            break
        failed.append(worst)
        evidence = each[worst]
    return tuple(sorted(failed))


def _evidence(steps: Sequence[Observations], failed: Sequence[int], inflation: float) -> Floats:
    """Log evidence of each step by itself (steps,)."""
    inflated = np.ones(len(steps[0].sizes))
    inflated[list(failed)] = inflation
    return np.array([forecast(replace(at, inflation=inflated), ()).log_evidence for at in steps])


def _suspects(steps: Sequence[Observations], failed: Sequence[int]) -> list[int]:
    """The models that lie furthest below what the others let expect, at most three."""
    ratios = np.min([_ratio(seen, failed) for seen in steps], axis=0)
    lowest = np.argsort(ratios, kind="stable")[:3]
    return [int(model) for model in lowest if ratios[model] < BELOW]


def _ratio(seen: Observations, failed: Sequence[int]) -> Floats:
    """Accuracy above chance over what is expected of a model: of its twins where it has any, else
    of the sizes on both sides of it, or of the nearest smaller. Zero for a model that guesses.
    """
    good = np.ones(len(seen.sizes), dtype=bool)
    good[list(failed)] = False
    above = seen.p
    ratios = np.ones(len(above))
    for model, size in enumerate(seen.sizes):
        others = good & (np.arange(len(above)) != model)
        twins = above[others & (seen.sizes == size)]
        expected = twins.mean() if twins.size else _between(seen.sizes, above, others, size)
        if seen.accuracy[model] <= best_guess(seen.chance, int(seen.trials[model])):
            ratios[model] = 0.0
        elif expected is not None:
            ratios[model] = above[model] / expected
    return ratios


def _between(sizes: Floats, above: Floats, others: NDArray[np.bool_], size: float) -> float | None:
    """Means of the neighbouring sizes on a straight line in ln N; None below the smallest."""
    known = np.array(sorted(set(sizes[others].tolist())))
    if not known.size or size < known[0]:
        return None
    means = np.array([above[others & (sizes == other)].mean() for other in known])
    return float(np.interp(np.log(size), np.log(known), means))
