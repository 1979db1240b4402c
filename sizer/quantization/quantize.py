"""Quantising a ladder, and measuring what each model loses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizer import io
from sizer.cores import usable_cores
from sizer.datasets import Dataset, has_floats, open_splits
from sizer.datasets.records import MAX_BAD
from sizer.errors import OutputError, UsageError
from sizer.inference.child import Child, Children, bounds_of
from sizer.inference.input_format import InputFormat, to_metadata
from sizer.inference.input_shape import CROP_KEY, InputSize
from sizer.inference.inputs import InputPlan, arrange
from sizer.inference.matching import Classes, matched
from sizer.inference.model import OnnxModel, open_in, read_in
from sizer.measure.blocks import image_order, seen_by
from sizer.measure.cells import measure
from sizer.measure.foretelling import foretold
from sizer.measure.processes import Processes
from sizer.measure.store import CellStore, open_store
from sizer.measure.work import Engine
from sizer.networks.manifest import (
    Manifest,
    TrainedModel,
    python_line,
    read_manifest,
    read_manifests,
    write_manifest,
)
from sizer.networks.models import FoundModel, find_models, open_models
from sizer.noise import Noise, epsilon, linear_schedule
from sizer.progress import ReportProgress, no_progress, say_nothing
from sizer.quantization.onnx_file import LowPrecision, is_made, made_from, quantize_file
from sizer.result import Tabular

CALIBRATION_IMAGES = 500  # training images that set the activations' ranges
CALIBRATION_SEED = 1
TOOLS = 120.0  # seconds that the runtime's tools may take besides running the model
CLEAN_IMAGES = 2000  # test images that show the loss


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """Accuracies of a model and of its quantised file on the same clean test images."""

    name: str
    parameters: int
    original: float
    quantized: float
    images: int


@dataclass(frozen=True, slots=True)
class QuantizedLadder(Tabular):
    """What quantising a ladder to a precision lost, model by model in the order given."""

    precision: LowPrecision
    models: tuple[QuantizedModel, ...]

    def rows(self) -> list[dict[str, object]]:
        """One row a model."""
        return [asdict(model) for model in self.models]


def quantize(
    models: str | Path | Sequence[str | Path],
    folder: str | Path,
    *,
    data: str | Path = "builtin",
    precision: LowPrecision = "int8",
    input_format: InputFormat | None = None,
    input_side: int | None = None,
    crop_share: float | None = None,
    max_bad: float = MAX_BAD,
    classes: str | Path | None = None,
    command: str | None = None,
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> QuantizedLadder:
    """Quantise fp32 models into `folder`, and measure what each loses on clean test images.

    models: ONNX files, or folders of them. data: whose training images set the ranges of the
    activations. input_side, crop_share, max_bad, classes, tell: as in `sizer.calibrate`.
    command: the line that does this, for the manifest. A ladder's manifest is copied, model by
    model, so that `calibrate` sees the same sizes and the same family. What the folder holds
    already is kept.
    Raises ModelError for a model that is quantised already or cannot be, UsageError for models of
    several ladders, and OutputError where the folder holds another ladder or is being written by
    another process.
    """
    models = [models] if isinstance(models, str | Path) else models
    paths, folder, data = [Path(path) for path in models], Path(folder), str(data)
    size = InputSize(input_side, crop_share)
    sources = find_models(paths)
    value_range = input_format.range if input_format else None
    train, test = open_splits(data, max_bad, tell, value_range)
    asked: dict[str, object] = {
        "models": [str(path) for path in paths],
        "folder": str(folder),
        "data": data,
        "precision": precision,
        "input_format": input_format,
        "input_side": input_side,
        "crop_share": crop_share,
        "max_bad": max_bad,
        "classes": None if classes is None else str(classes),
    }
    command = command or python_line("quantize", **asked)
    _quantized_ladder(paths, folder, precision, command)  # refused before the work
    _require_names(sources)
    with Children() as children, io.filling(folder), open_store(tell=tell) as store:
        (child,), engine = children.first(1), Processes(children, tell)
        opened = open_models(
            sources, train.info, child, "cpu", input_format, size, floats=has_floats(train)
        )
        wanted = Classes(None if classes is None else Path(classes))
        test, opened = matched(test, opened, wanted, tell)
        ladder = _quantized_ladder(paths, folder, precision, command)  # as it is by now
        noise_steps = ladder.recipe.noise_steps if ladder else None
        shown = CALIBRATION_IMAGES * usable_cores() + 2 * min(CLEAN_IMAGES, test.info.images)
        for line in foretold(opened, {model.info.name: shown for model in opened}, "quantising"):
            tell(line)
        report, results = progress("quantising"), list[QuantizedModel]()
        total = sum(model.info.parameters for model in opened)
        for model, source in zip(opened, sources, strict=True):
            report(sum(result.parameters for result in results), total)
            target, seen = folder / source.path.name, seen_by(model.info, train)
            _quantize_model(model, target, child, seen, noise_steps, precision)
            results.append(_compare(model, target, child, engine, store, test, size))
            if ladder and source.entry:
                ladder = _with_quantized(ladder, source.entry, target, child, results[-1])
                write_manifest(folder, ladder)
        report(total, total)
    return QuantizedLadder(precision, tuple(results))


def _quantized_ladder(
    models: Sequence[Path], folder: Path, precision: LowPrecision, command: str
) -> Manifest | None:
    """The manifest to go on with in `folder`; None where the models have none."""
    folders = (path if path.is_dir() else path.parent for path in models)
    sources = list(read_manifests(folders).values())
    if not sources:
        return None
    if len(sources) > 1:
        raise UsageError("these models are of several ladders: quantise each by itself")
    source = replace(sources[0].with_command(command), precision=precision)
    ladder = read_manifest(folder) or replace(source, models=())
    if not ladder.admits(source.recipe, source.dataset, precision):
        raise OutputError(f"{folder}: holds another ladder; choose another --out")
    return ladder


def _require_names(models: Sequence[FoundModel]) -> None:
    names = [model.path.name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models are called {twice[0]}; rename one of the files")


def _quantize_model(
    model: OnnxModel,
    target: Path,
    child: Child,
    train: Dataset,
    noise_steps: tuple[int, int] | None,
    precision: LowPrecision,
) -> None:
    """Write `target`, unless it was made before from the same model and images."""
    made = made_from(model.fingerprint, precision, train.info.identity, noise_steps)
    if target.exists() and is_made(read_in(child, target), made):
        return
    indices = image_order(train.info.images)[:CALIBRATION_IMAGES]
    images = CalibrationImages(train.read(indices)[0], indices, noise_steps, model.plan)
    share = model.info.crop_share
    cropped = {} if share is None else {CROP_KEY: repr(share)}
    metadata = {**to_metadata(model.plan.input_format), **cropped, **made}
    with TemporaryDirectory(prefix="sizer-") as scratch:
        bounds = bounds_of(model.path, model.size, images.images.size, seconds=TOOLS)
        contents = child.call(
            bounds, quantize_file, model.path, precision, images, metadata, Path(scratch)
        )
    with io.replacing(target) as partial:
        partial.write_bytes(contents)


@dataclass(frozen=True, slots=True)
class CalibrationImages:
    """Training images (B, H, W, C) of these numbers (B,), shown under the noise of the training."""

    images: NDArray[np.uint8]
    indices: NDArray[np.int64]
    noise_steps: tuple[int, int] | None
    plan: InputPlan

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Batches as the model takes them, step by step."""
        schedule, count = linear_schedule(), len(self.indices)
        steps = np.linspace(*(self.noise_steps or (0, 0)), count)
        batches = -(-count // self.plan.batch)  # the last one is filled up with the first images
        for part in np.resize(np.arange(count), (batches, self.plan.batch)):
            noisy = np.empty((len(part), *self.images.shape[1:]), np.float32)
            for i, place in enumerate(part):
                mu, noise_std = map(np.float32, schedule.coefficients(steps[place]))
                drawn = epsilon(CALIBRATION_SEED, int(self.indices[place]), noisy.shape[1:])
                noisy[i] = mu * (self.images[place] / np.float32(127.5) - 1) + noise_std * drawn
            yield arrange(noisy, self.plan)


def _compare(
    model: OnnxModel,
    target: Path,
    child: Child,
    engine: Engine,
    store: CellStore,
    test: Dataset,
    size: InputSize,
) -> QuantizedModel:
    """Clean accuracies of a model and its quantised file; what is measured is kept."""
    noise, file = Noise(), read_in(child, target)
    quantized = open_in(child, file, test.info, size=size, parameters=model.info.parameters)
    images = min(CLEAN_IMAGES, test.info.images)
    before, after = (
        measure([measured], test, noise, store, engine=engine, steps=(0,), images=images).cells[0]
        for measured in (model, quantized)
    )
    return QuantizedModel(
        name=model.info.name,
        parameters=model.info.parameters,
        original=before.correct / before.trials,
        quantized=after.correct / after.trials,
        images=images,
    )


def _with_quantized(
    ladder: Manifest, entry: TrainedModel, target: Path, child: Child, result: QuantizedModel
) -> Manifest:
    """The manifest with one more model, or that model's entry replaced."""
    sha256 = read_in(child, target).sha256
    return ladder.with_model(
        replace(entry, sha256=sha256, clean_accuracy=round(result.quantized, 4))
    )
