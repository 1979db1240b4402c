"""Training a ladder: sizes times seeds, one single-threaded process a core, resumable."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer.cache import cache_folder
from sizer.errors import DataError, ModelError, OutputError
from sizer.manifest import Epoch, Manifest, Recipe, TrainedModel, read_manifest, write_manifest
from sizer.results import DatasetInfo
from sizer.zoo.architecture import Blueprint, macs, parameters, small_with

READ_AT_ONCE = 1024  # images decoded at a time
TEST_IMAGES = 2000  # images of the clean accuracy in the manifest
TOLERANCE = 1e-4  # of the ONNX logits against torch's
CHECKPOINTS = ".training"


class Images(Protocol):
    """A labelled image set, read by index."""

    @property
    def info(self) -> DatasetInfo: ...

    def read(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...


class Schedule(Protocol):
    """The forward process's coefficients (mu, sigma) at a step."""

    def coefficients(self, step: float) -> tuple[float, float]: ...


@dataclass(frozen=True)
class Plan:
    """A ladder to be trained. The decoded data lie in memory-mapped files."""

    folder: Path
    command: str
    dataset: DatasetInfo
    recipe: Recipe
    members: tuple[tuple[Blueprint, int], ...]
    images: Path
    labels: NDArray[np.int64]
    coefficients: tuple[NDArray[np.float32], NDArray[np.float32]]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Progress:
    """Epochs done of one model, and the newest of them."""

    name: str
    done: int
    epoch: Epoch


def make_plan(
    train: Images,
    test: Images,
    schedule: Schedule,
    recipe: Recipe,
    sizes: tuple[float, ...],
    seeds: int,
    folder: Path,
    command: str,
) -> Plan:
    """Check the request, decode the training images once, and list what is to be trained."""
    height, width, channels = train.info.shape
    if channels != 3 or height != width:
        raise DataError(
            f"{train.info.spec}: training needs square RGB images, not {train.info.shape}"
        )
    blueprints = {small_with(size, height, train.info.classes) for size in sizes}
    members = [(member, seed) for member in blueprints for seed in range(seeds)]
    members.sort(key=lambda member: (-parameters(member[0]), member[1]))  # the longest first
    last = recipe.noise_steps[1] if recipe.noise_steps else 0
    mu, sigma = zip(*(schedule.coefficients(step) for step in range(last + 1)), strict=True)
    images, labels = _decoded(train)
    test_images, test_labels = test.read(_spread(test.info.images))
    return Plan(
        folder=folder,
        command=command,
        dataset=train.info,
        recipe=recipe,
        members=tuple(members),
        images=images,
        labels=labels,
        coefficients=(np.array(mu, np.float32), np.array(sigma, np.float32)),
        test_images=test_images,
        test_labels=test_labels,
    )


def train_ladder(plan: Plan, workers: int, report: Callable[[Progress], None]) -> Manifest:
    """Train what the folder's manifest does not hold yet; the manifest grows model by model."""
    manifest = _manifest_to_continue(plan)
    _make_folder(plan.folder / CHECKPOINTS)
    finished = {model.file for model in manifest.models if (plan.folder / model.file).exists()}
    waiting = [member for member in plan.members if _name(*member) + ".onnx" not in finished]
    for model in _trained(plan, waiting, workers, report):
        others = tuple(kept for kept in manifest.models if kept.file != model.file)
        ordered = sorted((*others, model), key=lambda kept: (kept.parameters, kept.seed))
        manifest = replace(manifest, models=tuple(ordered))
        write_manifest(plan.folder, manifest)
    return manifest


def costs(plan: Plan) -> dict[str, int]:
    """Cost of an epoch of each model still to be trained, in multiply-accumulates of one image."""
    return {_name(*member): macs(member[0]) for member in plan.members}


