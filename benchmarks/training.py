"""Training: how fast it is, and which learning rate and weight decay are best at which width.

    python benchmarks/training.py speed
    python benchmarks/training.py rates --images 12000 --epochs 4

`speed` times steps with our depthwise weight gradients and a fused AdamW, and with oneDNN's and a
plain one, in turns, in processor time of one thread. `rates` trains three widths on some of the
built-in images, at rates and decays around the recipe's own, with the code that `sizer train` runs.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from sizer.datasets import open_splits
from sizer.networks import network as networks
from sizer.networks.architecture import parameters, small
from sizer.networks.recipe import Recipe, full_recipe
from sizer.networks.training import TrainingSet, settle, train_network

CLASSES = 48
BATCH = 128
TURNS = 9
SHAPES = ((8, 16), (28, 16), (68, 16), (28, 32))  # stem, pixels a side
STEMS = (8, 16, 36)
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the recipe's own
ONES = (np.ones(1, np.float32), np.zeros(1, np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "rates"))
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = speeds() if given.what == "speed" else rates(given.images, given.epochs)
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def speeds() -> Iterator[tuple[str, ...]]:
    """Images a second as torch does it and as `sizer train` does: medians of steps in turns."""
    yield "parameters", "pixels", "torch's own, images/s", "sizer train", "ratio"
    yield ("---",) * 5
    few = networks.FEW
    for stem, side in SHAPES:
        ways = [(stepping(stem, side, ours), few * ours, list[float]()) for ours in (False, True)]
        for _ in range(TURNS):
            for step, most, seconds in ways:
                networks.FEW = most  # maps up to so many pixels a side have our gradient
                seconds.append(timed(step))
        before, now = (BATCH / float(np.median(seconds[1:])) for _, _, seconds in ways)
        shape = f"{parameters(small(stem, side, CLASSES)):,}", f"{side} x {side}"
        yield *shape, f"{before:.0f}", f"{now:.0f}", f"{now / before:.2f}"


def stepping(stem: int, side: int, fused: bool):
    torch.manual_seed(0)
    network = networks.EfficientNet(small(stem, side, CLASSES)).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, fused=fused)
    images = torch.randn(BATCH, 3, side, side).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (BATCH,))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()

    return step


def timed(step) -> float:
    begun = time.process_time()
    step()
    return time.process_time() - begun


def rates(images: int, epochs: int) -> Iterator[tuple[str, ...]]:
    """Loss and accuracy on test images by width, learning rate and weight decay."""
    train, test = open_splits("builtin")[:2]
    data = TrainingSet(*train.read(np.arange(images)), ONES)
    tests = test.read(np.arange(2000))
    yield "parameters", "learning rate", "weight decay", "test loss", "accuracy"
    yield ("---",) * 5
    for stem in STEMS:
        for recipe in around(full_recipe(epochs, "none", None)):
            loss, accuracy = trained(stem, recipe, data, tests)
            size = f"{parameters(small(stem, data.images.shape[1], CLASSES)):,}"
            figures = f"{recipe.learning_rate:g}", f"{recipe.weight_decay:g}"
            yield size, *figures, f"{loss:.4f}", f"{accuracy:.4f}"


def around(recipe: Recipe) -> Iterator[Recipe]:
    """Recipes with other rates, then with other decays."""
    for factor in FACTORS:
        yield replace(recipe, learning_rate=recipe.learning_rate * factor)
    for factor in FACTORS[::2]:
        if factor != 1:
            yield replace(recipe, weight_decay=recipe.weight_decay * factor)


def trained(stem: int, recipe: Recipe, data: TrainingSet, tests) -> tuple[float, float]:
    blueprint = small(stem, data.images.shape[1], CLASSES)
    with TemporaryDirectory() as folder:
        for network, _ in train_network(blueprint, recipe, 0, data, Path(folder, "model.pt")):
            trained_network = network
    settle(trained_network, recipe, data.on("cpu"), 0)
    images = torch.from_numpy(tests[0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.from_numpy(tests[1])
    with torch.no_grad():
        logits = trained_network(images)
    right = (logits.argmax(1) == labels).float().mean()
    return float(nn.functional.cross_entropy(logits, labels)), float(right)


if __name__ == "__main__":
    main()
