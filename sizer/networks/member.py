"""One member of a ladder in a process of its own: trained, exported, checked and scored."""

import ctypes
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sizer.errors import ModelError
from sizer.io import replacing
from sizer.networks.architecture import Blueprint, macs, parameters
from sizer.networks.manifest import Epoch, TrainedModel
from sizer.networks.onnx_export import IMAGE_IN_MINUS_ONE_TO_ONE, export_onnx
from sizer.networks.plan import Member, Plan
from sizer.networks.training import MAKE_ROOM, TrainingSet, train_network

TOLERANCE = 1e-4  # of the ONNX logits against torch's
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def train_member(plan: Plan, member: Member, tell: Callable[[int, Epoch], None]) -> TrainedModel:
    """Train, export, check against torch, and score on clean images.

    tell: called with the number of epochs done, and the newest of them.
    """
    torch.set_num_threads(1)
    _keep_freed_memory()
    blueprint, path = member.blueprint, plan.folder / member.file
    data = TrainingSet(np.load(plan.images, mmap_mode="r"), plan.labels, plan.coefficients)
    checkpoint = plan.checkpoint(member)
    network, curve = train_network(blueprint, plan.recipe, member.seed, data, checkpoint, tell)
    logits = _export_checked(network, blueprint, path, plan.test_images)
    return TrainedModel(
        file=member.file,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        architecture=blueprint.name,
        width=blueprint.width,
        depth=blueprint.depth,
        parameters=parameters(blueprint),
        macs=macs(blueprint),
        seed=member.seed,
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
    network: nn.Module, blueprint: Blueprint, path: Path, test_images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Put the ONNX file at `path` once it agrees with torch; its logits (images, classes)."""
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