def _trained(
    plan: Plan,
    waiting: list[tuple[Blueprint, int]],
    workers: int,
    report: Callable[[Progress], None],
) -> Iterator[TrainedModel]:
    """Finished models as they come; workers send their progress through a queue."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        queue: Queue[Progress | TrainedModel] = manager.Queue()
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = [pool.submit(_train_one, plan, *member, queue) for member in waiting]
            try:
                left = len(futures)
                while left:
                    for future in futures:
                        if future.done():
                            future.result()  # raises what a worker raised
                    message = _next(queue)
                    if isinstance(message, Progress):
                        report(message)
                    elif message is not None:
                        left -= 1
                        yield message
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.terminate()
                raise


def _next(queue: "Queue[Progress | TrainedModel]") -> "Progress | TrainedModel | None":
    from queue import Empty

    try:
        return queue.get(timeout=0.5)
    except Empty:
        return None


def _train_one(
    plan: Plan, blueprint: Blueprint, seed: int, queue: "Queue[Progress | TrainedModel]"
) -> None:
    """In a worker process: train, export, check against torch, and score on clean images."""
    import torch

    from sizer.zoo.export import IMAGE_IN_MINUS_ONE_TO_ONE, export_onnx
    from sizer.zoo.training import TrainingSet, train

    torch.set_num_threads(1)
    name = _name(blueprint, seed)
    checkpoint = plan.folder / CHECKPOINTS / f"{name}-{_recipe_key(plan)}.pt"
    data = TrainingSet(np.load(plan.images, mmap_mode="r"), plan.labels, plan.coefficients)
    network, curve = train(
        blueprint,
        plan.recipe,
        seed,
        data,
        checkpoint,
        lambda done, epoch: queue.put(Progress(name, done, epoch)),
    )
    path = plan.folder / f"{name}.onnx"
    partial = path.with_suffix(".partial")
    export_onnx(network, blueprint.resolution, partial, IMAGE_IN_MINUS_ONE_TO_ONE)
    images = torch.from_numpy(plan.test_images).permute(0, 3, 1, 2).float() / 127.5 - 1
    logits = _onnx_logits(partial, images.numpy())
    with torch.no_grad():
        difference = float(np.abs(network(images).numpy() - logits).max())
    if difference > TOLERANCE * max(1.0, float(np.abs(logits).max())):
        raise ModelError(f"{path}: ONNX differs from torch by {difference:.2g}; report this")
    os.replace(partial, path)  # noqa: PTH105 (atomic on every platform)
    checkpoint.unlink(missing_ok=True)
    queue.put(
        TrainedModel(
            file=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            architecture=blueprint.name,
            width=blueprint.width,
            depth=blueprint.depth,
            parameters=parameters(blueprint),
            macs=macs(blueprint),
            seed=seed,
            clean_accuracy=round(float((logits.argmax(1) == plan.test_labels).mean()), 4),
            curve=curve,
        )
    )


def _onnx_logits(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (images, classes) from the runtime that will measure the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    batches = np.array_split(images, max(1, len(images) // 100))
    return np.concatenate([session.run(None, {"images": batch})[0] for batch in batches])


def _name(blueprint: Blueprint, seed: int) -> str:
    return f"{blueprint.name}-seed{seed}"


def _recipe_key(plan: Plan) -> str:
    """A checkpoint of another recipe or data set must never be resumed."""
    return hashlib.sha256(f"{plan.recipe} {plan.dataset.fingerprint}".encode()).hexdigest()[:12]


def _manifest_to_continue(plan: Plan) -> Manifest:
    """The folder's manifest, refused if it is of another recipe or data set; else a new one."""
    found = read_manifest(plan.folder)
    if found is None:
        created_with = f"sizer {sizer.__version__}"
        return Manifest(plan.command, created_with, plan.dataset, plan.recipe, ())
    if found.recipe != plan.recipe or found.dataset.fingerprint != plan.dataset.fingerprint:
        raise OutputError(
            f"{plan.folder}: holds a ladder of another recipe or data set; choose another --out"
        )
    return replace(found, command=plan.command)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}; choose another --out") from error


def _decoded(data: Images) -> tuple[Path, NDArray[np.int64]]:
    """All images in one memory-mapped file of the cache, written block by block, and labels."""
    path = cache_folder() / f"decoded-{data.info.fingerprint[:24]}.npy"
    labels_path = path.with_suffix(".labels.npy")
    if not (path.exists() and labels_path.exists()):
        partial = path.with_suffix(f".{os.getpid()}.partial")
        shape = (data.info.images, *data.info.shape)
        images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        labels = np.empty(data.info.images, np.int64)
        for start in range(0, data.info.images, READ_AT_ONCE):
            indices = np.arange(start, min(start + READ_AT_ONCE, data.info.images))
            images[indices], labels[indices] = data.read(indices)
        images.flush()
        np.save(labels_path, labels, allow_pickle=False)
        os.replace(partial, path)  # noqa: PTH105 (atomic on every platform)
    return path, np.load(labels_path, allow_pickle=False)


def _spread(images: int) -> NDArray[np.int64]:
    """Evenly spaced indices, so that a set sorted by class is sampled fairly."""
    return np.linspace(0, images - 1, min(images, TEST_IMAGES)).astype(np.int64)
