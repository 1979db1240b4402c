"""The master curve of a class of ladders: what is left of the accuracy, over noise / half noise.

acc = c + (A - c) g(s / s_half), c a guesser's accuracy, A the clean one, s the noise and s_half
that at which half of A - c is lost. g is the mean of measured curves after their collapse, so no
form of it is assumed (Houdayer & Hartmann 2004, arXiv:cond-mat/0402036, take master curves so).
Where g is known, a model's two scales are all that is left to measure, and for the whole ladder how
its own g(x) differs: g(W(x)), W straight in ln x between a few points.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.noise import NoiseSchedule
from sizer.scaling.curves import NoiseCurve

Floats = NDArray[np.float64]
Measured = tuple[NoiseCurve, Floats]  # with the noise of its steps
STEEPER = 1.5  # times as steep as the master curve, or as slow, anywhere: more is another shape
KNOTS = (0.9, 0.75, 0.6, 0.45, 0.3, 0.2)  # shares, at which a ladder's own shape is told
TELLING = (0.96, 0.1)  # shares between which a point tells it
ROUNDS = 5  # times that scales and shape are found in turn
CONTRADICTS = 0.01  # probability of such residuals by chance, below which a shape is not a model's
COMPLETED = 32  # steps of a completed curve, besides that without noise
FIRST_RATIO = 0.1  # of noise over half noise: the first of them
LEAST_VARIANCE = 1e-12  # of an accuracy


@dataclass(frozen=True, slots=True)
class MasterCurve:
    """ladders: that it was taken from. half_noise: geometric mean of theirs, grey levels.

    ratio: of noise over half noise, ascending from 0; share: of the clean accuracy above chance
    that is left there, falling from 1. spread: root mean square distance of a model's share from
    it, moved as its ladder falls; less what counting makes of that.
    """

    ladders: tuple[str, ...]
    half_noise: float
    ratio: tuple[float, ...]
    share: tuple[float, ...]
    spread: float

    def at(self, ratio: Floats) -> Floats:
        """The share that is left (n,), straight between the points."""
        return np.interp(ratio, self.ratio, self.share)

    def ratio_at(self, share: float) -> float:
        """Where a share is left; the last point, if it falls no further."""
        return float(np.interp(-share, -np.array(self.share), self.ratio))


@dataclass(frozen=True, slots=True)
class Scales:
    """Of one model: the accuracy without noise, and the natural logarithm of its half noise.

    covariance: of the clean accuracy, of both, and of the logarithm, by counting. chance_of_misfit:
    the probability of such residuals where the shape is the model's.
    """

    model: str
    clean: float
    log_half_noise: float
    covariance: tuple[float, float, float]
    chance_of_misfit: float

    @property
    def contradicts(self) -> bool:
        """Whether the residuals are more than counting and the spread of the shape explain."""
        return self.chance_of_misfit < CONTRADICTS

    def scaled(self, curve: NoiseCurve, noise: Floats) -> tuple[Floats, Floats]:
        """Noise over half noise, and the share that is left there, of the model's own curve."""
        left = (curve.accuracy - curve.chance) / (self.clean - curve.chance)
        return noise / np.exp(self.log_half_noise), left


@dataclass(frozen=True, slots=True)
class BorrowedShape:
    """The shape that a ladder was measured with, and the scales of the models that rest on it."""

    curve: MasterCurve
    scales: tuple[Scales, ...]


def noise_of(steps: Sequence[float], schedule: NoiseSchedule) -> Floats:
    """Grey levels (steps,)."""
    return np.array([schedule.sigma(step) for step in steps])


