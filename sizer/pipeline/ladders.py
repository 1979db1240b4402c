"""The models of a measurement: found, opened, measured."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.datasets.records import DatasetInfo
from sizer.errors import (
    ModelError,
    UsageError,
)
from sizer.inference.input_format import InputFormat
from sizer.inference.records import ProviderChoice
from sizer.manifest import TrainedModel, read_manifest
from sizer.pipeline.cuts import CutChoice
from sizer.pipeline.planned import Goal, Ladder, Steps, measure_planned
from sizer.progress import ReportProgress
from sizer.results import LadderTraining

if TYPE_CHECKING:
    from sizer.datasets import Dataset
    from sizer.inference.model import OnnxModel
    from sizer.measure import CellStore, Engine, Evaluator, Measurement
    from sizer.noise import Noise

BUILTIN = "builtin"
NOISE_SEED = 0


FoundModel = tuple[Path, TrainedModel | None, str | None]  # file, manifest's entry, family


def find_models(paths: Sequence[Path]) -> list[FoundModel]:
    """ONNX files of files and folders, each with its manifest's entry and family where known."""
    found: list[FoundModel] = []
    for path in paths:
        members = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        if not members:
            raise ModelError(f"{path}: holds no .onnx file; name a ladder's folder or its files")
        manifest = read_manifest(path if path.is_dir() else path.parent)
        entries = {model.file: model for model in manifest.models} if manifest else {}
        for member in members:
            entry = entries.get(member.name)
            family = manifest.recipe.family if manifest and entry else None
            found.append((member, entry, family))
    families = {family for _, _, family in found if family}
    if len(families) > 1:
        raise UsageError(
            f"models of different trainings ({', '.join(sorted(families))}) share no scaling law; "
            "calibrate each family by itself"
        )
    return found


def training_of(found: Sequence[FoundModel]) -> LadderTraining | None:
    """How the models were trained, where manifests say the same of all of them."""
    if not all(entry for _, entry, _ in found):
        return None
    manifests = [read_manifest(folder) for folder in sorted({path.parent for path, _, _ in found})]
    trainings = [
        LadderTraining(one.command, one.created_with, one.dataset, one.recipe)
        for one in manifests
        if one is not None
    ]
    first = trainings[0]
    if any((one.recipe, one.dataset) != (first.recipe, first.dataset) for one in trainings):
        return None
    return replace(first, command=" && ".join(one.command for one in trainings))


def open_models(
    found: Sequence[FoundModel],
    dataset: DatasetInfo,
    provider: ProviderChoice,
    input_format: InputFormat | None,
) -> "list[OnnxModel]":
    """Check every file before anything is measured."""
    from sizer.inference.model import open_model
    from sizer.inference.runtime import choose_provider

    chosen = choose_provider(provider)
    names = [path.stem for path, _, _ in found]
    opened = []
    for path, entry, family in found:
        model = open_model(
            path,
            dataset,
            provider=chosen,
            input_format=input_format,
            name=path.stem if names.count(path.stem) == 1 else f"{path.parent.name}/{path.stem}",
            parameters=entry.parameters if entry else None,
            macs=entry.macs if entry else None,
            training=family,
            seed=entry.seed if entry else None,
        )
        if entry and entry.sha256 != model.info.sha256:
            raise ModelError(f"{path}: not the file its manifest describes; train it again")
        opened.append(model)
    precisions = sorted({model.info.precision or "unknown" for model in opened})
    if len(precisions) > 1:
        raise UsageError(
            f"models of different precision ({', '.join(precisions)}) share no scaling law; "
            "take each precision by itself"
        )
    return opened


def measure_ladder(
    models: "Sequence[Evaluator]",
    dataset: "Dataset",
    noise: "Noise",
    store: "CellStore",
    steps: tuple[float, ...] | None,
    images: int | None,
    progress: ReportProgress,
    *,
    precision: float,
    cut: CutChoice,
    workers: int | None = None,
    engine: "Engine | None" = None,
) -> "Measurement":
    """Every model at every step; without steps, at those that a plan finds worth it.

    precision: at which the plan stops. cut: the widths that it is about.
    """
    from sizer.fit.evidence import check_sizes
    from sizer.measure import measure, require_images

    def run(label: str, wanted: Steps, count: int) -> "Measurement":
        return measure(
            models,
            dataset,
            noise,
            store,
            steps=wanted,
            images=count,
            workers=workers,
            engine=engine,
            progress=progress(label),
        )

    infos = tuple(model.info for model in models)
    check_sizes(info.parameters for info in infos)
    count = dataset.info.images if images is None else images
    require_images(count, dataset.info)
    ladder = Ladder(infos, 1 / dataset.info.classes, noise.schedule, run)
    if steps is not None:
        return run("measuring", ladder.everywhere(steps), count)
    return measure_planned(ladder, Goal(count, precision, cut))
