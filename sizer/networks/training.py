"""Training one network: seeded, single-threaded, and resumable at any epoch.

Everything random in an epoch comes from a generator keyed by (seed, epoch), so a run that was
killed and resumed ends with the same weights as one that was not.
"""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sizer.errors import ModelError
from sizer.io import replacing
from sizer.networks.architecture import Blueprint, ModuleBlueprint
from sizer.networks.manifest import Epoch
from sizer.networks.network import build
from sizer.networks.recipe import Accelerator, Recipe

MAKE_ROOM = "make room, or choose another --out, and give the line again"
WARM_UP = 0.15  # share of the training in which the learning rate rises
WATCHED = 16  # batches between two looks at the loss
ROOM = 0.2  # of a GPU's free memory, which a few trainings share
SETTLING = 16  # batches that the statistics of a finished network are of
TIMED = 4  # batches that tell how long a training takes
DIVERGED = 3.0  # times the loss of guessing: above it a training is given up

Coefficients = tuple[NDArray[np.float32], NDArray[np.float32]]
Curve = tuple[Epoch, ...]


class RunFailedError(Exception):
    """A training came to nothing; another seed may do better."""


@dataclass(frozen=True)
class TrainingSet:
    """uint8 images (n, height, width, 3), memory-mapped, and labels (n,).

    coefficients: (mu, noise_std) of the forward process at steps 0, 1, 2, ...
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    coefficients: Coefficients

    def class_weights(self, classes: int) -> Tensor:
        """Weights (classes,) with which every class has the same share of the loss."""
        counts = np.bincount(self.labels, minlength=classes)
        return torch.from_numpy(len(self.labels) / (classes * counts)).float()

    def on(self, device: str) -> "Feed":
        """The same for a device; on a GPU, whose memory they fit into, the images too."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that nobody may write into what is mapped
            images = torch.from_numpy(self.images)
        if device == "cuda" and images.nbytes < ROOM * torch.cuda.mem_get_info()[0]:
            images = images.to(device)
        labels = torch.from_numpy(self.labels).to(device)
        mu, sigma = (torch.from_numpy(values).to(device) for values in self.coefficients)
        return Feed(images, labels, mu, sigma)


@dataclass(frozen=True)
class Feed:
    """A training set for a device; everything that is random is drawn there."""

    images: Tensor
    labels: Tensor
    mu: Tensor
    sigma: Tensor

    def generator(self, seed: int, epoch: int) -> torch.Generator:
        """What all that is random in an epoch is drawn from."""
        return torch.Generator(self.labels.device).manual_seed(seed * 100_003 + epoch)

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 (b, 3, height, width) and labels (b,), on the device."""
        images = self.images[indices.to(self.images.device)].to(self.labels.device)
        return images.permute(0, 3, 1, 2), self.labels[indices]


def train_network(
    blueprint: Blueprint | ModuleBlueprint,
    recipe: Recipe,
    seed: int,
    data: TrainingSet,
    checkpoint: Path,
    device: Accelerator = "cpu",
) -> Iterator[tuple[nn.Module, Curve]]:
    """Train to the recipe's last epoch, from `checkpoint` if it is there.

    On a GPU, in mixed precision (bfloat16). Yields the network after each epoch, and all epochs so
    far; also on resuming. Raises RunFailedError as soon as the training diverges, ModelError for a
    damaged checkpoint, and OutputError where a new one cannot be written.
    """
    torch.manual_seed(seed)
    network = build(blueprint).to(device)
    optimiser = _optimiser(network, recipe)
    updates = recipe.epochs * len(batch_ranges(len(data.labels), recipe.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, updates, pct_start=WARM_UP
    )
    stateful: dict[str, Any] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    curve = _resume(checkpoint, stateful)
    if curve:
        yield network, curve
    feed, loss_of = data.on(device), _loss_of(recipe, data, blueprint.classes).to(device)
    worst = DIVERGED * np.log(blueprint.classes)
    for epoch in range(len(curve), recipe.epochs):
        torch.manual_seed(seed * 100_003 + epoch)  # stochastic depth and dropout draw from this one
        network.train()
        steps = (
            _step(network, loss_of, optimiser, schedule, batch)
            for batch in batches(recipe, feed, feed.generator(seed, epoch))
        )
        curve = (*curve, _watched(steps, epoch, worst))
        _save(checkpoint, stateful, curve)
        yield network, curve


def _loss_of(recipe: Recipe, data: TrainingSet, classes: int) -> nn.CrossEntropyLoss:
    weights = data.class_weights(classes) if recipe.class_weights == "balanced" else None
    return nn.CrossEntropyLoss(weights, label_smoothing=recipe.label_smoothing)


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Weight decay on the kernels alone, not on biases and normalisation."""
    kernels = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _step(
    network: nn.Module,
    loss_of: nn.CrossEntropyLoss,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    batch: tuple[Tensor, Tensor],
) -> Tensor:
    """Learn from a batch; returns its mean loss, how many it had right, and how many images."""
    images, labels = batch
    with _precision(images.device):
        logits = network(images).float()
    loss = loss_of(logits, labels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    schedule.step()
    right = (logits.argmax(1) == labels).sum()
    return torch.stack([loss.detach(), right, right.new_tensor(len(labels))])


def _precision(device: torch.device) -> torch.autocast:
    """Mixed on a GPU; a CPU without kernels for bfloat16 would be slower."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def _watched(steps: Iterator[Tensor], epoch: int, worst: float) -> Epoch:
    """An epoch's means. Raises RunFailedError once its loss is no number, or above `worst`.

    steps: (mean loss, how many are right, images) of each batch.
    """
    seen: list[Tensor] = []
    for step in steps:
        seen.append(step)
        if len(seen) % WATCHED == 0:
            _require_learning(seen[-WATCHED:], epoch, worst)
    _require_learning(seen[-WATCHED:], epoch, worst)
    loss, right, images = torch.stack(seen).double().cpu().T
    mean = float((loss * images).sum() / images.sum())
    return Epoch(round(mean, 4), round(float(right.sum() / images.sum()), 4))


def _require_learning(steps: list[Tensor], epoch: int, worst: float) -> None:
    loss = float(torch.stack(steps)[:, 0].mean())
    if not loss <= worst:  # as none is that is no number
        raise RunFailedError(f"diverged in epoch {epoch + 1}, at a loss of {loss:.3g}")


def settle(network: nn.Module, recipe: Recipe, feed: Feed, seed: int) -> None:
    """Take the statistics of the batch normalisation anew, from images as the training fed them.

    Running averages lag behind weights that few and large steps have moved: a network that had all
    of 96 images right in training guessed with them.
    """
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # the mean of all batches
    network.train()
    fed = batches(recipe, feed, feed.generator(seed, recipe.epochs))
    with torch.no_grad():
        for images, _ in islice(fed, SETTLING):
            network(images)
    network.eval()


def seconds_an_image(
    blueprint: Blueprint | ModuleBlueprint,
    recipe: Recipe,
    data: TrainingSet,
    device: str = "cpu",
) -> float:
    """What an image's training takes here: of the fastest of a few batches, after a first one."""
    network = build(blueprint).to(device).train()
    optimiser = _optimiser(network, recipe)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)
    few = slice(TIMED * recipe.batch)
    feed = TrainingSet(data.images[few], data.labels[few], data.coefficients).on(device)
    spans, begun = list[float](), time.perf_counter()
    for batch in batches(recipe, feed, feed.generator(0, 0)):
        # As a number, for a GPU may still be at work on what it was sent.
        float(_step(network, nn.CrossEntropyLoss(), optimiser, schedule, batch)[0])
        spans.append((time.perf_counter() - begun) / len(batch[1]))
        begun = time.perf_counter()
    return min(spans[1:] or spans)


