"""The master curve of ladders that were measured in full, for another ladder to borrow."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizer.calibration import Calibration
from sizer.errors import MeasurementError
from sizer.scaling.curves import NoiseCurve
from sizer.scaling.master import MasterCurve, Measured, of_own_shape, scales_of
from sizer.universality.ladder import GREY_LEVELS, Ladder, falls_of, ladder_of
from sizer.universality.shape import Fall, form

Floats = NDArray[np.float64]
RATIOS = np.concatenate([[0.0], np.geomspace(0.05, 10.0, 72)])  # of noise over half noise
COLLAPSES = 3  # times that scales and curve are found in turn
SHOWN = 0.5  # of a ladder's models, that a point of its curve needs
ROUGHLY = 1e-3  # of the share: what weighs points while no spread is known
LEAST_SPREAD = 2e-3  # of the share: no shape is known better

Source = Calibration | str | Path


def master_of(sources: Sequence[Source]) -> MasterCurve:
    """The master curve of ladders, each of which counts once; sources: as `compare` takes them.

    Raises MeasurementError for a ladder whose noise is not in grey levels, or one that is too short
    for a shape.
    """
    ladders = [_in_grey_levels(ladder_of(source)) for source in sources]
    falls = [falls_of(ladder).falls for ladder in ladders]
    falling = [_falling(*pair) for pair in zip(ladders, falls, strict=True)]
    curves = np.array([_collapsed(*pair) for pair in zip(falling, falls, strict=True)])
    shown = np.isfinite(curves).all(0)
    master = MasterCurve(
        ladders=tuple(ladder.name for ladder in ladders),
        half_noise=float(np.exp(np.mean([_log_half_noise(own) for own in falls]))),
        ratio=tuple(RATIOS[shown].tolist()),
        share=tuple(curves[:, shown].mean(0).tolist()),
        spread=ROUGHLY,
    )
    return replace(
        master, spread=float(np.sqrt(np.mean([_misfit(own, master) for own in falling])))
    )


def require_others(sources: Sequence[Source], models: Collection[str]) -> None:
    """Raise MeasurementError for a ladder that holds one of these models, given by SHA-256."""
    for ladder in map(ladder_of, sources):
        if {curve.model.sha256 for curve in ladder.curves} & set(models) - {""}:
            raise MeasurementError(
                f"{ladder.name}: holds the very models that it was named for; borrow of another "
                "ladder, or of none"
            )


def _in_grey_levels(ladder: Ladder) -> Ladder:
    if ladder.unit != GREY_LEVELS:
        raise MeasurementError(
            f"{ladder.name}: its noise has another unit than grey levels, and no shape can be "
            "borrowed of it; where it is in grey levels of 0..255, call its column sigma"
        )
    return ladder


def _falling(ladder: Ladder, falls: Sequence[Fall]) -> list[Measured]:
    """The curves that have a shape, with their noise."""
    names = {fall.model for fall in falls}
    pairs = zip(ladder.curves, ladder.noise, strict=True)
    return [(curve, noise) for curve, noise in pairs if curve.model.name in names]


def _log_half_noise(falls: Sequence[Fall]) -> float:
    return float(np.mean(np.log([fall.half_noise for fall in falls])))


def _collapsed(measured: Sequence[Measured], falls: Sequence[Fall]) -> Floats:
    """The mean share at `RATIOS`; not a number beyond what was measured of half of the models."""
    steepness = float(np.exp(np.mean(np.log([fall.steepness for fall in falls]))))
    begun = mean = form(RATIOS, 1.0, 1.0, steepness, chance=0.0)
    for _ in range(COLLAPSES):
        master = MasterCurve((), 1.0, tuple(RATIOS), tuple(mean), ROUGHLY)
        rows = np.array([_scaled(curve, noise, master) for curve, noise in measured])
        known = np.isfinite(rows).sum(0)
        shown = known >= SHOWN * len(rows)
        mean = np.where(shown, np.nansum(rows, 0) / np.maximum(known, 1), begun)
        mean = _normalised(mean)
    return np.where(shown, mean, np.nan)


def _scaled(curve: NoiseCurve, noise: Floats, master: MasterCurve) -> Floats:
    """A model's share at `RATIOS`, falling, and between the measured noises a smooth curve."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    ratio, share = scales_of(curve, noise, master).scaled(curve, noise)
    falling = isotonic_regression(share, weights=curve.trials, increasing=False).x
    if ratio[0] > 0:  # not measured without noise
        ratio, falling = np.insert(ratio, 0, 0.0), np.insert(falling, 0, max(1.0, falling[0]))
    return np.asarray(PchipInterpolator(ratio, falling, extrapolate=False)(RATIOS))


def _normalised(share: Floats) -> Floats:
    """From 1 without noise, falling, to a half at a ratio of 1."""
    falling = np.minimum.accumulate(np.clip(share / share[0], 0, 1))
    half = float(np.interp(-0.5, -falling, RATIOS))
    return np.asarray(np.interp(RATIOS, RATIOS / half, falling))


def _misfit(measured: Sequence[Measured], master: MasterCurve) -> float:
    """Mean square distance of a model's share from the master curve as the ladder falls, less what
    counting makes of it.
    """
    master, missed = of_own_shape(master, measured), []
    for curve, noise in measured:
        scales = scales_of(curve, noise, master)
        ratio, share = scales.scaled(curve, noise)
        within = ratio <= master.ratio[-1]
        counted = curve.variance / (scales.clean - curve.chance) ** 2
        missed.append(np.mean(((share - master.at(ratio)) ** 2 - counted)[within]))
    return max(LEAST_SPREAD**2, float(np.mean(missed)))
