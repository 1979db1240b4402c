"""`calibrate`: models and images to a calibration."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sizer
from sizer.calibration import Calibration, Measuring, Request
from sizer.cluster import EngineChoice
from sizer.datasets import Dataset, DatasetInfo, digests_of, has_floats, open_dataset
from sizer.datasets.records import MAX_BAD
from sizer.datasets.splits import is_training
from sizer.errors import DataError, UsageError
from sizer.fitting import fit_measurements
from sizer.inference.child import Child, Children
from sizer.inference.input_format import InputFormat
from sizer.inference.input_shape import InputSize
from sizer.inference.matching import Classes, matched
from sizer.inference.records import ModelInfo, ProviderChoice
from sizer.io import shipped
from sizer.measure.cells import Measurement
from sizer.measure.engines import open_engine
from sizer.measure.foretelling import foretold, images_left
from sizer.measure.ladder import measure_ladder
from sizer.measure.store import open_store
from sizer.networks.judging import undertrained
from sizer.networks.manifest import read_manifests
from sizer.networks.models import FoundModel, find_models, open_models, training_of
from sizer.noise import Noise
from sizer.noise.schedule import LAST_STEP
from sizer.progress import ReportProgress, no_progress, say_nothing
from sizer.scaling.analysis import Answers, foreseen
from sizer.scaling.choices import TOLERANCE, IntervalMethod
from sizer.scaling.crossings import Cut
from sizer.scaling.master import MasterCurve
from sizer.scaling.surface import KNOTS

if TYPE_CHECKING:
    from sizer.inference.model import OnnxModel

BUILTIN = "builtin"  # the name of the ladder that is measured by default


def calibrate(
    models: str | Path | Sequence[str | Path] = (),
    *,
    data: str | Path = "builtin",
    steps: Sequence[float] | None = None,
    images: int | None = None,
    tolerance: float = TOLERANCE,
    provider: ProviderChoice = "auto",
    engine: EngineChoice = "processes",
    input_format: InputFormat | None = None,
    input_side: int | None = None,
    crop_share: float | None = None,
    max_bad: float = MAX_BAD,
    classes: str | Path | None = None,
    restrict: bool = False,
    interval: IntervalMethod = "sandwich",
    shape: str | Path | Sequence[str | Path] = (),
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Calibration:
    """Measure a ladder of ONNX files under noise, and fit the scaling laws.

    models: files, or folders of them; none: the built-in ladder. data: whose test images:
    `builtin`, a path, or `hf:OWNER/NAME`. steps: noise steps in 0..5000, None to plan them. images:
    at most, None for the whole test set. tolerance: of the widths, as a share of them, at which a
    plan stops; 0 uses all images. input_format: the pixels that the models expect, None where their
    files say it; its range is also that of data that are floating-point numbers, and then files
    that state their own keep it. input_side: pixels, of models that take any. crop_share: what a
    crop keeps of pictures that are not of a model's size, in (0, 1]; None as the model's file says,
    else 0.875, and 1 where they are square. max_bad: share of damaged pictures that are left out.
    classes: a file that lists the models' classes, a line each: a name, a number, or both; the data
    may hold a few of them. restrict: whether scores count among those alone. shape: ladders, as
    `compare` takes them, whose master curve this one nearly has: then four steps a model do, and
    models that contradict it are measured in full. tell: told, before anything is measured, which
    pictures are, what cannot be fitted to it, and which cluster is joined.

    Stopped at any moment, the same call goes on where it was. Raises UsageError for an argument out
    of range or models that share no law, ModelError and DataError for files that cannot be used,
    MeasurementError for a shape that cannot be borrowed, UnfittedError, which holds what was
    measured, where every model only guesses, MissingExtraError
    and ClusterError for the engine `ray`.
    """
    asked = Measuring(
        models=_names(models),
        data=str(data),
        steps=None if steps is None else _checked(steps),
        images=images,
        tolerance=_tolerance(tolerance),
        input_format=input_format,
        provider=provider,
        engine=engine,
        input_side=input_side,
        crop_share=crop_share,
        max_bad=max_bad,
        classes=None if classes is None else str(classes),
        restrict=restrict,
        shape=_names(shape),
    )
    if asked.shape and asked.steps:
        raise UsageError("--shape and --steps: a shape chooses the steps; give one of them")
    calibration = measured_ladder(asked, interval=interval, progress=progress, tell=tell)
    return calibration if asked.steps else held_to(calibration, tolerance)


def measured_ladder(
    asked: Measuring,
    *,
    interval: IntervalMethod = "sandwich",
    fitted: bool = True,
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Calibration:
    """What was asked of `calibrate`. fitted: whether the laws are, on which no answer rests."""
    files = find_models([Path(name) for name in asked.models] or [shipped("models") / BUILTIN])
    measured = _measured(asked, files, progress, tell)
    return _fitted(asked, measured, files, interval, fitted, progress)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A ladder's models, the images they were measured on, and how they answered."""

    models: tuple[ModelInfo, ...]
    data: Dataset
    noise: Noise
    cut: Cut
    ladder: Measurement


