"""Simulated ladders whose true accuracy is known at any size and noise.

A truth gives p, the accuracy above chance over one minus chance, at x = ln(N / smallest size) and
noise step t. Every ladder draws the numbers of its truth anew. Most truths are no mean function of
any competitor in the league.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import laws
import numpy as np
from ladders import Floats, Ladder, noise_curve
from numpy.typing import NDArray
from scipy.special import expit, ndtr

Surface = Callable[[float, Floats], Floats]
IMAGES = 2000
SHARED = 0.5  # of an image's latent difficulty, the share common to all models
STEPS = tuple(np.linspace(0, 1000, 20).round().tolist())
CHANCES = (0.01, 0.02, 0.1)


def fall(step: Floats, middle: float, width: float) -> Floats:
    """A logistic fall from 1 at step 0."""
    return np.asarray(expit((middle - step) / width) / expit(middle / width))


def power_in_loss(random: np.random.Generator, _span: float) -> Surface:
    """The share p is exp(-loss); the loss is a constant, a power of N and a power of the step."""
    floor, height, rate = random.uniform((0.05, 0.6, 0.25), (0.25, 1.1, 0.5))
    middle, drift, power = random.uniform((320, 0.02, 1.5), (450, 0.07, 2.2))

    def surface(x: float, step: Floats) -> Floats:
        noise = (step / (middle * np.exp(drift * x))) ** power
        return np.asarray(np.exp(-floor - height * np.exp(-rate * x) - noise))

    return surface


def two_falls(random: np.random.Generator, _span: float) -> Surface:
    """Two sigmoids in the step, one after the other, that move apart as N grows."""
    ceiling, gain, rate, share = random.uniform((0.75, 0.3, 0.25, 0.3), (0.92, 0.5, 0.5, 0.6))
    early, late = random.uniform((200, 450), (300, 600))

    def surface(x: float, step: Floats) -> Floats:
        first = fall(step, early * np.exp(0.04 * x), 60)
        second = fall(step, late * np.exp(0.02 * x), 80)
        return np.asarray(
            (ceiling - gain * np.exp(-rate * x)) * (share * first + (1 - share) * second)
        )

    return surface


def late_knee(random: np.random.Generator, span: float) -> Surface:
    """Slow growth in ln N, and faster growth past a knee in the upper half of the ladder."""
    start, slow, fast, place = random.uniform((-1.0, 0.1, 0.25, 0.5), (0.0, 0.25, 0.55, 0.9))
    middle, drift = random.uniform((350, 0.0), (500, 0.04))

    def surface(x: float, step: Floats) -> Floats:
        past = 0.3 * np.logaddexp(0, (x - place * span) / 0.3)
        clean = expit(start + slow * x + fast * past)
        return np.asarray(clean * fall(step, middle * np.exp(drift * x), 100))

    return surface


def saturation_by_data(random: np.random.Generator, span: float) -> Surface:
    """Growth in ln of useful parameters, N / (1 + N / D): the data D make more of them useless.

    D lies between half and four times the largest size.
    """
    start, rate = random.uniform((-1.0, 0.35), (-0.2, 0.55))
    data = span + random.uniform(-np.log(2), np.log(4))
    middle, drift = random.uniform((350, 0.0), (500, 0.04))

    def surface(x: float, step: Floats) -> Floats:
        useful = x - np.logaddexp(0, x - data)
        clean = expit(start + rate * useful)
        return np.asarray(clean * fall(step, middle * np.exp(drift * useful), 100))

    return surface


def no_limit(random: np.random.Generator, _span: float) -> Surface:
    """The logit of p is straight in ln N at every step, and falls with a power of the step."""
    start, rate, power = random.uniform((-1.2, 0.3, 1.3), (-0.3, 0.5, 2.2))
    middle = random.uniform(350, 500)

    def surface(x: float, step: Floats) -> Floats:
        return np.asarray(expit(start + rate * x - 1.5 * (step / middle) ** power))

    return surface


def broken_power(random: np.random.Generator, span: float) -> Surface:
    """The clean error is a power of N with another exponent past a sharp break."""
    floor, height, place = random.uniform((0.04, 0.55, 0.5), (0.15, 0.8, 1.1))
    rates = random.permutation(random.uniform((0.12, 0.3), (0.22, 0.45)))
    middle, drift = random.uniform((350, 0.0), (500, 0.04))

    def surface(x: float, step: Floats) -> Floats:
        before = min(x, place * span)
        error = floor + height * np.exp(-rates[0] * before - rates[1] * (x - before))
        return np.asarray((1 - error) * fall(step, middle * np.exp(drift * x), 100))

    return surface


def smoothly_broken(random: np.random.Generator, span: float) -> Surface:
    """The clean error of Caballero et al. 2022, arXiv:2210.14891, Eq. 1, with one break."""
    floor, height, place = random.uniform((0.04, 0.55, 0.3), (0.15, 0.8, 1.1))
    rate, change, sharpness = random.uniform((0.12, -0.06, 0.3), (0.25, 0.3, 1.0))
    middle, drift = random.uniform((350, 0.0), (500, 0.04))

    def surface(x: float, step: Floats) -> Floats:
        past = sharpness * np.logaddexp(0, (x - place * span) / sharpness)
        error = floor + height * np.exp(-rate * x - change * past)
        return np.asarray((1 - error) * fall(step, middle * np.exp(drift * x), 100))

    return surface


def flat(random: np.random.Generator, _span: float) -> Surface:
    """Size buys little, 0.02 to 0.1 of accuracy a decade, and does not move the fall."""
    ceiling, gain, rate = random.uniform((0.5, 0.15, 0.1), (0.8, 0.3, 0.25))
    middle, width = random.uniform((250, 60), (450, 120))

    def surface(x: float, step: Floats) -> Floats:
        return np.asarray((ceiling - gain * np.exp(-rate * x)) * fall(step, middle, width))

    return surface


TRUTHS: dict[str, Callable[[np.random.Generator, float], Surface]] = {
    "power in loss": power_in_loss,
    "two falls": two_falls,
    "late knee": late_knee,
    "saturation by data": saturation_by_data,
    "no limit": no_limit,
    "broken power": broken_power,
    "smoothly broken": smoothly_broken,
    "flat": flat,
}


@dataclass(frozen=True)
class Design:
    """What is built and measured. trainings: of each size.

    scatter, stretch: standard deviations between trainings of the factor on accuracy above chance,
    and of that on the step. shared: whether all models see the same test images.
    """

    sizes: tuple[int, ...]
    trainings: int
    scatter: float
    stretch: float
    chance: float
    shared: bool
    steps: tuple[float, ...] = STEPS


def draw_design(random: np.random.Generator) -> Design:
    """6 to 9 sizes over 1.5 to 2 decades, 1 to 3 trainings, scatter of 1 to 4 %, stretch half."""
    scatter = float(np.exp(random.uniform(np.log(0.01), np.log(0.04))))
    smallest, decades = 10 ** random.uniform(3.5, 5.0), random.uniform(1.5, 2.0)
    return Design(
        sizes=sizes_between(smallest, smallest * 10**decades, int(random.integers(6, 10))),
        trainings=int(random.integers(1, 4)),
        scatter=scatter,
        stretch=scatter / 2,
        chance=float(random.choice(CHANCES)),
        shared=bool(random.integers(2)),
    )


def sizes_between(smallest: float, largest: float, count: int) -> tuple[int, ...]:
    """Whole sizes, even in ln N."""
    return tuple(int(size) for size in np.geomspace(smallest, largest, count).round())


@dataclass(frozen=True)
class Simulation:
    """A truth and how it is measured. difficulty: of the shared images, (images,), normal."""

    truth: str
    design: Design
    surface: Surface
    difficulty: Floats

    def accuracy(self, size: float, steps: Floats) -> Floats:
        """The true mean accuracy of trainings of this size.

        The mean over the stretch of the step is a Gauss-Hermite sum of three terms.
        """
        stretch = 1 + self.design.stretch * np.array([-np.sqrt(3), 0, np.sqrt(3)])
        share = np.array([1, 4, 1]) / 6 @ self.surface(self._x(size), np.outer(stretch, steps))
        return np.asarray(self.design.chance + (1 - self.design.chance) * share)

    def train(self, size: float, steps: Floats, random: np.random.Generator) -> NDArray[np.bool_]:
        """Whether a new training of this size is right, (steps, images).

        An image is right where its difficulty, half common to all models, is below the accuracy.
        """
        factor = 1 + self.design.scatter * random.standard_normal()
        stretched = np.multiply(steps, 1 + self.design.stretch * random.standard_normal())
        share = factor * self.surface(self._x(size), stretched)
        reached = self.design.chance + (1 - self.design.chance) * share
        common = self.difficulty if self.design.shared else random.standard_normal(IMAGES)
        latent = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * random.standard_normal(IMAGES)
        return np.asarray(ndtr(latent) < reached[:, None])

    def ladder(self, random: np.random.Generator) -> Ladder:
        """Train and measure every size."""
        sizes = np.repeat(self.design.sizes, self.design.trainings).tolist()
        answers = [self.train(size, np.array(self.design.steps), random) for size in sizes]
        curves = tuple(
            noise_curve(f"{size}-{i}", size, self.design.chance, self._cells(right))
            for i, (size, right) in enumerate(zip(sizes, answers, strict=True))
        )
        share = common_share(answers) if self.design.shared else 0.0
        return Ladder(self.truth, curves, share)

    def _cells(self, right: NDArray[np.bool_]) -> Iterator[tuple[float, int, int]]:
        for step, correct in zip(self.design.steps, right.sum(axis=1).tolist(), strict=True):
            yield step, correct, right.shape[1]

    def _x(self, size: float) -> float:
        return float(np.log(size / self.design.sizes[0]))


def simulate(truth: str, random: np.random.Generator) -> Simulation:
    """Draw a design and the numbers of a truth."""
    design = draw_design(random)
    surface = TRUTHS[truth](random, float(np.log(design.sizes[-1] / design.sizes[0])))
    return Simulation(truth, design, surface, random.standard_normal(IMAGES))


def simulate_law(
    law: str, sizes: int, trainings: int, scatter: float, random: np.random.Generator
) -> Simulation:
    """A ladder of one of `LAWS`, all models on the same images, the step stretched as much."""
    design = Design(
        sizes=sizes_between(*laws.SIZES, sizes),
        trainings=trainings,
        scatter=scatter,
        stretch=scatter,
        chance=laws.CHANCE,
        shared=True,
        steps=laws.STEPS,
    )

    def surface(x: float, step: Floats) -> Floats:
        accuracy = laws.LAWS[law](design.sizes[0] * np.exp(x), step)
        return np.asarray((accuracy - laws.CHANCE) / (1 - laws.CHANCE))

    return Simulation(law, design, surface, random.standard_normal(IMAGES))


def common_share(answers: Sequence[NDArray[np.bool_]]) -> float:
    """Covariance between two models over the variance of one, of being right on an image."""
    right = np.stack(answers).astype(float)
    variance = float(right.var(axis=2).sum())
    common = (float(right.sum(axis=0).var(axis=1).sum()) - variance) / (len(right) - 1)
    return min(1.0, max(0.0, common / variance))
