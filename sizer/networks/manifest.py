"""The manifest beside a ladder: how each of its models was trained."""

import shlex
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
class TrainedModel:
    """One trained network; `clean_accuracy` is of the exported file on test images."""

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
            {name: value for name, value in asdict(model).items() if name != "curve"}
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
