"""Training a ladder: sizes times seeds, one single-threaded process a core, resumable."""

import ctypes
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer.datasets import Dataset
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError, ModelError, OutputError
from sizer.io import make_folder, replacing
from sizer.networks.architecture import Blueprint, macs, parameters, small_with
from sizer.networks.decoded import decoded
from sizer.networks.manifest import (
    ANOTHER_OUT,
    Epoch,
    Manifest,
    TrainedModel,
    read_manifest,
    write_manifest,
)
from sizer.networks.recipe import Recipe
from sizer.noise import NoiseSchedule

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from torch import nn

TEST_IMAGES = 2000  # images of the clean accuracy in the manifest
TOLERANCE = 1e-4  # of the ONNX logits against torch's
CHECKPOINTS = ".training"
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
POLL = 0.2  # seconds between looks at the workers' progress


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
    train: Dataset,
    test: Dataset,
    schedule: NoiseSchedule,
    recipe: Recipe,
    sizes: tuple[float, ...],
    seeds: int,
    folder: Path,
    command: str,
) -> Plan:
    """Check the request, decode the training images once, and list what is to be trained.

    Raises DataError for images that cannot be trained on, and OutputError where the folder holds
    another ladder or cannot be written, before anything is decoded.
    """
    height = train.info.shape[0]
    _require_trainable(train.info, test.info)
    _manifest_to_continue(folder, command, train.info, recipe)
    make_folder(folder / CHECKPOINTS, ANOTHER_OUT)
    blueprints = {small_with(size, height, train.info.classes) for size in sizes}
    members = [(member, seed) for member in blueprints for seed in range(seeds)]
    members.sort(key=lambda member: (-parameters(member[0]), member[1]))  # the longest first
    last = recipe.noise_steps[1] if recipe.noise_steps else 0
    mu, sigma = zip(*(schedule.coefficients(step) for step in range(last + 1)), strict=True)
    images, labels = decoded(train)
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


def _require_trainable(train: DatasetInfo, test: DatasetInfo) -> None:
    height, width, channels = train.shape
    if channels != 3 or height != width:
        raise DataError(f"{train.spec}: training needs square RGB images, not {train.shape}")
    if train.images < 2:
        raise DataError(f"{train.spec}: training needs two images or more; it holds {train.images}")
    if test.shape != train.shape:
        raise DataError(
            f"{test.spec}: its test images have shape {test.shape}, its training images "
            f"{train.shape}; make them the same"
        )


def train_ladder(plan: Plan, workers: int, report: Callable[[Progress], None]) -> Manifest:
    """Train what the folder's manifest does not hold yet; the manifest grows model by model.

    Raises OutputError where the folder holds another ladder or cannot be written, and ModelError
    where a training fails or its process is killed. What is finished by then is kept.
    """
    manifest = _manifest_to_continue(plan.folder, plan.command, plan.dataset, plan.recipe)
    waiting = _waiting(plan, manifest)
    if waiting:
        make_folder(plan.folder / CHECKPOINTS, ANOTHER_OUT)
        with closing(_trained(plan, waiting, workers, report)) as models:
            for model in models:
                # Read anew, for another line may have added its own models meanwhile.
                manifest = _manifest_to_continue(
                    plan.folder, plan.command, plan.dataset, plan.recipe
                ).with_model(model)
                write_manifest(plan.folder, manifest)
                _checkpoint(plan, model.file).unlink(missing_ok=True)
    with suppress(OSError):  # another recipe's checkpoints may lie there
        (plan.folder / CHECKPOINTS).rmdir()
    return manifest


def costs(plan: Plan) -> dict[str, int]:
    """Cost of an epoch of each model still to be trained, in multiply-accumulates of one image."""
    manifest = _manifest_to_continue(plan.folder, plan.command, plan.dataset, plan.recipe)
    return {_name(*member): macs(member[0]) for member in _waiting(plan, manifest)}


def _waiting(plan: Plan, manifest: Manifest) -> list[tuple[Blueprint, int]]:
    """Members that the manifest does not hold, or whose file is not the one it describes."""
    finished = {model.file for model in manifest.models if _is_whole(plan.folder, model)}
    return [member for member in plan.members if _file(*member) not in finished]


