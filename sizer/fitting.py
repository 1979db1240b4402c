"""`fit`: measurements to a calibration, whether they were just made or come from a file."""

from pathlib import Path

import numpy as np

import sizer
from sizer import files
from sizer.calibration import Calibration
from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining
from sizer.noise import NoiseSchedule, schedule_named
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.analysis import NO_WIDTH_LAW, NOT_CLEAN, Answers, analyse, answers_at
from sizer.scaling.choices import IntervalMethod
from sizer.scaling.crossings import Cut, precision
from sizer.scaling.curves import Cell, common_steps, curves_of
from sizer.scaling.evidence import image_share as share_of

NO_CHANCE = "the table has no column `chance`: it was taken to be 0; state what guessing reaches"


def fit_measurements(
    *,
    models: tuple[ModelInfo, ...],
    cells: tuple[Cell, ...],
    chance: float,
    schedule: NoiseSchedule | None,
    dataset: DatasetInfo | None,
    cut: Cut,
    image_share: float = 1.0,
    right: Answers | None = None,
    interval: IntervalMethod = "sandwich",
    warnings: tuple[str, ...] = (),
    ladder: LadderTraining | None = None,
    progress: ReportProgress = no_progress,
) -> Calibration:
    """Levels, widths, collapse and laws of a finished measurement.

    right: whether a model was right at each of its steps on each image (steps, images), models in
    order of size. Where it is unknown, `image_share` is taken as given.
    """
    curves = curves_of(models, cells, chance)
    analysis = analyse(
        curves, cut=cut, schedule=schedule, interval=interval, right=right, progress=progress
    )
    if right is not None and (common := common_steps(curves)):
        shared = [curve.at(common) for curve in curves]
        image_share = share_of(np.array(answers_at(right, curves, shared)))
    return Calibration(
        version=files.VERSION,
        created_with=f"sizer {sizer.__version__}",
        schedule=schedule.name if schedule else None,
        dataset=dataset,
        models=models,
        chance=chance,
        cells=cells,
        crossings=analysis.crossings,
        widths=analysis.widths,
        width_law=analysis.width_law,
        collapse=analysis.collapse,
        fit=analysis.fits[0] if analysis.fits else None,
        rivals=analysis.fits[1:],
        backtests=analysis.backtests,
        image_share=image_share,
        precision=precision(analysis.widths),
        warnings=warnings,
        fit_warnings=analysis.warnings,
        ladder=ladder,
    )


def fit_file(
    path: Path,
    cut: Cut,
    interval: IntervalMethod = "sandwich",
    progress: ReportProgress = no_progress,
) -> Calibration:
    """Fit again what a calibration holds, or a CSV table that some other evaluation wrote."""
    if path.suffix == ".json":
        old = files.read_calibration(path)
        return fit_measurements(
            models=old.models,
            cells=old.cells,
            chance=old.chance,
            schedule=schedule_named(old.schedule) if old.schedule else None,
            dataset=old.dataset,
            cut=cut,
            image_share=old.image_share,
            interval=interval,
            # older files hold those of the fit among them
            warnings=tuple(w for w in old.warnings if w not in {NO_WIDTH_LAW, NOT_CLEAN}),
            ladder=old.ladder,
            progress=progress,
        )
    models, cells, chance = files.read_table(path)
    return fit_measurements(
        models=models,
        cells=cells,
        chance=chance or 0.0,
        schedule=None,
        dataset=None,
        cut=cut,
        interval=interval,
        warnings=(NO_CHANCE,) if chance is None else (),
        progress=progress,
    )
