"""`quantize`: a ladder at a lower precision, and what each model loses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sizer import io
from sizer.errors import (
    OutputError,
    UsageError,
)
from sizer.inference.input_format import InputFormat, to_metadata
from sizer.networks.manifest import Manifest, TrainedModel, read_manifest, write_manifest
from sizer.networks.models import FoundModel, find_models, open_models
from sizer.noise import epsilon, linear_schedule
from sizer.progress import ReportProgress
from sizer.results import QuantizedModel

if TYPE_CHECKING:
    from sizer.datasets import Dataset
    from sizer.inference.inputs import InputPlan
    from sizer.inference.model import OnnxModel
    from sizer.quantize import Quantized

# Quantising: training images that set the activations' ranges, and test images that show the loss.
CALIBRATION_IMAGES = 500
CALIBRATION_SEED = 1
CLEAN_IMAGES = 2000


def quantize(
    *,
    models: Sequence[Path],
    data: str,
    precision: "Quantized",
    input_format: InputFormat | None,
    folder: Path,
    command: str,
    progress: ReportProgress,
) -> tuple[QuantizedModel, ...]:
    """Quantise fp32 models into a folder, and measure what each lost on clean test images.

    A ladder's manifest goes along, model by model, so that `calibrate` sees the same sizes and the
    same family. What the folder holds already is kept.
    """
    from sizer.datasets import open_dataset

    train, test = open_dataset(data, "train"), open_dataset(data, "test")
    found = find_models(models)
    ladder = _quantized_ladder(models, folder, precision, command)
    opened = open_models(found, train.info, "cpu", input_format)
    _make_quantized_folder(folder, found)
    noise_steps = ladder.recipe.noise_steps if ladder else None
    report, results = progress("quantising"), list[QuantizedModel]()
    total = sum(model.info.parameters for model in opened)
    for model, source in zip(opened, found, strict=True):
        report(sum(result.parameters for result in results), total)
        target = folder / source.path.name
        _quantize_one(model, target, train, noise_steps, precision)
        results.append(_compare(model, target, test))
        if ladder and source.entry:
            ladder = _with_quantized(ladder, source.entry, target, results[-1])
            write_manifest(folder, ladder)
    report(total, total)
    return tuple(results)


def _quantized_ladder(
    models: Sequence[Path], folder: Path, precision: "Quantized", command: str
) -> Manifest | None:
    """The manifest to go on with in `folder`; None where the models have none."""
    folders = {path if path.is_dir() else path.parent for path in models}
    sources = [manifest for one in folders if (manifest := read_manifest(one))]
    if not sources:
        return None
    if len(sources) > 1:
        raise UsageError("these models are of several ladders: quantise each by itself")
    source = replace(sources[0].with_command(command), precision=precision)
    ladder = read_manifest(folder) or replace(source, models=())
    if not ladder.admits(source.recipe, source.dataset, precision):
        raise OutputError(f"{folder}: holds another ladder; choose another --out")
    return ladder


def _make_quantized_folder(folder: Path, found: Sequence[FoundModel]) -> None:
    names = [model.path.name for model in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models are called {twice[0]}; rename one of the files")
    io.make_folder(folder)


def _quantize_one(
    model: "OnnxModel",
    target: Path,
    train: "Dataset",
    noise_steps: tuple[int, int] | None,
    precision: "Quantized",
) -> None:
    """Write `target` whole, unless it was made from the very same before."""
    from sizer import quantize as tools

    made = tools.made_from(model.fingerprint, precision, train.info.fingerprint, noise_steps)
    if tools.is_made(target, made):
        return
    batches = _calibration_batches(train, noise_steps, model.plan)
    metadata = {**to_metadata(model.plan.input_format), **made}
    contents = tools.quantize(model.path, precision, batches, metadata)
    with io.replacing(target) as partial:
        partial.write_bytes(contents)


def _calibration_batches(
    train: "Dataset", noise_steps: tuple[int, int] | None, plan: "InputPlan"
) -> Iterator[NDArray[Any]]:
    """Training images as the model takes them, with the noise it was trained with, step by step."""
    from sizer.inference.inputs import arrange
    from sizer.measure.blocks import image_order

    schedule = linear_schedule()
    indices = image_order(train.info.images)[:CALIBRATION_IMAGES]
    steps = np.linspace(*(noise_steps or (0, 0)), len(indices))
    batches = -(-len(indices) // plan.batch)  # the last one is filled up with the first images
    for part in np.resize(np.arange(len(indices)), (batches, plan.batch)):
        images, _ = train.read(indices[part])
        noisy = np.empty(images.shape, np.float32)
        for i, (index, step) in enumerate(zip(indices[part], steps[part], strict=True)):
            mu, sigma = map(np.float32, schedule.coefficients(step))
            drawn = epsilon(CALIBRATION_SEED, int(index), images.shape[1:])
            noisy[i] = mu * (images[i] / np.float32(127.5) - 1) + sigma * drawn
        yield arrange(noisy, plan)


def _compare(model: "OnnxModel", target: Path, test: "Dataset") -> QuantizedModel:
    """Clean accuracies of a model and its quantised file; measured cells are kept and found."""
    from sizer.inference.model import open_model
    from sizer.measure.cells import measure
    from sizer.measure.store import open_store
    from sizer.noise import Noise

    noise = Noise()
    quantized = open_model(target, test.info, parameters=model.info.parameters)
    images = min(CLEAN_IMAGES, test.info.images)
    with open_store() as store:
        before, after = (
            measure([one], test, noise, store, steps=(0,), images=images).cells[0]
            for one in (model, quantized)
        )
    return QuantizedModel(
        name=model.info.name,
        parameters=model.info.parameters,
        original=before.correct / before.trials,
        quantized=after.correct / after.trials,
        images=images,
    )


def _with_quantized(
    ladder: Manifest, entry: TrainedModel, target: Path, result: QuantizedModel
) -> Manifest:
    """The manifest with one more model, or with that model's entry anew."""
    from sizer.inference.model_file import read_model_file

    sha256 = read_model_file(target).sha256
    return ladder.with_model(
        replace(entry, sha256=sha256, clean_accuracy=round(result.quantized, 4))
    )
