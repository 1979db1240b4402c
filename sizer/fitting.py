"""`fit`: measurements to a calibration, whether they were just made or come from a file."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

import sizer
from sizer.calibration import VERSION, Calibration, Request, load
from sizer.datasets.records import DatasetInfo
from sizer.errors import MeasurementError, UnfittedError
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining
from sizer.noise import NoiseSchedule, schedule_named
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.analysis import NO_WIDTH_LAW, NOT_CLEAN, Analysis, Answers, analyse, answers_at
from sizer.scaling.choices import Control, IntervalMethod, LevelSet, OrderParameter
from sizer.scaling.crossings import Cut
from sizer.scaling.curves import Cell, common_steps, curves_of
from sizer.scaling.evidence import image_share as share_of
from sizer.scaling.master import BorrowedShape, completed
from sizer.table import MeasuredTable, read_table

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
    shape: BorrowedShape | None = None,
    interval: IntervalMethod = "sandwich",
    fitted: bool = True,
    warnings: tuple[str, ...] = (),
    refusal: str | None = None,
    ladder: LadderTraining | None = None,
    request: Request | None = None,
    progress: ReportProgress = no_progress,
) -> Calibration:
    """Levels, widths, collapse and laws of a finished measurement.

    right: whether a model was right at each of its steps on each image (steps, images), models in
    order of size. Where it is unknown, `image_share` is taken as given. shape: what is taken
    between few measured steps. fitted: whether laws are wanted; else what was measured stands
    alone. refusal: why nothing can be fitted to it, if that
    is known already. Raises UnfittedError, which holds what was measured.
    """
    curves, analysis = curves_of(models, cells, chance), Analysis()
    drawn, answers = completed(curves, shape, schedule), None if shape else right
    how = partial(analyse, cut=cut, schedule=schedule, interval=interval, right=answers)
    try:
        if fitted and not refusal:
            analysis = how(drawn, progress=progress)
    except MeasurementError as error:
        refusal = str(error)
    if right is not None and (common := common_steps(curves)):
        shared = [curve.at(common) for curve in curves]
        image_share = share_of(np.array(answers_at(right, curves, shared)))
    calibration = Calibration(
        version=VERSION,
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
        warnings=warnings,
        fit_warnings=analysis.warnings if refusal is None else (refusal,),
        ladder=ladder,
        request=request,
        shape=shape,
    )
    if refusal is not None:
        raise UnfittedError(refusal, calibration)
    return calibration


def fit(
    measurements: str | Path | Calibration,
    *,
    order_parameter: OrderParameter = "normalised",
    control: Control = "step",
    levels: LevelSet = "equidistant",
    interval: IntervalMethod = "sandwich",
    progress: ReportProgress = no_progress,
) -> Calibration:
    """Fit the scaling laws again to a calibration, or to a CSV table of some other program.

    measurements: a calibration, its file, or a file of the columns `model,parameters,step,correct,
    trials`, and `chance` and `training` where they are known; its steps may be of any unit of
    noise, and a column `sigma` in their place is in grey levels of 0..255. order_parameter: the
    accuracy that is cut into levels. control: the noise variable in which widths are taken.
    levels: between which. interval: how errors of the laws are found.

    Raises MeasurementError for a table that is malformed, UnfittedError where every model only
    guesses or accuracy rises with the step, CalibrationError for a file that is no calibration,
    UsageError for a control that the noise's unit does not have.
    """
    cut = Cut(order_parameter, control, levels)
    path = None if isinstance(measurements, Calibration) else Path(measurements)
    if path is None or path.suffix == ".json":
        return _fit_again(load(measurements), path, cut, interval, progress)
    table = read_table(path, progress)
    return fit_measurements(
        models=table.models,
        cells=table.cells,
        chance=table.chance or 0.0,
        schedule=table.schedule,
        dataset=None,
        cut=cut,
        interval=interval,
        warnings=tuple(_said_of(table)),
        request=Request(None, str(path), cut, interval, sizer.__version__),
        progress=progress,
    )


def _said_of(table: MeasuredTable) -> Iterator[str]:
    if table.chance is None:
        yield NO_CHANCE
    if len(table.cells) < table.rows:
        yield (
            f"the {table.rows:,} rows of the table were taken together, neighbouring steps of a "
            f"model, to {len(table.cells):,}"
        )


def _fit_again(
    old: Calibration,
    path: Path | None,
    cut: Cut,
    interval: IntervalMethod,
    progress: ReportProgress,
) -> Calibration:
    """path: of the file that held it, None where there was none."""
    asked = old.request
    before = None if asked is None else asked.measurements
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
        shape=old.shape,
        request=Request(
            measuring=None if asked is None else asked.measuring,
            measurements=before if path is None else str(path),
            cut=cut,
            interval=interval,
            version=sizer.__version__,
        ),
        progress=progress,
    )
