"""Changes to a ladder that should not change what is answered, one failed training among them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from ladders import Ladder, NoiseCurve, noise_curve

USELESS = 500  # parameters of a model that only guesses
FAILED = 0.9  # of a failed training's accuracy above chance, what it reached of its twin's


@dataclass(frozen=True)
class Change:
    """A changed ladder, and where the noise step that is asked about lies in it."""

    name: str
    ladder: Ladder
    step: float


def harmless(ladder: Ladder, step: float) -> Iterator[Change]:
    """Order, fewer steps, other labels of steps, models told twice, and a model without a use."""
    curves = ladder.curves

    def changed(name: str, *changed: NoiseCurve, at: float = step) -> Change:
        return Change(name, replace(ladder, curves=changed), at)

    yield changed("none", *curves)
    yield changed("rows reversed", *curves[::-1])
    yield changed("every second step", *(some_steps(curve, 0) for curve in curves))
    yield changed("the other steps", *(some_steps(curve, 1) for curve in curves))
    for name, label in (("logarithm", logarithm), ("square", square)):
        labelled = (relabelled(curve, label) for curve in curves)
        yield changed(f"steps by their {name}", *labelled, at=label(step))
    twins = (renamed(curve, f"{curve.model.name} again") for curve in curves)
    yield changed("each model twice", *curves, *twins)
    yield changed("a useless tiny model", guessing(curves[0]), *curves)


def failures(ladder: Ladder, step: float) -> Iterator[Change]:
    """One training of each size, one at a time, 10 % worse than it was."""
    for size in ladder.sizes:
        failing = ladder.of_size(size)[-1]
        curves = (failed(curve) if curve is failing else curve for curve in ladder.curves)
        yield Change(f"failed: {failing.model.name}", replace(ladder, curves=tuple(curves)), step)


def logarithm(step: float) -> float:
    return float(100 * np.log1p(step / 100))


def square(step: float) -> float:
    return step * step / 1000


def some_steps(curve: NoiseCurve, first: int) -> NoiseCurve:
    every = slice(first, None, 2)
    return replace(
        curve, steps=curve.steps[every], correct=curve.correct[every], trials=curve.trials[every]
    )


def relabelled(curve: NoiseCurve, label: Callable[[float], float]) -> NoiseCurve:
    return replace(curve, steps=tuple(label(step) for step in curve.steps))


def renamed(curve: NoiseCurve, name: str) -> NoiseCurve:
    return replace(curve, model=replace(curve.model, name=name))


def guessing(like: NoiseCurve) -> NoiseCurve:
    """A tiny model at chance, measured as the others were."""
    cells = zip(like.steps, (round(n * like.chance) for n in like.trials), like.trials, strict=True)
    return noise_curve("guessing", USELESS, like.chance, cells)


def failed(curve: NoiseCurve) -> NoiseCurve:
    """What the training would have measured, had it failed by a tenth."""
    pairs = zip(curve.correct, curve.trials, strict=True)
    worse = (n * curve.chance + FAILED * (k - n * curve.chance) for k, n in pairs)
    return replace(curve, correct=tuple(round(correct) for correct in worse))