def scales_of(curve: NoiseCurve, noise: Floats, master: MasterCurve) -> Scales:
    """A and s_half by least squares; every point is weighed by its counting error and the spread.

    noise: of the curve's steps, the first without any or with little.
    """
    from scipy.optimize import least_squares
    from scipy.special import chdtrc

    above = max(float(curve.accuracy[0] - curve.chance), 1e-6)
    variance = _counting(curve) + (master.spread * above) ** 2

    def missed(values: Floats) -> Floats:
        expected = _expected(noise, values[0], values[1], master, curve.chance)
        within = noise <= master.ratio[-1] * np.exp(values[1])
        return np.asarray(within * (expected - curve.accuracy) / np.sqrt(variance))

    start = [curve.accuracy[0], _first_guess(curve, noise, master)]
    found = least_squares(missed, start, x_scale="jac")
    slopes = found.jac * np.sqrt(variance)[:, None]
    covariance = _by_counting(slopes, 1 / variance, _counting(curve))
    freedom = len(noise) - 2
    return Scales(
        model=curve.model.name,
        clean=float(found.x[0]),
        log_half_noise=float(found.x[1]),
        covariance=(float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        chance_of_misfit=float(chdtrc(freedom, 2 * found.cost)) if freedom > 0 else 1.0,
    )


def of_own_shape(master: MasterCurve, ladder: Sequence[Measured]) -> MasterCurve:
    """The master curve as a ladder's own models fall: each share is moved to the noise, over their
    half noise, at which most of them have it.
    """
    own = master
    for _ in range(ROUNDS):
        own = _moved(master, np.concatenate([_shares(*one, own, master) for one in ladder], axis=1))
    return own


def _shares(curve: NoiseCurve, noise: Floats, own: MasterCurve, master: MasterCurve) -> Floats:
    """Where the master curve has a model's share, and where the model has it: ln of the noise over
    half noise (2, n), of the points that tell it.
    """
    ratio, share = scales_of(curve, noise, own).scaled(curve, noise)
    told = (noise > 0) & (share < TELLING[0]) & (share > max(TELLING[1], master.share[-1]))
    theirs = np.log([master.ratio_at(each) for each in share[told]])
    return np.array([theirs, np.log(ratio[told])])


def _moved(master: MasterCurve, shares: Floats) -> MasterCurve:
    """shares: (2, n), as of `_shares`; the median of the points about each of `KNOTS`."""
    knots = np.log([master.ratio_at(share) for share in KNOTS])
    nearest = np.abs(shares[0][:, None] - knots).argmin(1)
    found = [np.median(shares[:, nearest == k], axis=1) for k in np.unique(nearest)]
    if len(found) < 2:
        return master
    theirs, own = np.array(found)[np.argsort([each[0] for each in found])].T
    slopes = np.clip(np.diff(own) / np.diff(theirs), 1 / STEEPER, STEEPER)
    own = np.concatenate([[0.0], np.cumsum(slopes * np.diff(theirs))])
    own -= np.interp(0.0, theirs, own)
    return replace(master, ratio=(0.0, *np.exp(_straight(theirs, own, master)).tolist()))


def _straight(theirs: Floats, own: Floats, master: MasterCurve) -> Floats:
    """Through the points; beyond them as steep as from the half noise to the last of them."""
    at = np.log(master.ratio[1:])
    inside = np.interp(at, theirs, own)
    before, after = at * own[0] / theirs[0], at * own[-1] / theirs[-1]
    return np.where(at < theirs[0], before, np.where(at > theirs[-1], after, inside))


def completed(
    curves: Sequence[NoiseCurve],
    shape: BorrowedShape | None,
    schedule: NoiseSchedule | None,
) -> tuple[NoiseCurve, ...]:
    """The curves, those that rest on the shape drawn out by it.

    Their counts are as many as the errors of the two scales and the spread of the shape are worth.
    The others are as they were measured.
    """
    if shape is None or schedule is None:
        return tuple(curves)
    scales = {each.model: each for each in shape.scales}
    steps = _steps_of(shape, schedule)
    return tuple(
        _drawn_out(curve, scales[curve.model.name], steps, shape.curve, schedule)
        if curve.model.name in scales
        else curve
        for curve in curves
    )


def _drawn_out(
    curve: NoiseCurve,
    scales: Scales,
    steps: tuple[float, ...],
    master: MasterCurve,
    schedule: NoiseSchedule,
) -> NoiseCurve:
    noise = noise_of(steps, schedule)
    accuracy = _expected(noise, scales.clean, scales.log_half_noise, master, curve.chance)
    of_shape = (master.spread * (scales.clean - curve.chance)) ** 2
    variance = _variance(noise, scales, master, curve.chance) + of_shape
    accuracy = np.clip(accuracy, 0, 1)
    binomial = np.maximum(accuracy * (1 - accuracy), curve.chance * (1 - curve.chance))
    trials = np.maximum(1, np.rint(binomial / np.maximum(variance, LEAST_VARIANCE))).astype(int)
    trials = np.minimum(trials, sum(curve.trials))
    return NoiseCurve(
        model=curve.model,
        chance=curve.chance,
        steps=steps,
        correct=tuple(np.rint(accuracy * trials).astype(int).tolist()),
        trials=tuple(trials.tolist()),
    )


def _steps_of(shape: BorrowedShape, schedule: NoiseSchedule) -> tuple[float, ...]:
    """Steps that all completed curves share: to the end of the shape of the least robust model."""
    half = np.exp([each.log_half_noise for each in shape.scales])
    last = min(half.min() * shape.curve.ratio[-1], schedule.sigma(schedule.last_step))
    noise = np.geomspace(FIRST_RATIO * half.min(), last, COMPLETED)
    return tuple(sorted({0.0, *(round(schedule.step_from_sigma(at), 1) for at in noise)}))


def _expected(
    noise: Floats, clean: float, log_half: float, master: MasterCurve, chance: float
) -> Floats:
    return np.asarray(chance + (clean - chance) * master.at(noise / np.exp(log_half)))


def _variance(noise: Floats, scales: Scales, master: MasterCurve, chance: float) -> Floats:
    """Of the accuracies, from those of the scales (n,)."""
    step, both = 0.01, (scales.clean, scales.log_half_noise)
    by_clean = master.at(noise / np.exp(both[1]))
    up, down = (_expected(noise, both[0], both[1] + by, master, chance) for by in (step, -step))
    by_half = (up - down) / (2 * step)
    aa, ab, bb = scales.covariance
    return np.asarray(aa * by_clean**2 + 2 * ab * by_clean * by_half + bb * by_half**2)


def _counting(curve: NoiseCurve) -> Floats:
    """Binomial variance, as of one more right and one more wrong: none is zero (steps,)."""
    trials = np.array(curve.trials)
    share = (np.array(curve.correct) + 1) / (trials + 2)
    return np.asarray(share * (1 - share) / trials)


def _first_guess(curve: NoiseCurve, noise: Floats, master: MasterCurve) -> float:
    """The logarithm of the half noise, from the point that has lost nearest to half."""
    left = (curve.accuracy - curve.chance) / max(curve.accuracy[0] - curve.chance, 1e-6)
    near = int(np.argmin(np.where(noise > 0, np.abs(left - 0.5), np.inf)))
    ratio = master.ratio_at(float(np.clip(left[near], master.share[-1], 0.98)))
    return float(np.log(noise[near] / ratio))


def _by_counting(slopes: Floats, weights: Floats, counting: Floats) -> Floats:
    """Covariance of a weighed fit from the counting errors alone (2, 2)."""
    solved = np.linalg.pinv(slopes.T * weights @ slopes) @ (slopes.T * weights)
    return np.asarray(solved * counting @ solved.T)
