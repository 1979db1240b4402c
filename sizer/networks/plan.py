"""What is to be trained for a ladder, and what of it is there already."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer.datasets import Dataset
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError, OutputError
from sizer.io import make_folder
from sizer.networks.architecture import Blueprint, ModuleBlueprint, parameters
from sizer.networks.decoded import decoded
from sizer.networks.families import member_near
from sizer.networks.judging import far_below
from sizer.networks.manifest import ANOTHER_OUT, Manifest, TrainedModel, read_manifest
from sizer.networks.recipe import Accelerator, ClassWeights, Recipe
from sizer.noise import NoiseSchedule

TEST_IMAGES = 2000  # images of the clean accuracy in the manifest
CHECKPOINTS = ".training"
UNEVEN = 1.5  # of the fewest images of a class: more, and rare classes would hardly be learned
MOST_SEEDS = 1000  # of a size


@dataclass(frozen=True, slots=True)
class Member:
    """A network of a ladder, and the seed of its training; run: how many came to nothing before."""

    blueprint: Blueprint | ModuleBlueprint
    seed: int
    run: int = 0

    @property
    def name(self) -> str:
        return f"{self.blueprint.name}-seed{self.seed}"

    @property
    def file(self) -> str:
        return f"{self.name}.onnx"

    @property
    def drawn_from(self) -> int:
        """The seed of this run, which no other member of a ladder has."""
        return self.seed + MOST_SEEDS * self.run


@dataclass(frozen=True)
class Plan:
    """A ladder to be trained. The decoded data lie in memory-mapped files."""

    folder: Path
    command: str
    dataset: DatasetInfo
    recipe: Recipe
    members: tuple[Member, ...]
    images: Path
    labels: NDArray[np.int64]
    coefficients: tuple[NDArray[np.float32], NDArray[np.float32]]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    accelerator: Accelerator

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.folder / CHECKPOINTS

    def checkpoint(self, member: Member) -> Path:
        """A checkpoint of another recipe or data set must never be resumed."""
        key = hashlib.sha256(f"{self.recipe} {self.dataset.identity}".encode()).hexdigest()
        again = f"-run{member.run}" if member.run else ""
        return self.checkpoints / f"{member.name}{again}-{key[:12]}.pt"

    def exported(self, member: Member) -> Path:
        """Where the file of a run waits until it is known to be the best of its member."""
        return self.checkpoint(member).with_suffix(".onnx")

    def manifest(self) -> Manifest:
        """The folder's manifest as it is now, or a new one."""
        return _manifest_to_continue(self.folder, self.command, self.dataset, self.recipe)

    @property
    def chance(self) -> float:
        """The accuracy of guessing, on the test images."""
        return float(np.bincount(self.test_labels).max() / len(self.test_labels))

    def finished(self, manifest: Manifest) -> list[TrainedModel]:
        """Models whose file is there, and the one that the manifest describes."""
        return [model for model in manifest.models if _is_whole(self.folder, model)]

    def missing(self) -> list[Member]:
        """Members that are not finished."""
        files = {model.file for model in self.finished(self.manifest())}
        return [member for member in self.members if member.file not in files]

    def far_below(self, finished: Sequence[TrainedModel]) -> list[tuple[Member, str]]:
        """The next run of members that are far below others and were tried once, and why."""
        by_file = {model.file: model for model in finished}
        found = []
        for member in self.members:
            model = by_file.get(member.file)
            if model is not None and not model.failed_runs:
                others = [other for other in finished if other is not model]
                reason = far_below(model, others, self.chance, len(self.test_labels))
                if reason is not None:
                    found.append((replace(member, run=1), reason))
        return found

    def forget(self, member: Member) -> None:
        """Remove what a run has left beside the ladder."""
        for path in (self.checkpoint(member), self.exported(member)):
            path.unlink(missing_ok=True)


