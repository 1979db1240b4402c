"""The manifest beside a ladder: how each of its models was trained."""

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError
from sizer.inference.input_format import InputFormat
from sizer.inference.records import Precision
from sizer.io import read_bounded, replacing
from sizer.networks.recipe import Recipe
from sizer.result import Tabular

FILE_NAME = "manifest.json"
ANOTHER_OUT = "choose another --out"
JOINED = " && "  # between the commands that made a ladder


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a training curve: mean loss and accuracy on the training images as fed."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One trained network; `clean_accuracy` is of the exported file on test images."""

    file: str
    sha256: str
    architecture: str
    width: float
    depth: float
    parameters: int
    macs: int
    seed: int
    clean_accuracy: float
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
    """The manifest of a ladder folder, None where there is none. Raises ModelError if malformed."""
    path = folder / FILE_NAME
    try:
        return TypeAdapter(Manifest).validate_json(read_bounded(path))
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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest: a kill leaves the old one or the new one."""
    with replacing(folder / FILE_NAME, ANOTHER_OUT) as partial:
        partial.write_bytes(TypeAdapter(Manifest).dump_json(manifest, indent=1) + b"\n")
