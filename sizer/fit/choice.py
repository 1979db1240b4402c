"""Which law to believe: the one that predicts left-out large models best."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.fit.evidence import MINIMUM_SIZES, root_mean_square
from sizer.fit.surface import CONTRADICTED, fit_surface
from sizer.law import LAWS, Law, accuracy, first_reaching
from sizer.results import Backtest, IntervalMethod, LawFit, NoiseCurve

Floats = NDArray[np.float64]
HOLD_OUTS = (1, 2, 3)  # largest sizes left out, in turn
LEAST_LEFT = MINIMUM_SIZES + 1  # sizes that are fitted in a back-test
SCANNED = 3  # smallest sizes that a scan leaves out, at most
LEAST_DEVIANCE = 1.0  # likewise
LEAST_ERROR = 1e-4  # accuracy: better predictions than this are luck
SIZES = 121  # of the grid around a true size, a decade either way
SIZE_BUYS = 0.02  # accuracy per decade of size, below which a size is not determined


def backtest(law: Law, curves: Sequence[NoiseCurve], hold_out: int) -> Backtest | None:
    """Refit without the `hold_out` largest sizes and predict them; None if too few are left."""
    sizes = sorted({curve.model.parameters for curve in curves})
    fitted, held = sizes[:-hold_out], sizes[-hold_out:]
    if len(fitted) < LEAST_LEFT:
        return None
    try:
        fit = fit_surface(law, [curve for curve in curves if curve.model.parameters in fitted])
    except MeasurementError:
        return None
    return against(fit, [curve for curve in curves if curve.model.parameters in held])


def against(fit: LawFit, held: Sequence[NoiseCurve]) -> Backtest:
    """The predictions of a fit to smaller models beside the curves that were held out."""
    misses: list[Floats] = []
    size_errors: list[float] = []
    for curve in held:
        steps = np.array(curve.steps)
        observed = np.divide(curve.correct, curve.trials)
        misses.append(accuracy(fit, curve.model.parameters, steps) - observed)
        size_errors += _size_errors(fit, curve.model.parameters, steps, observed)
    missed = np.concatenate(misses)
    sizes = {curve.model.parameters for curve in held}
    return Backtest(
        law=fit.law,
        hold_out=len(sizes),
        models=len(misses),
        ratio=max(sizes) / fit.size_range[1],
        accuracy_rms=root_mean_square(missed),
        accuracy_worst=float(missed[np.argmax(np.abs(missed))]),
        log10_size_error=root_mean_square(np.array(size_errors)) if size_errors else None,
    )


def _size_errors(fit: LawFit, size: int, steps: Floats, observed: Floats) -> list[float]:
    """log10 of predicted over true size, where a factor of ten still buys accuracy.

    A size that the law says cannot be reached counts as an error of one decade.
    """
    sizes = size * np.geomspace(0.1, 10, SIZES)
    reached = accuracy(fit, sizes[:, None], steps)
    buys = reached[-1] - reached[SIZES // 2] > SIZE_BUYS
    errors = []
    for column, target in zip(reached.T[buys], observed[buys], strict=True):
        found = first_reaching(sizes, column, target)
        predicted = sizes[-1] if found is None else max(found, sizes[0])
        errors.append(float(np.log10(predicted / size)))
    return errors


def fit_surfaces(
    curves: Sequence[NoiseCurve],
    image_share: float = 1.0,
    interval: IntervalMethod = "sandwich",
) -> tuple[tuple[LawFit, ...], tuple[Backtest, ...]]:
    """Every law fitted, the best predictor of left-out large sizes first, and all back-tests."""
    fitted = [fit_surface(law, curves, image_share, interval) for law in LAWS.values()]
    tests = [backtest(LAWS[fit.law], curves, hold_out) for fit in fitted for hold_out in HOLD_OUTS]
    done = tuple(test for test in tests if test is not None)
    fits = _weighted(
        [_held_to(fit, done, _counting_error(curves)) for fit in fitted], done, len(curves)
    )

    def rank(fit: LawFit) -> tuple[bool, float, float]:
        return not fit.trusted, -fit.weight, fit.residual_rms

    return tuple(sorted(fits, key=rank)), done


def scan_smallest(fit: LawFit, curves: Sequence[NoiseCurve]) -> tuple[LawFit, ...]:
    """The law of `fit` without the smallest size, the two smallest, and so on."""
    sizes = sorted({curve.model.parameters for curve in curves})
    found = []
    for smallest in sizes[1 : min(len(sizes) - MINIMUM_SIZES, SCANNED + 1)]:
        larger = [curve for curve in curves if curve.model.parameters >= smallest]
        try:
            found.append(fit_surface(LAWS[fit.law], larger, fit.image_share))
        except MeasurementError:
            break
    return tuple(found)


def _weighted(fits: Sequence[LawFit], tests: Sequence[Backtest], models: int) -> list[LawFit]:
    """Each law's share in an answer: how likely its predictions of left-out models make it.

    The likelihood of Gaussian errors whose size is unknown, error ** -n with n the models that were
    predicted, normalised (pseudo-marginal likelihood: Geisser & Eddy 1979,
    doi:10.1080/01621459.1979.10481632): of the largest sizes, left out together, times that of
    every model, left out alone.
    """
    trusted = [fit for fit in fits if fit.trusted] or fits
    held = max((test.models for test in tests), default=0)
    beyond = np.array([_prediction_error(fit.law, tests) for fit in trusted])
    within = np.sqrt([max(fit.left_out, LEAST_DEVIANCE) for fit in trusted])
    log_likely = -held * np.log(beyond) - models * np.log(within)
    likely = np.exp(log_likely - log_likely.max())
    share = dict(zip((fit.law for fit in trusted), likely / likely.sum(), strict=True))
    return [replace(fit, weight=float(share.get(fit.law, 0.0))) for fit in fits]


def _prediction_error(law: str, tests: Sequence[Backtest]) -> float:
    """Root mean square over a law's back-tests; without any, the same for all laws."""
    errors = [test.accuracy_rms for test in tests if test.law == law]
    return max(root_mean_square(np.array(errors)), LEAST_ERROR) if errors else 1.0


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
