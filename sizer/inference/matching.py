"""Which class of a model each class of the data is: a set may hold a few of a model's classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sizer.datasets import Dataset
from sizer.datasets.classes import (
    ClassList,
    imagenet_classes,
    is_imagenet,
    plain,
    read_class_file,
)
from sizer.datasets.relabelled import RelabelledDataset
from sizer.errors import DataError, ModelError

if TYPE_CHECKING:
    from sizer.inference.model import OnnxModel

NAMED = 5  # classes that a message names at most
FEWEST = 2  # classes that a score can choose among


@dataclass(frozen=True, slots=True)
class Classes:
    """What a user says of them. file: lists the models'. restrict: to those that the data hold."""

    file: Path | None = None
    restrict: bool = False


def matched(
    data: Dataset,
    models: "Sequence[OnnxModel]",
    classes: Classes,
    tell: Callable[[str], None],
) -> "tuple[Dataset, list[OnnxModel]]":
    """The data with the models' class numbers; the models that score all, or only those there.

    Names of the data's classes are those that a file or a model's metadata lists, or WordNet ids in
    ImageNet's order. Without names, labels are the models' numbers. tell: told what was matched.
    Raises DataError and ModelError, with the remedy, where a class has no number or shares it, or
    holds no picture, and for models whose classes differ.
    """
    outputs = _outputs(models)
    numbers, source = _Matching(data, outputs, _of_metadata(models), models[0].path).of(classes)
    _require_distinct(numbers, data)
    if len(numbers) < outputs or classes.restrict:
        _require_pictures(data)
        there = f"{len(numbers):,} of the models' {outputs:,} classes, by {source}"
        alone = "; scores count among these alone" if classes.restrict else ""
        tell(f"{data.info.spec}: {there}{alone}")
    if classes.restrict:
        return _restricted(data, models, numbers)
    if list(numbers) == list(range(outputs)):
        return data, list(models)
    return RelabelledDataset(data, numbers, outputs), list(models)


def _outputs(models: "Sequence[OnnxModel]") -> int:
    counts = {model.classes: model.path for model in models}
    if len(counts) > 1:
        (fewer, small), (more, large) = sorted(counts.items())[:2]
        raise ModelError(
            f"{small} gives {fewer:,} classes and {large} {more:,}; calibrate each by itself"
        )
    return models[0].classes


def _of_metadata(models: "Sequence[OnnxModel]") -> ClassList | None:
    """The classes that the models' files list, where they list all of them."""
    listing = [m for m in models if m.class_list and len(m.class_list.names) == m.classes]
    numbers = [model.class_list.numbers() for model in listing if model.class_list]
    for model, other in zip(listing, numbers, strict=True):
        if other != numbers[0]:
            raise ModelError(
                f"{listing[0].path} and {model.path} number their classes differently; "
                "calibrate each by itself"
            )
    return listing[0].class_list if listing else None


