"""How often the stated interval holds: simulated ladders with a known answer.

Each ladder is drawn from a true law: sizes times trainings, scatter between trainings, and test
images that all models share. The shipped fit and inversion answer a requirement whose true size
lies beyond the ladder, and the interval on log10 N is compared with the truth.

Run: python benchmarks/coverage.py --ladders 300 --json out/coverage.json
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, stdtrit
from sizer.fit import fit_surfaces, image_share
from sizer.law import first_reaching

from sizer.advise import advise
from sizer.advise.prospect import prospect, sizes_sought
from sizer.calibration import Calibration
from sizer.errors import SizerError
from sizer.files import VERSION
from sizer.inference.records import ModelInfo
from sizer.results import Advice, Requirement
from sizer.scaling.curves import Cell, NoiseCurve
from sizer.scaling.surface import LawFit

Floats = NDArray[np.float64]
CHANCE = 0.01
STEPS = np.round(1000 * np.linspace(0, 1, 26) ** 1.25)
SIZES = (1e4, 1e6)
IMAGES = 2000
SHARED = 0.5  # share of an image's difficulty that all models agree on
# sizes, trainings of each, scatter between trainings, target size over the largest of the ladder
SETTINGS = ((7, 3, 0.03, 1.7), (9, 2, 0.05, 1.5), (8, 1, 0.0, 3.0))


@dataclass(frozen=True)
class Setting:
    """One cell of the table."""

    truth: str
    sizes: int
    trainings: int
    scatter: float
    beyond: float


@dataclass(frozen=True)
class Outcome:
    """One ladder's answer. width: of the interval on log10 N, None if it is not bounded.

    covered: an answer that is refused is not wrong. safe: `recommended` is no less than the truth.
    """

    verdict: str
    covered: bool
    width: float | None
    reference_width: float | None
    error: float | None
    law: str
    safe: bool


def logistic(size: float, step: Floats) -> Floats:
    """Power law with a ceiling, midpoint and width powers of N: inside the fitted set.

    The width falls as N^-0.28, as the paper finds it.
    """
    x = np.log(size / 1e5)
    clean, middle, width = 0.8 - 0.25 * np.exp(-0.3 * x), 400 * np.exp(0.03 * x), 110.0
    scale = width * np.exp(-0.28 * x)
    fall = expit((middle - step) / scale) / expit(middle / scale)
    return np.asarray(CHANCE + (clean - CHANCE) * fall)


def saturating(size: float, step: Floats) -> Floats:
    """At each step a power law in N with its own ceiling: inside the fitted set."""
    x = np.log(size / 1e5)
    fall = expit((420 - step) / 100) / expit(4.2)
    ceiling, gain = CHANCE + 0.75 * fall, 0.25 * fall**0.8
    return np.asarray(ceiling - gain * np.exp(-0.28 * x))


def outside(size: float, step: Floats) -> Floats:
    """An asymmetric fall with a correction to scaling: in no fitted law."""
    x = np.log(size / 1e5)
    clean = 0.8 - 0.25 * np.exp(-0.3 * x) * (1 + 0.15 * np.exp(-0.5 * x))
    middle, scale = 420 * np.exp(0.03 * x), 160 * np.exp(-0.12 * x)
    fall = 1 - np.exp(-np.exp((step - middle) / scale) * np.log(2))
    start = 1 - np.exp(-np.exp(-middle / scale) * np.log(2))
    return np.asarray(CHANCE + (clean - CHANCE) * (1 - fall) / (1 - start))


TRUTHS: dict[str, Callable[[float, Floats], Floats]] = {
    "logistic": logistic,
    "saturating": saturating,
    "outside": outside,
}


def ladder(setting: Setting, random: np.random.Generator) -> tuple[list[NoiseCurve], float]:
    """Counts of every model, and the share of their counting errors that is common to them.

    An image is right where its latent difficulty is below the law.
    """
    shared = random.standard_normal(IMAGES)
    curves, answers = [], []
    for size in np.round(np.geomspace(*SIZES, setting.sizes)):
        for training in range(setting.trainings):
            truth = TRUTHS[setting.truth](size, STEPS * (1 + setting.scatter * random.normal()))
            reached = CHANCE + (truth - CHANCE) * (1 + setting.scatter * random.normal())
            latent = np.sqrt(SHARED) * shared
            latent = latent + np.sqrt(1 - SHARED) * random.standard_normal(IMAGES)
            answers.append(ndtr(latent)[:, None] < reached)
            right = answers[-1].sum(0)
            model = ModelInfo(f"{size:.0f}-{training}", "", int(size))
            curves.append(
                NoiseCurve(
                    model, CHANCE, tuple(STEPS), tuple(map(int, right)), (IMAGES,) * len(STEPS)
                )
            )
    return curves, image_share(np.stack(answers).transpose(0, 2, 1))


def ask(setting: Setting, seed: int) -> Outcome:
    """Fit one simulated ladder and ask for what a larger model really reaches."""
    random = np.random.default_rng([seed, *map(ord, setting.truth)])
    curves, common = ladder(setting, random)
    true_size, step = SIZES[1] * setting.beyond, 300.0
    target = float(TRUTHS[setting.truth](true_size, np.array([step]))[0])
    try:
        surfaces, backtests = fit_surfaces(curves, common)
    except SizerError as error:
        return Outcome(f"error: {error}", False, None, None, None, "", False)
    cells = tuple(
        Cell(curve.model.name, step, correct, trials)
        for curve in curves
        for step, correct, trials in zip(curve.steps, curve.correct, curve.trials, strict=True)
    )
    calibration = Calibration(
        version=VERSION,
        created_with="coverage",
        schedule=None,
        dataset=None,
        models=tuple(curve.model for curve in curves),
        chance=CHANCE,
        cells=cells,
        crossings=(),
        widths=(),
        width_law=None,
        collapse=None,
        fit=surfaces[0],
        rivals=surfaces[1:],
        backtests=backtests,
    )
    requirement = Requirement(step, target)
    advice = advise(calibration, requirement)
    return judge(advice, true_size, reference(setting, surfaces, requirement))


def judge(
    advice: Advice, true_size: float, reference: tuple[float | None, float | None] | None
) -> Outcome:
    sizes = advice.parameters
    if sizes is None:
        wrong = advice.verdict == "unreachable"
        return Outcome(advice.verdict, not wrong, None, None, None, advice.law, True)
    low = np.inf if sizes.low is None else sizes.low
    high = np.inf if sizes.high is None else sizes.high
    return Outcome(
        verdict=advice.verdict,
        covered=bool(low <= true_size <= high),
        width=log_width(sizes.low, sizes.high),
        reference_width=None if reference is None else log_width(*reference),
        error=float(np.log10(sizes.best / true_size)) if sizes.best else None,
        law=advice.law,
        safe=sizes.recommended is None or sizes.recommended >= true_size,
    )


def log_width(low: float | None, high: float | None) -> float | None:
    """Of an interval on log10 N, None if it has no end."""
    return float(np.log10(high / low)) if low and high else None


def reference(
    setting: Setting, surfaces: tuple[LawFit, ...], requirement: Requirement
) -> tuple[float | None, float | None] | None:
    """The interval of the true law alone, by its clustered covariance alone; None outside the set.

    What one could state who knew the law and had new images for every model.
    """
    true = [fit for fit in surfaces if fit.law == setting.truth and fit.degrees_of_freedom > 0]
    if not true:
        return None
    seen = prospect([replace(true[0], weight=1.0)], sizes_sought(true[0]), requirement.noise_step)
    reach = stdtrit(seen.freedom, 0.95) * seen.fit
    target = requirement.target_accuracy
    low, high = (first_reaching(seen.sizes, seen.mean + s * reach, target) for s in (1, -1))
    return low, high


def row(setting: Setting, outcomes: list[Outcome]) -> dict[str, Any]:
    """One line of the table; a width that has no end counts as infinite in the median."""
    answered = [one for one in outcomes if one.error is not None]
    verdicts = [one.verdict.split(":")[0] for one in outcomes]
    return {
        **asdict(setting),
        "ladders": len(outcomes),
        "coverage": float(np.mean([one.covered for one in outcomes])),
        "coverage_answered": float(np.mean([one.covered for one in answered])),
        "median_width": median([one.width for one in answered]),
        "reference_width": median([one.reference_width for one in answered]),
        "bias": float(np.median([one.error for one in answered])),
        "safe": float(np.mean([one.safe for one in outcomes])),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "laws": {law: sum(o.law == law for o in outcomes) for law in {o.law for o in outcomes}},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as markdown."""
    lines = [
        "| true law | sizes x trainings | scatter | beyond | coverage | width | true law alone "
        "| bias | safe | refused |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        width, alone = (
            "no end" if one[name] is None else f"{one[name]:.2f}"
            for name in ("median_width", "reference_width")
        )
        refused = one["ladders"] - one["verdicts"].get("recommended", 0)
        lines.append(
            f"| {one['truth']} | {one['sizes']} x {one['trainings']} | {one['scatter']:.0%} "
            f"| {one['beyond']:g} | {one['coverage']:.2f} | {width} "
            f"| {'-' if one['truth'] == 'outside' else alone} | {one['bias']:+.2f} "
            f"| {one['safe']:.2f} | {refused / one['ladders']:.0%} |"
        )
    return "\n".join(lines)


def median(widths: list[float | None]) -> float | None:
    middle = float(np.median([np.inf if width is None else width for width in widths]))
    return middle if np.isfinite(middle) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ladders", type=int, default=300)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--truths", nargs="*", default=list(TRUTHS))
    given = parser.parse_args()
    rows = []
    with ProcessPoolExecutor() as pool:
        for parts, truth in itertools.product(SETTINGS, given.truths):
            setting = Setting(truth, *parts)
            outcomes = list(pool.map(ask, [setting] * given.ladders, range(given.ladders)))
            rows.append(row(setting, outcomes))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            if given.json is not None:
                given.json.write_text(json.dumps(rows, indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
