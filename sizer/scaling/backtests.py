"""Which law to believe: the one that predicts left-out large models best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sizer.errors import MeasurementError
from sizer.progress import Progress, ignore_progress
from sizer.scaling.curves import NoiseCurve, sizes_of
from sizer.scaling.evidence import MINIMUM_SIZES, root_mean_square
from sizer.scaling.law import Law
from sizer.scaling.laws import all_laws
from sizer.scaling.surface import CONTRADICTED, LawFit, context_of, fit_surface

Floats = NDArray[np.float64]
HOLD_OUTS = (1, 2, 3)  # largest sizes left out, in turn
LEAST_LEFT = MINIMUM_SIZES + 1  # sizes that are fitted in a back-test
SIZES = 121  # of the grid around a true size, a decade either way
SIZE_BUYS = 0.02  # accuracy per decade of size, below which a size is not determined


@dataclass(frozen=True, slots=True)
class Backtest:
    """How well the smaller models would have predicted the `hold_out` largest sizes.

    models: how many were held out. ratio: largest held-out size over the largest fitted.
    accuracy_rms, accuracy_worst: predicted minus measured accuracy over all held-out models and
    steps. log10_size_error: root mean square of log10(predicted size / held-out size) at the
    accuracies that the held-out models reached, each cut at one decade, over the steps where size
    still buys accuracy; None without such steps.
    """

    law: str
    hold_out: int
    models: int
    ratio: float
    accuracy_rms: float
    accuracy_worst: float
    log10_size_error: float | None


def backtest(
    law: Law, curves: Sequence[NoiseCurve], hold_out: int, known: LawFit | None = None
) -> Backtest | None:
    """Refit without the `hold_out` largest sizes and predict them; None if too few are left.

    known: the fit to all curves, from which the search may start.
    """
    sizes = sizes_of(curves)
    fitted, held = sizes[:-hold_out], sizes[-hold_out:]
    if len(fitted) < LEAST_LEFT:
        return None
    try:
        fit = fit_surface(law, [curve for curve in curves if curve.size in fitted], known)
    except MeasurementError:
        return None
    return against(fit, [curve for curve in curves if curve.size in held])


def against(fit: LawFit, held: Sequence[NoiseCurve]) -> Backtest:
    """The predictions of a fit to smaller models beside the curves that were held out."""
    misses: list[Floats] = []
    size_errors: list[float] = []
    for curve in held:
        steps = np.array(curve.steps)
        misses.append(fit.accuracy(curve.size, steps) - curve.accuracy)
        size_errors += _size_errors(fit, curve.size, steps, curve.accuracy)
    missed = np.concatenate(misses)
    sizes = sizes_of(held)
    return Backtest(
        law=fit.law,
        hold_out=len(sizes),
        models=len(misses),
        ratio=sizes[-1] / fit.size_range[1],
        accuracy_rms=root_mean_square(missed),
        accuracy_worst=float(missed[np.argmax(np.abs(missed))]),
        log10_size_error=root_mean_square(np.array(size_errors)) if size_errors else None,
    )


def _size_errors(fit: LawFit, size: int, steps: Floats, observed: Floats) -> list[float]:
    """log10 of predicted over true size, where a factor of ten still buys accuracy.

    A size that the law says cannot be reached counts as an error of one decade.
    """
    sizes = size * np.geomspace(0.1, 10, SIZES)
    reached = fit.accuracy(sizes[:, None], steps)
    buys = reached[-1] - reached[SIZES // 2] > SIZE_BUYS
    errors = []
    for column, target in zip(reached.T[buys], observed[buys], strict=True):
        reaching = first_reaching(sizes, column, target)
        predicted = sizes[-1] if reaching is None else max(reaching, sizes[0])
        errors.append(float(np.log10(predicted / size)))
    return errors


def first_reaching(sizes: Floats, values: Floats, target: float) -> float | None:
    """The first of ascending `sizes` at which `values` reach the target, on straight lines in ln N.

    0 where the first size already does, None where none does.
    """
    reached = np.flatnonzero(values >= target)
    if not reached.size:
        return None
    if reached[0] == 0:
        return 0.0
    around = slice(reached[0] - 1, reached[0] + 1)
    return float(np.exp(np.interp(target, values[around], np.log(sizes[around]))))


def fit_laws(
    curves: Sequence[NoiseCurve],
    progress: Progress = ignore_progress,
    schedule: str | None = None,
) -> tuple[tuple[LawFit, ...], tuple[Backtest, ...]]:
    """Every law that can be fitted, the best predictor of left-out large sizes first, and all
    back-tests.

    schedule: of the steps, by name. A law that has more parameters than there are points is left
    out. Raises MeasurementError where there are too few sizes or steps for any.
    """
    laws, points = all_laws(), sum(len(curve.steps) for curve in curves)
    knots = len(context_of(curves).knots)
    fits: list[LawFit] = []
    tests: list[Backtest | None] = []
    for i, law in enumerate(laws):
        progress(i, len(laws))
        if len(law.names(knots)) <= points:
            fits.append(fit_surface(law, curves, schedule=schedule))
            tests += [backtest(law, curves, count, fits[-1]) for count in HOLD_OUTS]
    progress(len(laws), len(laws))
    done = tuple(test for test in tests if test is not None)
    counting = _counting_error(curves)
    held = [_held_to(fit, done, counting) for fit in fits]
    return tuple(sorted(held, key=lambda fit: _rank(fit, done))), done


def _rank(fit: LawFit, tests: Sequence[Backtest]) -> tuple[bool, float, float]:
    """Laws that are trusted first, then by their errors of prediction, then by their residuals."""
    errors = [test.accuracy_rms for test in tests if test.law == fit.law]
    predicted = root_mean_square(np.array(errors)) if errors else np.inf
    return not fit.trusted, predicted, fit.residual_rms


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
    return float(np.sqrt(np.mean(np.concatenate([curve.variance for curve in curves]))))