class _Matching:
    """The number of each class of the data among a model's outputs, and by what it is known."""

    def __init__(self, data: Dataset, outputs: int, listed: ClassList | None, model: Path) -> None:
        self._spec, self._count, self._names = data.info.spec, data.info.classes, data.class_names
        self._outputs, self._listed, self._model = outputs, listed, model

    def of(self, classes: Classes) -> tuple[Sequence[int], str]:
        if classes.file is not None:
            return self._by_file(classes.file), str(classes.file)
        names, listed = self._names, self._listed
        if names and listed and (len(names) < self._outputs or not self._unknown(names, listed)):
            return self._by_name(names, listed), listed.source
        if names and len(names) < self._outputs:
            imagenet = imagenet_classes(self._outputs)
            if imagenet and is_imagenet(names):
                return self._by_name(names, imagenet), f"WordNet id in {imagenet.source}"
            if not all(name.isdecimal() and int(name) < self._outputs for name in names):
                raise self._mismatch()
            return [int(name) for name in names], "number"
        return range(self._count), "number"

    def _mismatch(self) -> ModelError:
        return ModelError(
            f"{self._model}: gives {self._outputs:,} classes, {self._spec} has {self._count:,}; "
            "list the model's with --classes FILE, a line each: its name, or its number and name"
        )

    def _by_file(self, path: Path) -> Sequence[int]:
        listed, numbered = read_class_file(path)
        outside = [number for number in listed.names if number >= self._outputs]
        if numbered and outside:
            raise DataError(
                f"{path}: lists class {outside[0]}; {self._model} gives {self._outputs:,}, so give "
                f"numbers from 0 to {self._outputs - 1}"
            )
        whole = numbered or len(listed.names) == self._outputs
        if whole and self._names and any(listed.names.values()):
            return self._by_name(self._names, listed)
        if len(listed.names) != self._count:
            wanted = f"the {self._outputs:,} of the model, or one for each of the {self._count:,}"
            raise DataError(
                f"{path}: lists {len(listed.names):,} classes; give {wanted} of {self._spec}"
            )
        if numbered:
            return list(listed.names)
        if whole:
            return range(self._count)
        return self._by_name([names[0] for names in listed.names.values()], self._known(path), path)

    def _known(self, path: Path) -> ClassList:
        """What the models' classes are called, to which a file refers."""
        if self._listed:
            return self._listed
        imagenet = imagenet_classes(self._outputs)
        if imagenet:
            return imagenet
        raise DataError(
            f"{path}: names classes, and {self._model} does not list its own; give their numbers"
        )

    def _by_name(
        self, names: Sequence[str], listed: ClassList, path: Path | None = None
    ) -> list[int]:
        unknown = self._unknown(names, listed)
        if unknown:
            many = "none" if len(unknown) == len(names) else f"{len(names) - len(unknown):,}"
            raise DataError(
                f"{path or self._spec}: {many} of its {len(names):,} classes are among those that "
                f"{listed.source} lists, not {_some(unknown)}; name them alike, or list numbers "
                "and names with --classes"
            )
        numbers = listed.numbers()
        return [numbers[plain(name)] for name in names]

    def _unknown(self, names: Sequence[str], listed: ClassList) -> list[str]:
        numbers = listed.numbers()
        return [name for name in names if plain(name) not in numbers]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _require_distinct(numbers: Sequence[int], data: Dataset) -> None:
    names = data.class_names or tuple(map(str, range(len(numbers))))
    first = dict[int, str]()
    for name, number in zip(names, numbers, strict=True):
        if number in first:
            raise DataError(
                f"{data.info.spec}: classes {first[number]} and {name} are both class {number} of "
                "the models; join them, or correct the list"
            )
        first[number] = name


def _require_pictures(data: Dataset) -> None:
    """Raise DataError for a named class of a subset that has no picture to test on."""
    counts = np.bincount(data.labels, minlength=data.info.classes)
    empty = [name for name, n in zip(data.class_names or (), counts, strict=False) if not n]
    if empty:
        raise DataError(
            f"{data.info.spec}: no picture to test on of {_some(empty)}; add some, or remove the "
            "class"
        )


def _restricted(
    data: Dataset, models: "Sequence[OnnxModel]", numbers: Sequence[int]
) -> "tuple[Dataset, list[OnnxModel]]":
    """Data and models of the classes alone that have pictures, numbered anew."""
    present = np.unique(data.labels).tolist()
    if len(present) < FEWEST:
        raise DataError(f"{data.info.spec}: all images are of one class; leave out --restrict")
    anew = np.zeros(data.info.classes, np.int64)
    anew[present] = np.arange(len(present))
    scored = tuple(int(numbers[label]) for label in present)
    narrowed = [replace(model, plan=replace(model.plan, classes=scored)) for model in models]
    return RelabelledDataset(data, anew.tolist(), len(present)), narrowed
