"""`calibrate` and `fit`: measurements to a calibration."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer import files
from sizer.datasets.records import DatasetInfo
from sizer.errors import MeasurementError
from sizer.inference.input_format import InputFormat
from sizer.inference.records import ModelInfo, ProviderChoice
from sizer.networks.manifest import read_manifest
from sizer.networks.models import find_models, open_models, training_of
from sizer.networks.recipe import LadderTraining
from sizer.noise import NoiseSchedule, epsilon, linear_schedule, schedule_named
from sizer.pipeline.cuts import CutChoice, cut_widths, level_pairs, level_settings
from sizer.pipeline.ladders import BUILTIN, NOISE_SEED, measure_ladder
from sizer.pipeline.planned import GUESSING
from sizer.progress import ReportProgress
from sizer.results import Calibration, Cell, IntervalMethod, LevelCrossing, NoiseCurve

if TYPE_CHECKING:
    from sizer.measure import Engine

Answers = Sequence[NDArray[np.bool_]]  # whether right, a model: (steps, images)
RISING = 0.1  # accuracy gained along the steps, when they must be a signal and not a noise


# What `fit_measurements` says of its own, and says anew of every fit.
NO_WIDTH_LAW = "fewer than three sizes cross a pair of levels: no width law"
NO_CHANCE = "the table has no column `chance`: it was taken to be 0; state what guessing reaches"
NOT_CLEAN = (
    "some models were not measured without noise: their accuracy at the first step measured "
    "stands for the clean one in the levels; measure step 0 too, or take --order-parameter raw"
)


def calibrate(
    *,
    models: Sequence[Path],
    data: str,
    steps: tuple[float, ...] | None,
    images: int | None,
    precision: float,
    provider: ProviderChoice,
    input_format: InputFormat | None,
    cut: CutChoice,
    interval: IntervalMethod,
    progress: ReportProgress,
    engine: "Engine | None" = None,
) -> Calibration:
    """Measure a ladder of ONNX files and fit it. No models: the built-in ladder.

    steps: None plans them. images: at most, None for the whole test set. precision: of the widths,
    at which a plan stops; 0 uses all images. engine: what runs the cells, threads of this machine
    by default.
    """
    from sizer.datasets import open_dataset
    from sizer.noise import Noise
    from sizer.store import open_store

    found = find_models(models or [files.shipped("models") / BUILTIN])
    dataset = open_dataset(data, "test")
    opened = open_models(found, dataset.info, provider, input_format)
    noise = Noise(linear_schedule(), epsilon, NOISE_SEED)
    with open_store() as store:
        measurement = measure_ladder(
            opened,
            dataset,
            noise,
            store,
            steps,
            images,
            progress,
            precision=precision,
            cut=cut,
            engine=engine,
        )
    calibration = fit_measurements(
        models=tuple(model.info for model in opened),
        cells=measurement.cells,
        chance=1 / dataset.info.classes,
        schedule=linear_schedule(),
        dataset=dataset.info,
        cut=cut,
        right=_in_order_of_size(measurement.right, tuple(model.info for model in opened)),
        interval=interval,
        warnings=(*measurement.warnings, *_trained_on(models, dataset.info)),
        ladder=training_of(found),
    )
    return calibration if steps else held_to(calibration, precision)


def held_to(calibration: Calibration, wanted: float) -> Calibration:
    """With a warning, where the images ran out before the precision was reached."""
    reached = calibration.precision
    if wanted == 0 or (reached is not None and reached <= wanted):
        return calibration
    known = "not known yet" if reached is None else f"known to {reached:.1%}"
    warning = (
        f"from {calibration.fit.images:,} images the widths are {known}, not to the {wanted:.1%} "
        "of --precision; more test images would show more"
    )
    return replace(calibration, warnings=(*calibration.warnings, warning))


def _in_order_of_size(right: Answers, models: Sequence[ModelInfo]) -> Answers:
    order = sorted(range(len(models)), key=lambda i: (models[i].parameters, models[i].name))
    return [right[i] for i in order]


def _at_steps(
    right: Answers, all_steps: Sequence[NoiseCurve], some: Sequence[NoiseCurve]
) -> Answers:
    return [
        answers[np.isin(whole.steps, part.steps)]
        for answers, whole, part in zip(right, all_steps, some, strict=True)
    ]


def fit_measurements(
    *,
    models: tuple[ModelInfo, ...],
    cells: tuple[Cell, ...],
    chance: float,
    schedule: NoiseSchedule | None,
    dataset: DatasetInfo | None,
    cut: CutChoice,
    image_share: float = 1.0,
    right: Answers | None = None,
    interval: IntervalMethod = "sandwich",
    warnings: tuple[str, ...] = (),
    ladder: LadderTraining | None = None,
) -> Calibration:
    """Levels, widths, collapse and surfaces of a finished measurement.

    right: whether a model was right at each of its steps on each image (steps, images), models in
    order of size. Where it is unknown, `image_share` is taken as given. Widths take every step,
    comparisons between models those that all models share.
    """
    from sizer import fit
    from sizer.fit.evidence import check_sizes
    from sizer.levels import crossings, precision

    check_sizes(model.parameters for model in models)
    curves = files.curves(models, cells, chance)
    settings, pairs = level_settings(cut, schedule), level_pairs(cut)
    levels = sorted({level for pair in pairs for level in pair})
    crossed = tuple(found for curve in curves for found in crossings(curve, levels, settings))
    _require_crossings(curves, crossed)
    found = cut_widths(curves, schedule, cut)
    width_law = fit.fit_width_law(found, cut.control, cut.order_parameter)
    if width_law is None:
        warnings = (*warnings, NO_WIDTH_LAW)
    if cut.order_parameter == "normalised" and any(curve.steps[0] > 0 for curve in curves):
        warnings = (*warnings, NOT_CLEAN)
    shared = files.at_shared_steps(curves)
    if right is not None:
        right = _at_steps(right, curves, shared)
        image_share = fit.image_share(np.array(right))
    surfaces, backtests = fit.fit_surfaces(shared, image_share, interval)
    if interval == "bootstrap":
        surfaces = tuple(
            fit.bootstrap(one, shared, right) if one.weight > 0 else one for one in surfaces
        )
    return Calibration(
        version=files.VERSION,
        created_with=f"sizer {sizer.__version__}",
        schedule=schedule.name if schedule else None,
        dataset=dataset,
        models=models,
        chance=chance,
        cells=cells,
        crossings=crossed,
        widths=found,
        width_law=width_law,
        collapse=fit.fit_collapse(shared),
        fit=surfaces[0],
        rivals=surfaces[1:],
        backtests=backtests,
        scan=fit.scan_smallest(surfaces[0], shared),
        image_share=image_share,
        precision=precision(found),
        warnings=warnings,
        ladder=ladder,
    )


def _require_crossings(curves: Sequence[NoiseCurve], crossed: Sequence[LevelCrossing]) -> None:
    if all(_guesses(curve) for curve in curves):  # what crosses levels there is luck
        raise MeasurementError(
            "every model only guesses, even at the first step: train them longer, or say what "
            "pixels they expect with --input-range, --mean and --std"
        )
    inside = sum(crossing.censored is None for crossing in crossed)
    if inside >= 2:
        return
    risen = [c.correct[-1] / c.trials[-1] - c.correct[0] / c.trials[0] for c in curves]
    raise MeasurementError(
        f"{inside} level crossings in all curves; a transition needs two or more: "
        + (
            "accuracy rises with the step, so give a noise and not a signal"
            if np.mean(risen) > RISING
            else "measure more noise steps"
        )
    )


def _guesses(curve: NoiseCurve) -> bool:
    """Whether a model's accuracy at its first step is what guessing explains."""
    error = np.sqrt(curve.chance * (1 - curve.chance) / curve.trials[0])
    return bool(curve.correct[0] / curve.trials[0] <= curve.chance + GUESSING * error)


def _trained_on(models: Sequence[Path], dataset: DatasetInfo) -> tuple[str, ...]:
    """A warning where a ladder was trained on the very images it is measured on."""
    folders = {path if path.is_dir() else path.parent for path in models}
    manifests = [manifest for folder in folders if (manifest := read_manifest(folder))]
    if any(manifest.dataset.fingerprint == dataset.fingerprint for manifest in manifests):
        return ("the models were trained on these very images: their accuracies flatter them",)
    return ()


def fit_file(path: Path, cut: CutChoice, interval: IntervalMethod = "sandwich") -> Calibration:
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
            warnings=tuple(w for w in old.warnings if w not in {NO_WIDTH_LAW, NOT_CLEAN}),
            ladder=old.ladder,
        )
    models, cells, chance = files.read_table(path)
    warnings = (NO_CHANCE,) if chance is None else ()
    return fit_measurements(
        models=models,
        cells=cells,
        chance=chance or 0.0,
        schedule=None,
        dataset=None,
        cut=cut,
        interval=interval,
        warnings=warnings,
    )