def make_plan(
    train: Dataset,
    test: Dataset,
    schedule: NoiseSchedule,
    recipe: Recipe,
    sizes: tuple[float, ...],
    seeds: int,
    folder: Path,
    command: str,
    accelerator: Accelerator = "cpu",
) -> Plan:
    """Check the request, decode the training images once, and list what is to be trained.

    Raises DataError for images that cannot be trained on, and OutputError where the folder holds
    another ladder or cannot be written, before anything is decoded.
    """
    side = _trainable_side(train.info, test.info)
    _require_all_classes(train)
    _manifest_to_continue(folder, command, train.info, recipe)
    classes, of = train.info.classes, recipe.architecture
    blueprints = {member_near(of, size, side, classes) for size in sizes}
    make_folder(folder / CHECKPOINTS, ANOTHER_OUT)
    members = [Member(blueprint, seed) for blueprint in blueprints for seed in range(seeds)]
    longest_first = sorted(members, key=lambda m: (-parameters(m.blueprint), m.seed))
    last = recipe.noise_steps[1] if recipe.noise_steps else 0
    mu, sigma = zip(*(schedule.coefficients(step) for step in range(last + 1)), strict=True)
    images, labels = decoded(train)
    test_images, test_labels = test.read(_spread(test.info.images))
    return Plan(
        folder=folder,
        command=command,
        dataset=train.info,
        recipe=recipe,
        members=tuple(longest_first),
        images=images,
        labels=labels,
        coefficients=(np.array(mu, np.float32), np.array(sigma, np.float32)),
        test_images=test_images,
        test_labels=test_labels,
        accelerator=accelerator,
    )


def class_weights(labels: NDArray[np.int64], tell: Callable[[str], None]) -> ClassWeights:
    """`balanced`, which is told, where some class has far more images than another."""
    counts = np.bincount(labels)
    fewest, most = counts[counts > 0].min(), counts.max()
    if most <= UNEVEN * fewest:
        return "none"
    tell(f"classes have {fewest:,} to {most:,} images: each gets the same weight in the loss")
    return "balanced"


def _trainable_side(train: DatasetInfo, test: DatasetInfo) -> int:
    """The side of the square images. Raises DataError for images that cannot be trained on."""
    if train.shape is None or train.shape[2] != 3 or train.shape[0] != train.shape[1]:
        there = "pictures that differ in size" if train.shape is None else f"not {train.shape}"
        raise DataError(
            f"{train.spec}: training needs square RGB images, {there}; bring them to one with"
            " --side, as in --side 32"
        )
    if train.images < 2:
        raise DataError(f"{train.spec}: training needs two images or more; it holds {train.images}")
    if test.shape != train.shape:
        raise DataError(
            f"{test.spec}: its test images have shape {test.shape}, its training images "
            f"{train.shape}; bring them to one with --side"
        )
    return train.shape[0]


def _require_all_classes(train: Dataset) -> None:
    """Raise DataError where a class has no image to train on."""
    missing = np.flatnonzero(np.bincount(train.labels, minlength=train.info.classes) == 0)
    if len(missing):
        raise DataError(
            f"{train.info.spec}: {len(missing)} of {train.info.classes} classes have no image to"
            f" train on, the first is class {missing[0]}; give each class two pictures or more,"
            " or take it out"
        )


def _is_whole(folder: Path, model: TrainedModel) -> bool:
    """Whether the model's file is there and is the one that the manifest describes."""
    try:
        contents = (folder / model.file).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(contents).hexdigest() == model.sha256


def _manifest_to_continue(
    folder: Path, command: str, dataset: DatasetInfo, recipe: Recipe
) -> Manifest:
    """The folder's manifest, refused if it is of another recipe or data set; else a new one."""
    manifest = read_manifest(folder)
    if manifest is None:
        return Manifest(command, f"sizer {sizer.__version__}", dataset, recipe, "fp32", ())
    if not manifest.admits(recipe, dataset, "fp32"):
        raise OutputError(
            f"{folder}: holds a ladder of another recipe or data set, or a quantised one; "
            "choose another --out"
        )
    return manifest.with_command(command)


def _spread(images: int) -> NDArray[np.int64]:
    """Evenly spaced indices, so that a set sorted by class is sampled fairly."""
    return np.linspace(0, images - 1, min(images, TEST_IMAGES)).astype(np.int64)
