"""`calibrate`: models and images to a calibration."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sizer import files
from sizer.calibration import Calibration
from sizer.datasets import DatasetInfo, open_dataset
from sizer.fitting import fit_measurements
from sizer.inference.input_format import InputFormat
from sizer.inference.records import ModelInfo, ProviderChoice
from sizer.measure.ladder import measure_ladder
from sizer.measure.store import open_store
from sizer.measure.work import Engine
from sizer.networks.manifest import read_manifest
from sizer.networks.models import find_models, open_models, training_of
from sizer.noise import Noise
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.analysis import Answers
from sizer.scaling.choices import PRECISION, IntervalMethod
from sizer.scaling.crossings import Cut

DEFAULT_CUT = Cut()
BUILTIN = "builtin"  # the name of the ladder that is measured by default


def calibrate(
    models: Sequence[Path] = (),
    *,
    data: str = "builtin",
    steps: tuple[float, ...] | None = None,
    images: int | None = None,
    precision: float = PRECISION,
    provider: ProviderChoice = "auto",
    input_format: InputFormat | None = None,
    cut: Cut = DEFAULT_CUT,
    interval: IntervalMethod = "sandwich",
    progress: ReportProgress = no_progress,
    engine: Engine | None = None,
) -> Calibration:
    """Measure a ladder of ONNX files under noise, and fit it.

    models: files, or folders of them; the built-in ladder by default. data: whose test images are
    measured. steps: of the noise; None plans them. images: at most; None for the whole test set.
    precision: of the widths, at which a plan stops; 0 uses all images. input_format: what the
    models expect; None asks their files. engine: what runs the cells, threads of this machine by
    default. What is measured is kept: the same call goes on where it was stopped. Raises DataError,
    ModelError and MeasurementError for what cannot be read or measured, and UsageError for a plan
    that cannot be run.
    """
    sources = find_models(models or [files.shipped("models") / BUILTIN])
    dataset = open_dataset(data, "test")
    opened = open_models(sources, dataset.info, provider, input_format)
    noise = Noise()
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
        schedule=noise.schedule,
        dataset=dataset.info,
        cut=cut,
        right=_in_order_of_size(measurement.right, tuple(model.info for model in opened)),
        interval=interval,
        warnings=(*measurement.warnings, *_trained_on(models, dataset.info)),
        ladder=training_of(sources),
        progress=progress,
    )
    return calibration if steps else held_to(calibration, precision)


def held_to(calibration: Calibration, wanted: float) -> Calibration:
    """With a warning, where the images ran out before the precision was reached."""
    reached = calibration.precision
    if wanted == 0 or (reached is not None and reached <= wanted):
        return calibration
    known = "not known yet" if reached is None else f"known to {reached:.1%}"
    warning = (
        f"from {calibration.images:,} images the widths are {known}, not to the {wanted:.1%} "
        "of --precision; more test images would show more"
    )
    return replace(calibration, warnings=(*calibration.warnings, warning))


def _in_order_of_size(right: Answers, models: Sequence[ModelInfo]) -> Answers:
    order = sorted(range(len(models)), key=lambda i: (models[i].parameters, models[i].name))
    return [right[i] for i in order]


def _trained_on(models: Sequence[Path], dataset: DatasetInfo) -> tuple[str, ...]:
    """A warning where a ladder was trained on the very images it is measured on."""
    folders = {path if path.is_dir() else path.parent for path in models}
    manifests = [manifest for folder in folders if (manifest := read_manifest(folder))]
    if any(manifest.dataset.fingerprint == dataset.fingerprint for manifest in manifests):
        return ("the models were trained on these very images: their accuracies flatter them",)
    return ()
