"""The manifest beside a ladder: how each of its models was trained."""

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError
from sizer.inference.input_format import InputFormat
from sizer.inference.records import Precision
from sizer.io import read_bounded, replacing
from sizer.networks.recipe import LadderTraining, Recipe
from sizer.result import Tabular

FILE_NAME = "manifest.json"
ANOTHER_OUT = "choose another --out"
JOINED = " && "  # between the commands that made a ladder
LAST = 0.25  # of a training, in which a loss that has levelled off hardly falls
LEVEL = 0.05  # of the loss of guessing: by how much it may fall in that time


def _plain(name: str) -> str:
    """A file of the ladder's own folder."""
    if PurePath(name).name != name or "\0" in name:
        raise ValueError("must be the name of a file beside the manifest")
    return name


FileName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_plain)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=10**15)]
Factor = Annotated[float, Field(gt=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0, le=1e30)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a training curve: mean loss and accuracy on the training images as fed."""

    loss: Loss
    accuracy: Share


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run of a training that came to nothing, and why; seed: what it was drawn from."""

    seed: Seed
    reason: Annotated[str, Field(max_length=1000)]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One trained network; `clean_accuracy` is of the exported file on test images.

    seed: the first that was tried; failed_runs: those that came to nothing before this one, or, if
    this one is the best of them, after it. guesses: whether it is no better than guessing.
    """

    file: FileName
    sha256: Digest
    architecture: Name
    width: Factor
    depth: Factor
    parameters: Count
    macs: Count
    seed: Seed
    clean_accuracy: Share
    curve: tuple[Epoch, ...]
    failed_runs: tuple[FailedRun, ...] = ()
    guesses: bool = False

    def last_fall(self, classes: int) -> float | None:
        """How far the loss fell in the last quarter of the training; None of a single epoch.

        As a share of ln `classes`, the loss of guessing: that of a network that has learned nearly
        everything may halve without any gain. An epoch's mean loss is that of its middle; between
        them it is taken to fall straight.
        """
        if len(self.curve) < 2:
            return None
        return (_loss_before(self.curve, LAST) - self.curve[-1].loss) / math.log(classes)

    def levelled_off(self, classes: int) -> bool | None:
        """Whether the loss hardly fell any more at the end; None where one epoch cannot tell."""
        fall = self.last_fall(classes)
        return None if fall is None else fall <= LEVEL


def _loss_before(curve: Sequence[Epoch], share: float) -> float:
    """The loss a share of the training before the middle of its last epoch."""
    place = max(0.0, len(curve) - 1 - share * len(curve))
    first = int(place)
    early, late = curve[first].loss, curve[min(first + 1, len(curve) - 1)].loss
    return early + (place - first) * (late - early)


@dataclass(frozen=True, slots=True)
class Manifest(Tabular):
    """A ladder: the exact commands, the training data, the recipe and the finished models.

    precision: of the files. command: all that made the ladder, in their order, joined by `&&`; a
    quantised ladder's are those of its training, then its own.
    """

    command: str
    created_with: str
    dataset: DatasetInfo
    recipe: Recipe
    precision: Precision
    models: tuple[TrainedModel, ...]

    def rows(self) -> list[dict[str, object]]:
        """One row a model; its loss and accuracy by epoch are in the manifest alone."""
        return [
            {
                **{name: value for name, value in asdict(model).items() if name != "curve"},
                "failed_runs": len(model.failed_runs),
                "levelled_off": model.levelled_off(self.dataset.classes),
            }
            for model in self.models
        ]

    @property
    def training(self) -> LadderTraining:
        """How it was trained."""
        return LadderTraining(self.command, self.created_with, self.dataset, self.recipe)

    def admits(self, recipe: Recipe, dataset: DatasetInfo, precision: Precision) -> bool:
        """Whether models of this recipe, training data and precision belong to the ladder."""
        asked = (recipe, dataset.identity, precision)
        return (self.recipe, self.dataset.identity, self.precision) == asked

    def with_command(self, command: str) -> "Manifest":
        """The ladder with one more command, unless it is there already."""
        given = self.command.split(JOINED)
        return self if command in given else replace(self, command=JOINED.join([*given, command]))

    def with_model(self, model: TrainedModel) -> "Manifest":
        """The ladder with one more model, or that file's entry replaced; ordered by size."""
        others = (kept for kept in self.models if kept.file != model.file)
        ordered = sorted((*others, model), key=lambda kept: (kept.parameters, kept.seed))
        return replace(self, models=tuple(ordered))


def python_line(function: str, **arguments: object) -> str:
    """The shell line that makes this call of the library, for a manifest."""
    given = ", ".join(f"{name}={_written(value)}" for name, value in arguments.items())
    return shlex.join(["python", "-c", f"import sizer; sizer.{function}({given})"])


def _written(value: object) -> str:
    """The value as it is typed where `sizer` is imported."""
    return f"sizer.{value!r}" if isinstance(value, InputFormat) else repr(value)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a ladder folder, None where there is none.

    Raises ModelError for one that `sizer` would not have written.
    """
    path = folder / FILE_NAME
    try:
        manifest = TypeAdapter(Manifest).validate_json(read_bounded(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; check its permissions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{path}: {where or 'content'}: {first['msg']}; train again or remove it"
        ) from error
    if fault := _fault(manifest):
        raise ModelError(f"{path}: {fault}; train again or remove it")
    return manifest


def read_manifests(folders: Iterable[Path]) -> dict[Path, Manifest]:
    """Those of the folders that have one, each folder once, in order of their names."""
    found = {folder: read_manifest(folder) for folder in sorted(set(folders))}
    return {folder: manifest for folder, manifest in found.items() if manifest}


def _fault(manifest: Manifest) -> str | None:
    """What of it does not fit together, in words."""
    files = [model.file for model in manifest.models]
    if len(set(files)) != len(files):
        return "a file is there twice"
    return manifest.training.fault()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest: a kill leaves the old one or the new one."""
    with replacing(folder / FILE_NAME, ANOTHER_OUT) as partial:
        partial.write_bytes(TypeAdapter(Manifest).dump_json(manifest, indent=1) + b"\n")