def batch_ranges(images: int, batch: int) -> list[tuple[int, int]]:
    """Ranges of `batch` images; one image left over joins the batch before it.

    Alone it would have no variance for the batch normalisation to divide by.
    """
    starts = list(range(0, images, batch))
    if len(starts) > 1 and images % batch == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def batches(
    recipe: Recipe, feed: Feed, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented, noisy batches: images float32 (batch, 3, height, width), labels (batch,).

    generator: of the feed's device.
    """
    order = torch.randperm(len(feed.labels), generator=generator, device=generator.device)
    for start, stop in batch_ranges(len(order), recipe.batch):
        pixels, labels = feed.at(order[start:stop])
        with generator.device:  # where all that is made in here lies
            images = _augment(pixels.float() / 127.5 - 1, recipe.augment, generator)
            if recipe.noise_steps is not None:
                images = _noisy(images, recipe.noise_steps, feed, generator)
        # All layers follow this order, in which convolutions are up to twice as fast.
        yield images.contiguous(memory_format=torch.channels_last), labels


def _augment(images: Tensor, augment: str, generator: torch.Generator) -> Tensor:
    """Shift each image by up to an eighth of its side, edges repeated; mirror half of them."""
    if augment == "none":
        return images
    count, _, height, width = images.shape
    shift = height // 8
    padded = nn.functional.pad(images, (shift,) * 4, mode="replicate")
    down = torch.randint(0, 2 * shift + 1, (count, 1), generator=generator) + torch.arange(height)
    right = torch.randint(0, 2 * shift + 1, (count, 1), generator=generator) + torch.arange(width)
    if augment == "crop-flip":
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        right = torch.where(mirrored, right.flip(1), right)
    which = torch.arange(count)[:, None, None]
    cropped = padded.permute(0, 2, 3, 1)[which, down[:, :, None], right[:, None, :]]
    return cropped.permute(0, 3, 1, 2)


def _noisy(
    images: Tensor, steps: tuple[int, int], feed: Feed, generator: torch.Generator
) -> Tensor:
    """The forward process at a step drawn uniformly for each image."""
    drawn = torch.randint(steps[0], steps[1] + 1, (len(images),), generator=generator)
    mu, sigma = feed.mu[drawn][:, None, None, None], feed.sigma[drawn][:, None, None, None]
    return mu * images + sigma * torch.randn(images.shape, generator=generator)


def _save(checkpoint: Path, stateful: dict[str, Any], curve: tuple[Epoch, ...]) -> None:
    """Replace the checkpoint: a kill leaves the old one or the new one."""
    state = {name: part.state_dict() for name, part in stateful.items()}
    packed = BytesIO()  # a full disk is then an OSError, which torch would make a RuntimeError
    torch.save({**state, "curve": [(epoch.loss, epoch.accuracy) for epoch in curve]}, packed)
    with replacing(checkpoint, MAKE_ROOM) as partial:
        partial.write_bytes(packed.getbuffer())


def _resume(checkpoint: Path, stateful: dict[str, Any]) -> tuple[Epoch, ...]:
    """Epochs already done, their state loaded; none where there is no checkpoint."""
    if not checkpoint.exists():
        return ()
    try:
        saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
        for name, part in stateful.items():
            part.load_state_dict(saved[name])
        return tuple(Epoch(loss, accuracy) for loss, accuracy in saved["curve"])
    except Exception as error:  # torch raises nearly anything on damaged bytes
        raise ModelError(
            f"{checkpoint}: damaged; remove it and give the same line again"
        ) from error