def _trained(
    plan: Plan,
    waiting: list[tuple[Blueprint, int]],
    workers: int,
    report: Callable[[Progress], None],
) -> Generator[TrainedModel, None, None]:
    """Finished models as they come; workers send their progress through a queue."""
    context = multiprocessing.get_context("spawn")
    progress: Queue[Progress] = context.Queue()
    bystanders = set(multiprocessing.active_children())
    size = min(workers, len(waiting))
    with ProcessPoolExecutor(size, context, _start_worker, (progress,)) as pool:
        try:
            with _interrupts_held():
                pending = {pool.submit(_train_one, plan, *member) for member in waiting}
            while pending:
                done, pending = wait(pending, POLL, FIRST_COMPLETED)
                _pass_on(progress, report)
                failed = [future for future in done if future.exception()]
                yield from (future.result() for future in done if future not in failed)
                for future in failed:
                    future.result()  # raises what its worker raised
        except BaseException as error:
            for process in set(multiprocessing.active_children()) - bystanders:
                process.terminate()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise ModelError(
                    f"{plan.folder}: the system killed a training process, perhaps for want of "
                    "memory; free some and give the same line again: it goes on"
                ) from error
            raise


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, and the processes started in it never see it.

    A terminal sends it to all of them; the parent alone answers, and ends the others. They inherit
    the mask; the handler is for the parent's other threads, to which the signal may go as well.
    """
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield
        return
    held: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)


def _pass_on(progress: "Queue[Progress]", report: Callable[[Progress], None]) -> None:
    """Report what has come in by now."""
    with suppress(Empty):
        while True:
            report(progress.get_nowait())


_to_parent: "Queue[Progress] | None" = None  # in a worker process; its pool has no other way in


def _start_worker(progress: "Queue[Progress]") -> None:
    global _to_parent  # noqa: PLW0603
    _to_parent = progress
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind, to write beside those of its successor."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train_one(plan: Plan, blueprint: Blueprint, seed: int) -> TrainedModel:
    """In a worker process: train, export, check against torch, and score on clean images."""
    import torch

    from sizer.networks.training import TrainingSet, train_network

    torch.set_num_threads(1)
    _keep_freed_memory()
    name = _name(blueprint, seed)
    path = plan.folder / _file(blueprint, seed)
    data = TrainingSet(np.load(plan.images, mmap_mode="r"), plan.labels, plan.coefficients)

    def report(done: int, epoch: Epoch) -> None:
        if _to_parent is not None:
            _to_parent.put(Progress(name, done, epoch))

    network, curve = train_network(
        blueprint, plan.recipe, seed, data, _checkpoint(plan, path.name), report
    )
    logits = _export_checked(network, blueprint, path, plan.test_images)
    contents = path.read_bytes()
    return TrainedModel(
        file=path.name,
        sha256=hashlib.sha256(contents).hexdigest(),
        architecture=blueprint.name,
        width=blueprint.width,
        depth=blueprint.depth,
        parameters=parameters(blueprint),
        macs=macs(blueprint),
        seed=seed,
        clean_accuracy=round(float((logits.argmax(1) == plan.test_labels).mean()), 4),
        curve=curve,
    )


def _keep_freed_memory() -> None:
    """Tell glibc to reuse large blocks: fresh pages for every tensor cost a fifth of the time."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(M_MMAP_MAX, 0)
            library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _export_checked(
    network: "nn.Module", blueprint: Blueprint, path: Path, test_images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Put the ONNX file at `path` once it agrees with torch; its logits (images, classes)."""
    import torch

    from sizer.networks.onnx_export import IMAGE_IN_MINUS_ONE_TO_ONE, export_onnx
    from sizer.networks.training import MAKE_ROOM

    images = torch.from_numpy(test_images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = network(images).numpy()
    if not np.isfinite(expected).all():
        raise ModelError(f"{path}: the training diverged; choose other --sizes or more images")
    with replacing(path, MAKE_ROOM) as partial:
        export_onnx(network, blueprint.resolution, partial, IMAGE_IN_MINUS_ONE_TO_ONE)
        logits = _onnx_logits(partial, images.numpy())
        difference = float(np.abs(expected - logits).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(f"{path}: ONNX differs from torch by {difference:.2g}; report this")
    return logits


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


def _file(blueprint: Blueprint, seed: int) -> str:
    return f"{_name(blueprint, seed)}.onnx"


def _checkpoint(plan: Plan, file: str) -> Path:
    return plan.folder / CHECKPOINTS / f"{Path(file).stem}-{_recipe_key(plan)}.pt"


def _is_whole(folder: Path, model: TrainedModel) -> bool:
    """Whether the model's file is there and is the one that the manifest describes."""
    try:
        contents = (folder / model.file).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(contents).hexdigest() == model.sha256


def _recipe_key(plan: Plan) -> str:
    """A checkpoint of another recipe or data set must never be resumed."""
    return hashlib.sha256(f"{plan.recipe} {plan.dataset.fingerprint}".encode()).hexdigest()[:12]


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
