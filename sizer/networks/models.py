"""The models that a user names: found on disk, with their manifests, and opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.records import MAX_BAD, DatasetInfo
from sizer.errors import ModelError, UsageError
from sizer.inference.conversions import require_onnx
from sizer.inference.input_format import InputFormat
from sizer.inference.records import MOST_MODELS, ProviderChoice
from sizer.networks.manifest import JOINED, Manifest, TrainedModel, read_manifest, read_manifests
from sizer.networks.recipe import LadderTraining
from sizer.networks.timings import read_timings
from sizer.progress import Progress, ignore_progress

if TYPE_CHECKING:
    from sizer.inference.child import Child
    from sizer.inference.input_shape import InputSize
    from sizer.inference.model import OnnxModel
    from sizer.inference.runtime import Provider


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A file, with its manifest's entry and its family where there is a manifest."""

    path: Path
    entry: TrainedModel | None
    family: str | None


def find_models(paths: Sequence[Path]) -> list[FoundModel]:
    """The ONNX files of files and folders.

    Raises ModelError for what is not there or of another program, UsageError for several families
    or too many models.
    """
    models = [model for path in paths for model in _models_at(path)]
    if len(models) > MOST_MODELS:
        raise UsageError(f"{len(models):,} models: give {MOST_MODELS:,} at most")
    families = {model.family for model in models if model.family}
    if len(families) > 1:
        raise UsageError(
            f"models of different trainings ({', '.join(sorted(families))}) share no scaling law; "
            "calibrate each family by itself"
        )
    return models


def _models_at(path: Path) -> list[FoundModel]:
    require_onnx(path)
    files = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
    if not files:
        for other in sorted(path.iterdir()):
            require_onnx(other)
        raise ModelError(f"{path}: holds no .onnx file; name a ladder's folder or its files")
    if not path.exists():
        raise ModelError(
            f"{path}: cannot be read (no such file); give an ONNX file, or a folder of them"
        )
    manifest = read_manifest(path if path.is_dir() else path.parent)
    entries = {model.file: model for model in manifest.models} if manifest else {}
    family = manifest.recipe.family if manifest else None
    return [
        FoundModel(file, entries.get(file.name), family if file.name in entries else None)
        for file in files
    ]


def training_of(models: Sequence[FoundModel]) -> LadderTraining | None:
    """How the models were trained, where manifests say the same of all of them.

    The data are those of the first folder, where another has left out a few images more.
    """
    if not all(model.entry for model in models):
        return None
    manifests = list(read_manifests(model.path.parent for model in models).values())
    first = manifests[0]
    if not all(_alike(first, manifest) for manifest in manifests):
        return None
    command = JOINED.join(manifest.command for manifest in manifests)
    return replace(first.training, command=command)


def _alike(one: Manifest, other: Manifest) -> bool:
    """Whether they are of one recipe, and of one data set but for a few images left out."""
    if one.recipe != other.recipe or one.dataset == other.dataset:
        return one.recipe == other.recipe
    left_out = abs(one.dataset.images - other.dataset.images)
    few = 0 < left_out <= MAX_BAD * max(one.dataset.images, other.dataset.images)
    same = replace(one.dataset, fingerprint=other.dataset.fingerprint, images=other.dataset.images)
    return few and same == other.dataset


def open_models(
    models: Sequence[FoundModel],
    dataset: DatasetInfo,
    child: "Child",
    provider: ProviderChoice = "auto",
    input_format: InputFormat | None = None,
    size: "InputSize | None" = None,
    progress: Progress = ignore_progress,
    *,
    floats: bool = False,
) -> "list[OnnxModel]":
    """Check every file before anything is measured, each in the child.

    progress: called with (done, all) models. floats: whether the data are, see `open_model`. Raises
    ModelError for a file that cannot be used with the data or is not the one that its manifest
    describes, and UsageError for models of several precisions.
    """
    from sizer.inference.child import bounds_of
    from sizer.inference.runtime import choose_provider

    chosen = child.call(bounds_of("the execution provider", 0), choose_provider, provider)
    opened: list[OnnxModel] = []
    for model, name in zip(models, _distinct_names(models), strict=True):
        progress(len(opened), len(models))
        opened.append(_opened(model, name, dataset, child, chosen, input_format, size, floats))
    progress(len(opened), len(models))
    precisions = sorted({onnx.info.precision or "unknown" for onnx in opened})
    if len(precisions) > 1:
        raise UsageError(
            f"models of different precision ({', '.join(precisions)}) share no scaling law; "
            "take each precision by itself"
        )
    return opened


def _distinct_names(models: Sequence[FoundModel]) -> list[str]:
    """The names of the files, with their folder where two of them are the same."""
    stems = [model.path.stem for model in models]
    return [
        stem if stems.count(stem) == 1 else f"{model.path.parent.name}/{stem}"
        for model, stem in zip(models, stems, strict=True)
    ]


def _opened(
    model: FoundModel,
    name: str,
    dataset: DatasetInfo,
    child: "Child",
    provider: "Provider",
    input_format: InputFormat | None,
    size: "InputSize | None",
    floats: bool,
) -> "OnnxModel":
    from sizer.inference.model import open_in, read_in

    path, entry = model.path, model.entry
    onnx = open_in(
        child,
        read_in(child, path),
        dataset,
        provider=provider,
        input_format=input_format,
        size=size,
        floats=floats,
        name=name,
        parameters=entry.parameters if entry else None,
        macs=entry.macs if entry else None,
        training=model.family,
        seed=entry.seed if entry else None,
        training_seconds=read_timings(path.parent).get(path.name),
    )
    if entry and entry.sha256 != onnx.info.sha256:
        raise ModelError(f"{path}: not the file its manifest describes; train it again")
    return onnx
