"""Which law to believe: the one that predicts left-out large models best."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.fit.evidence import MINIMUM_SIZES, root_mean_square
from sizer.fit.surface import CONTRADICTED, fit_surface
from sizer.law import LAWS, Law, accuracy, size_reaching
from sizer.results import Backtest, LawFit, NoiseCurve

Floats = NDArray[np.float64]
SIZE_BUYS = 0.02  # accuracy per decade of size, below which a size is not determined


def backtest(law: Law, curves: Sequence[NoiseCurve], hold_out: int) -> Backtest | None:
    """Refit without the `hold_out` largest sizes and predict them; None if too few are left."""
    sizes = sorted({curve.model.parameters for curve in curves})
    fitted, held = sizes[:-hold_out], sizes[-hold_out:]
    if len(fitted) < MINIMUM_SIZES + 1:
        return None
    try:
        fit = fit_surface(law, [curve for curve in curves if curve.model.parameters in fitted])
    except MeasurementError:
        return None
    misses: list[Floats] = []
    size_errors: list[float] = []
    for curve in (curve for curve in curves if curve.model.parameters in held):
        steps = np.array(curve.steps)
        observed = np.divide(curve.correct, curve.trials)
        misses.append(accuracy(fit, curve.model.parameters, steps) - observed)
        size_errors += _size_errors(fit, curve.model.parameters, steps, observed)
    missed = np.concatenate(misses)
    return Backtest(
        law=law.name,
        hold_out=hold_out,
        ratio=held[-1] / fitted[-1],
        accuracy_rms=root_mean_square(missed),
        accuracy_worst=float(missed[np.argmax(np.abs(missed))]),
        log10_size_error=root_mean_square(np.array(size_errors)) if size_errors else None,
    )


def _size_errors(fit: LawFit, size: int, steps: Floats, observed: Floats) -> list[float]:
    """log10 of predicted over true size, where a factor of ten still buys accuracy.

    A size that the law says cannot be reached counts as an error of one decade.
    """
    buys = accuracy(fit, 10 * size, steps) - accuracy(fit, size, steps)
    limits = (size / 10, size * 10)
    errors = []
    for step, reached in zip(steps[buys > SIZE_BUYS], observed[buys > SIZE_BUYS], strict=True):
        predicted = size_reaching(fit, float(step), float(reached), limits)
        errors.append(float(np.clip(np.log10(max(predicted, 1e-9) / size), -1, 1)))
    return errors


def fit_surfaces(curves: Sequence[NoiseCurve]) -> tuple[tuple[LawFit, ...], tuple[Backtest, ...]]:
    """Every law fitted, the best predictor of left-out large sizes first, and all back-tests."""
    fitted = [fit_surface(law, curves) for law in LAWS.values()]
    tests = [backtest(LAWS[fit.law], curves, hold_out) for fit in fitted for hold_out in (1, 2)]
    done = tuple(test for test in tests if test is not None)
    fits = [_held_to(fit, done, _counting_error(curves)) for fit in fitted]

    def rank(fit: LawFit) -> tuple[bool, float]:
        errors = [test.accuracy_rms for test in done if test.law == fit.law]
        return not fit.trusted, float(np.mean(errors)) if errors else fit.residual_rms

    return tuple(sorted(fits, key=rank)), done


def _held_to(fit: LawFit, tests: Sequence[Backtest], counting: float) -> LawFit:
    """The fit, no longer trusted if it predicts the largest size badly from the others."""
    nearest = [test for test in tests if test.law == fit.law and test.hold_out == 1]
    missed = max((test.accuracy_rms for test in nearest), default=0.0)
    if not fit.trusted or missed <= np.hypot(CONTRADICTED, counting):
        return fit
    verdict = (
        f"the largest size contradicts the law: predicted from the others, off by {missed:.3f}"
    )
    return replace(fit, trusted=False, verdict=verdict)


def _counting_error(curves: Sequence[NoiseCurve]) -> float:
    """Root mean square error of one measured accuracy from the number of images alone."""
    variances = [
        share * (1 - share) / trials
        for curve in curves
        for share, trials in zip(np.divide(curve.correct, curve.trials), curve.trials, strict=True)
    ]
    return float(np.sqrt(np.mean(variances)))
