"""One member of a ladder in a process of its own: trained, exported, checked and scored."""

import ctypes
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sizer.errors import ModelError
from sizer.io import replacing
from sizer.networks.architecture import Blueprint, ModuleBlueprint, macs, parameters
from sizer.networks.judging import guesses
from sizer.networks.manifest import FailedRun, TrainedModel
from sizer.networks.onnx_export import IMAGE_IN_MINUS_ONE_TO_ONE, export_onnx
from sizer.networks.plan import Member, Plan
from sizer.networks.reports import EpochDone, Report, RunFailed, Trained
from sizer.networks.training import (
    MAKE_ROOM,
    RunFailedError,
    TrainingSet,
    seconds_an_image,
    settle,
    train_network,
)

TOLERANCE = 1e-4  # of the ONNX logits against torch's
RUNS = 3  # of a member, before its training is given up
Images = NDArray[np.uint8]
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def train_member(plan: Plan, images: Images, member: Member) -> Iterator[Report]:
    """Train, export, check against torch, and score on clean images.

    images: the plan's, uint8 (n, height, width, 3).

    A run that diverges or guesses is tried again with another seed. Yields every epoch, every run
    that came to nothing, and at last the model. Raises ModelError where all of them diverge.
    """
    _as_a_worker()
    failed: list[FailedRun] = []
    for run in range(member.run, RUNS):
        trying = _Run(plan, images, replace(member, run=run))
        try:
            yield from trying.epochs()
            model = trying.model()
        except RunFailedError as error:
            reason = str(error)
        else:
            if not model.guesses or run == RUNS - 1:
                model = replace(model, failed_runs=tuple(failed))
                yield Trained(trying.member, model, trying.seconds())
                return
            reason = f"guesses, at an accuracy of {model.clean_accuracy:.3f}"
        failed.append(FailedRun(trying.member.drawn_from, reason))
        yield RunFailed(member.name, failed[-1])
    raise ModelError(
        f"{plan.folder / member.file}: the training {reason}, with {len(failed)} seeds; "
        "choose other --sizes or more images"
    )


def timed(plan: Plan, images: Images, member: Member) -> float:
    """Seconds of an image's training."""
    _as_a_worker()
    data = TrainingSet(images, plan.labels, plan.coefficients)
    return seconds_an_image(member.blueprint, plan.recipe, data, plan.accelerator)


class _Run:
    """One training of a member, with one seed."""

    def __init__(self, plan: Plan, images: Images, member: Member) -> None:
        self.member, self._plan = member, plan
        self._data = TrainingSet(images, plan.labels, plan.coefficients)
        self._times = [time.perf_counter()]

    def epochs(self) -> Iterator[EpochDone]:
        """Train; each epoch as it is done."""
        plan, member = self._plan, self.member
        training = train_network(
            member.blueprint,
            plan.recipe,
            member.drawn_from,
            self._data,
            plan.checkpoint(member),
            plan.accelerator,
        )
        for self._network, self._curve in training:
            self._times.append(time.perf_counter())
            yield EpochDone(member.name, len(self._curve), self._curve[-1])

    def model(self) -> TrainedModel:
        """What was trained, in its file, and how good it is."""
        plan, member, blueprint = self._plan, self.member, self.member.blueprint
        path = plan.exported(member)
        feed = self._data.on(plan.accelerator)
        settle(self._network, plan.recipe, feed, member.drawn_from)
        logits = _export_checked(self._network.cpu(), blueprint, path, plan.test_images)
        predicted = logits.argmax(1)
        return TrainedModel(
            file=member.file,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            architecture=blueprint.name,
            width=blueprint.width,
            depth=blueprint.depth,
            parameters=parameters(blueprint),
            macs=macs(blueprint),
            seed=member.seed,
            clean_accuracy=round(float((predicted == plan.test_labels).mean()), 4),
            curve=self._curve,
            guesses=guesses(predicted, plan.test_labels),
        )

    def seconds(self) -> float | None:
        """Of all epochs at the pace of those trained here; the first may have been resumed."""
        times, epochs = self._times, self._plan.recipe.epochs
        if len(times) > 2:
            return (times[-1] - times[1]) / (len(times) - 2) * epochs
        return times[1] - times[0] if epochs == 1 else None


def _as_a_worker() -> None:
    torch.set_num_threads(1)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tell glibc to reuse large blocks: fresh pages for every tensor cost a fifth of the time."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(M_MMAP_MAX, 0)
            library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _export_checked(
    network: nn.Module,
    blueprint: Blueprint | ModuleBlueprint,
    path: Path,
    test_images: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Put the ONNX file at `path` once it agrees with torch; its logits (images, classes)."""
    images = torch.from_numpy(test_images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = network(images).numpy()
    if not np.isfinite(expected).all():
        raise RunFailedError("diverged, to logits that are no numbers")
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
