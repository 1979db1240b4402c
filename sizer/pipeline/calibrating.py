"""`calibrate` and `fit`: measurements to a calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer import files
from sizer.errors import (
    MeasurementError,
    UsageError,
)
from sizer.manifest import read_manifest
from sizer.noise import NoiseSchedule, epsilon, linear_schedule, schedule_named
from sizer.pipeline.ladders import (
    BUILTIN,
    GUESSING,
    NOISE_SEED,
    ReportProgress,
    find_models,
    measure_ladder,
    open_models,
    training_of,
)
from sizer.results import (
    Calibration,
    Cell,
    Control,
    DatasetInfo,
    InputFormat,
    IntervalMethod,
    LadderTraining,
    LevelCrossing,
    LevelSet,
    ModelInfo,
    NoiseCurve,
    OrderParameter,
    ProviderChoice,
)

if TYPE_CHECKING:
    from sizer.levels import LevelSettings

RISING = 0.1  # accuracy gained along the steps, when they must be a signal and not a noise


# What `fit_measurements` says of its own, and says anew of every fit.
NO_WIDTH_LAW = "fewer than three sizes cross a pair of levels: no width law"
NO_CHANCE = "the table has no column `chance`: it was taken to be 0; state what guessing reaches"
NOT_CLEAN = (
    "some models were not measured without noise: their accuracy at the first step measured "
    "stands for the clean one in the levels; measure step 0 too, or take --order-parameter raw"
)


@dataclass(frozen=True, slots=True)
class CutChoice:
    """How curves are cut into widths; see `sizer.levels`."""

    order_parameter: OrderParameter = "normalised"
    control: Control = "step"
    levels: LevelSet = "equidistant"


def calibrate(
    *,
    models: Sequence[Path],
    data: str,
    steps: tuple[float, ...] | None,
    images: int | None,
    provider: ProviderChoice,
    input_format: InputFormat | None,
    cut: CutChoice,
    interval: IntervalMethod,
    progress: ReportProgress,
) -> Calibration:
    """Measure a ladder of ONNX files and fit it. No models: the built-in ladder.

    steps: None finds the transition first. images: None takes the whole test set.
    """
    from sizer.datasets import open_dataset
    from sizer.measure import Noise
    from sizer.store import open_store

    found = find_models(models or [files.shipped("models") / BUILTIN])
    dataset = open_dataset(data, "test")
    opened = open_models(found, dataset.info, provider, input_format)
    noise = Noise(linear_schedule(), epsilon, NOISE_SEED)
    with open_store() as store:
        measurement = measure_ladder(opened, dataset, noise, store, steps, images, progress)
    return fit_measurements(
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


def _in_order_of_size(right: NDArray[np.bool_], models: Sequence[ModelInfo]) -> NDArray[np.bool_]:
    order = sorted(range(len(models)), key=lambda i: (models[i].parameters, models[i].name))
    return right[order]


def fit_measurements(
    *,
    models: tuple[ModelInfo, ...],
    cells: tuple[Cell, ...],
    chance: float,
    schedule: NoiseSchedule | None,
    dataset: DatasetInfo | None,
    cut: CutChoice,
    image_share: float = 1.0,
    right: NDArray[np.bool_] | None = None,
    interval: IntervalMethod = "sandwich",
    warnings: tuple[str, ...] = (),
    ladder: LadderTraining | None = None,
) -> Calibration:
    """Levels, widths, collapse and surfaces of a finished measurement.

    right: whether each model, in order of size, was right at each step on each image (models,
    steps, images). Where it is unknown, `image_share` is taken as given.
    """
    from sizer import fit
    from sizer.fit.evidence import check_sizes
    from sizer.levels import crossings, widths

    check_sizes(model.parameters for model in models)
    curves = files.curves(models, cells, chance)
    settings, levels = _settings(cut, schedule), sorted({a for pair in _pairs(cut) for a in pair})
    crossed = tuple(found for curve in curves for found in crossings(curve, levels, settings))
    _require_crossings(curves, crossed)
    found = widths(curves, _pairs(cut), settings)
    width_law = fit.fit_width_law(found, cut.control, cut.order_parameter)
    if width_law is None:
        warnings = (*warnings, NO_WIDTH_LAW)
    if cut.order_parameter == "normalised" and any(curve.steps[0] > 0 for curve in curves):
        warnings = (*warnings, NOT_CLEAN)
    if right is not None:
        image_share = fit.image_share(right)
    surfaces, backtests = fit.fit_surfaces(curves, image_share, interval)
    if interval == "bootstrap":
        surfaces = tuple(
            fit.bootstrap(one, curves, right) if one.weight > 0 else one for one in surfaces
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
        collapse=fit.fit_collapse(curves),
        fit=surfaces[0],
        rivals=surfaces[1:],
        backtests=backtests,
        scan=fit.scan_smallest(surfaces[0], curves),
        image_share=image_share,
        warnings=warnings,
        ladder=ladder,
    )


def _require_crossings(curves: Sequence[NoiseCurve], crossed: Sequence[LevelCrossing]) -> None:
    inside = sum(crossing.censored is None for crossing in crossed)
    if inside >= 2:
        return
    if all(_guesses(curve) for curve in curves):
        raise MeasurementError(
            "every model only guesses, even at the first step: train them longer, or say what "
            "pixels they expect with --input-range, --mean and --std"
        )
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


def _pairs(cut: CutChoice) -> tuple[tuple[float, float], ...]:
    from sizer.levels import EQUIDISTANT, LOGARITHMIC

    return EQUIDISTANT if cut.levels == "equidistant" else LOGARITHMIC


def _settings(cut: CutChoice, schedule: NoiseSchedule | None) -> "LevelSettings":
    """The control variable as a function of step."""
    from sizer.levels import LevelSettings

    def needs_schedule(_steps: NDArray[np.float64]) -> NDArray[np.float64]:
        raise UsageError(f"--control {cut.control} needs steps of a noise schedule; take step")

    functions: dict[Control, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "step": np.asarray,
        "log-step": np.log,
        "beta": schedule.beta if schedule else needs_schedule,
        "log-snr": schedule.log_snr if schedule else needs_schedule,
    }
    return LevelSettings(cut.order_parameter, cut.control, functions[cut.control])


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
