"""What one more training would tell: the answer's interval before it, and after it is imagined.

A training of a size is imagined at a few equally likely outcomes that the predictive distribution
foretells, and the ladder is asked again with it (Bayesian design: Chaloner & Verdinelli 1995,
doi:10.1214/ss/1177009939). So what is promised is what will be found, on average.
"""

from collections.abc import Sequence

import numpy as np

from sizer.inference.records import ModelInfo
from sizer.prediction.predictor import Predictor
from sizer.prediction.question import Requirement
from sizer.prediction.sizes import sizes_reaching
from sizer.scaling.curves import NoiseCurve

BEYOND = 4.0  # a training is looked at up to this many times the largest size
OUTCOMES = (1 / 6, 3 / 6, 5 / 6)  # of an imagined training, as shares of what is foretold
WIDEST = float(np.log(1e4))  # what an interval without an end counts as, log of its factor


def settling_size(ladder: Predictor, requirement: Requirement) -> int:
    """The size, at or beyond the largest trained, whose training would narrow the answer most.

    The largest of them where none narrows it more than another: it tells most of what lies beyond.
    """
    sizes = [round(times * ladder.sizes[-1]) for times in (BEYOND, 2.0, 1.0)]
    return min(sizes, key=lambda size: expected_log_width(ladder, size, requirement, (0.5,)))


def log_width(ladder: Predictor, requirement: Requirement) -> float:
    """Logarithm of upper over lower end of the answer's interval; `WIDEST` where it has no end."""
    forecast = ladder.at(requirement.noise_step)
    sizes = sizes_reaching(forecast, requirement.target_accuracy, requirement.confidence)
    if sizes.low is None or sizes.high is None:
        return WIDEST
    low = max(sizes.low, forecast.size_range[0] / 10)
    return float(min(WIDEST, np.log(max(sizes.high, low) / low)))


def expected_log_width(
    ladder: Predictor,
    size: int,
    requirement: Requirement,
    outcomes: Sequence[float] = OUTCOMES,
) -> float:
    """The mean of `log_width` over imagined outcomes of one more training."""
    imagined = [with_training(ladder, size, requirement.noise_step, share) for share in outcomes]
    widths = [log_width(after, requirement) for after in imagined]
    return float(np.mean(widths))


def with_training(ladder: Predictor, size: int, step: float, share: float) -> Predictor:
    """The ladder with a training of this size that came out at a quantile of what is foretold, at
    the step and around it alike.
    """
    forecast, around = ladder.at(step), ladder.around(step)
    steps = sorted({step, *around})
    reached = np.array(
        [
            forecast.elsewhere(ladder.observed(at))
            .at(np.array([float(size)]))
            .quantiles((share,), training=True)[0, 0]
            for at in steps
        ]
    )
    trials = int(forecast.seen.trials.min())
    model = ModelInfo(name=f"imagined {size} {len(ladder.curves)}", sha256="", parameters=size)
    curve = NoiseCurve(
        model=model,
        chance=forecast.seen.chance,
        steps=tuple(steps),
        correct=tuple(np.rint(np.clip(reached, 0, 1) * trials).astype(int).tolist()),
        trials=(trials,) * len(steps),
    )
    return ladder.with_curves([curve])


def factor(log_width: float) -> float | None:
    """Upper over lower end; None where, in some of what is imagined, there is no end."""
    return None if log_width >= WIDEST else float(np.exp(log_width))