def _measured(
    asked: Measuring,
    files: Sequence[FoundModel],
    progress: ReportProgress,
    tell: Callable[[str], None],
) -> _Measured:
    with (
        Children() as children,
        open_engine(asked.engine, children, tell) as run,
        open_store(tell=tell) as store,
    ):
        shape = _borrowed(asked)
        (child,) = children.first(1)
        dataset, opened = _opened(asked, files, child, progress, tell)
        infos, noise, cut = tuple(model.info for model in opened), Noise(), Cut()
        _require_others(asked, infos)
        for line in _told_before(infos, dataset.info, asked.steps):
            tell(line)
        if asked.engine == "processes":
            left = images_left(opened, dataset, noise, store, asked.steps, asked.images)
            planned = asked.steps is None and asked.tolerance > 0
            for line in foretold(opened, left, bound="at most " if planned else ""):
                tell(line)
        measurement = measure_ladder(
            opened,
            dataset,
            noise,
            store,
            asked.steps,
            asked.images,
            progress,
            tolerance=asked.tolerance,
            cut=cut,
            engine=run,
            shape=shape,
        )
    return _Measured(infos, dataset, noise, cut, measurement)


def _fitted(
    asked: Measuring,
    measured: _Measured,
    files: Sequence[FoundModel],
    interval: IntervalMethod,
    fitted: bool,
    progress: ReportProgress,
) -> Calibration:
    dataset = measured.data.info
    return fit_measurements(
        models=measured.models,
        cells=measured.ladder.cells,
        chance=1 / dataset.classes,
        schedule=measured.noise.schedule,
        dataset=dataset,
        cut=measured.cut,
        right=_in_order_of_size(measured.ladder.right, measured.models),
        shape=measured.ladder.shape,
        interval=interval,
        fitted=fitted,
        warnings=(
            *measured.ladder.warnings,
            *_trained_on(files, measured.data),
            *_undertrained(files),
        ),
        refusal=measured.ladder.refusal,
        ladder=training_of(files),
        request=Request(asked, None, measured.cut, interval, sizer.__version__),
        progress=progress,
    )


def _borrowed(asked: Measuring) -> MasterCurve | None:
    """The shape to measure with."""
    if not asked.shape:
        return None
    from sizer.universality.borrowing import master_of

    return master_of(asked.shape)


def _require_others(asked: Measuring, models: Sequence[ModelInfo]) -> None:
    """Raise MeasurementError for a shape of the very models that are to be measured."""
    if asked.shape:
        from sizer.universality.borrowing import require_others

        require_others(asked.shape, [model.sha256 for model in models])


def _opened(
    asked: Measuring,
    files: Sequence[FoundModel],
    child: Child,
    progress: ReportProgress,
    tell: Callable[[str], None],
) -> "tuple[Dataset, list[OnnxModel]]":
    """The test images, with the models' class numbers, and the models."""
    size, given = InputSize(asked.input_side, asked.crop_share), asked.input_format
    value_range = given.range if given else None
    data = open_dataset(asked.data, "test", asked.max_bad, tell, value_range)
    opening, floats = progress("reading models"), has_floats(data)
    models = open_models(
        files, data.info, child, asked.provider, given, size, opening, floats=floats
    )
    wanted = Classes(None if asked.classes is None else Path(asked.classes), asked.restrict)
    return matched(data, models, wanted, tell)


def _told_before(
    models: Sequence[ModelInfo], dataset: DatasetInfo, steps: tuple[float, ...] | None
) -> Iterator[str]:
    """What becomes of the pictures, and what cannot be fitted to what will be measured."""
    yield from brought_to(models, dataset)
    yield from foreseen([model.parameters for model in models], _planned(steps))


def brought_to(models: Sequence[ModelInfo], dataset: DatasetInfo) -> Iterator[str]:
    """A line each, where pictures are resampled for the models, and where they change colour."""
    inputs = sorted({m.input_shape[:2] for m in models if m.input_shape} - {dataset.size})
    if inputs:
        sizes = ", ".join(f"{width} x {height}" for height, width in inputs)
        yield f"{dataset.spec}: pictures are resized and their middle is cropped to {sizes} pixels"
    channels = {model.input_shape[2] for model in models if model.input_shape}
    if dataset.shape is not None and channels - {dataset.shape[2]}:
        grey = dataset.shape[2] == 1
        yield f"{dataset.spec}: {'grey is repeated to three channels' if grey else 'turned grey'}"


def _names(models: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    return (str(models),) if isinstance(models, str | Path) else tuple(map(str, models))


def _checked(steps: Sequence[float]) -> tuple[float, ...]:
    """The steps, ascending. Raises UsageError for none, or one out of range."""
    ascending = tuple(sorted({float(step) for step in steps}))
    if not ascending or not all(0 <= step <= LAST_STEP for step in ascending):
        given = ",".join(f"{step:g}" for step in steps)
        raise UsageError(f"--steps {given!r}: give steps within 0..{LAST_STEP}")
    return ascending


def _planned(steps: tuple[float, ...] | None) -> int:
    """How many steps there will be; a plan takes more than a law needs."""
    return KNOTS if steps is None else len(steps)


def _tolerance(tolerance: float) -> float:
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"--tolerance {tolerance:g} must be zero or more: a share of a width")
    return float(tolerance)


def held_to(calibration: Calibration, wanted: float) -> Calibration:
    """With a warning, where the images ran out before the tolerance was reached."""
    reached = calibration.tolerance
    if wanted == 0 or (reached is not None and reached <= wanted):
        return calibration
    known = "not known yet" if reached is None else f"known to {reached:.1%}"
    warning = (
        f"from {calibration.images:,} images the widths are {known}, not to the {wanted:.1%} "
        "of --tolerance; more test images would show more"
    )
    return replace(calibration, warnings=(*calibration.warnings, warning))


def _in_order_of_size(right: Answers, models: Sequence[ModelInfo]) -> Answers:
    order = sorted(range(len(models)), key=lambda i: (models[i].parameters, models[i].name))
    return [right[i] for i in order]


def _undertrained(files: Sequence[FoundModel]) -> Iterator[str]:
    """A warning where the large end of the ladder was still learning: it bends what size gains."""
    ladder = read_manifests(model.path.parent for model in files if model.entry)
    if said := undertrained(list(ladder.values())):
        yield f"{', '.join(folder.name for folder in ladder)}: {said}"


def _trained_on(files: Sequence[FoundModel], data: Dataset) -> tuple[str, ...]:
    """A warning where models may be measured on the images they were trained on."""
    dataset = data.info
    manifests = read_manifests(model.path.parent for model in files).values()
    if any(manifest.dataset.fingerprint == dataset.fingerprint for manifest in manifests):
        return ("the models were trained on these very images: their accuracies flatter them",)
    seen = max((_pictures_of(manifest.dataset, data) for manifest in manifests), default=0)
    if seen:
        return (
            f"{dataset.spec}: the models were trained on {seen:,} of its {dataset.images:,} images,"
            " and their accuracies flatter them",
        )
    if is_training(dataset.split):
        return (
            f"{dataset.spec} has no images to test on, and its split {dataset.split} was measured: "
            "accuracies of models that were trained on it flatter them",
        )
    return ()


def _pictures_of(trained: DatasetInfo, data: Dataset) -> int:
    """How many of the images are in a training set of another name that is still there."""
    ours, theirs = Path(data.info.spec).resolve(), Path(trained.spec).resolve()
    if ours == theirs or not (ours.exists() and theirs.exists()):
        return 0
    try:
        training = open_dataset(trained.spec, "train", max_bad=1)
    except DataError:  # what is there now is another set
        return 0
    known = set(digests_of(training))
    return sum(digest in known for digest in digests_of(data))
