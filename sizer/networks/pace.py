"""How long a training of any size takes on this machine, from timed batches of two sizes."""

from collections.abc import Callable

import numpy as np

from sizer.networks.architecture import Blueprint, macs
from sizer.networks.recipe import Recipe


def training_pace(small: Blueprint, large: Blueprint, recipe: Recipe) -> Callable[[float], float]:
    """Seconds of one core that an image takes in training, of a network's multiply-accumulates.

    A power law through the two networks: small ones are far from the speed of the machine.
    """
    x = np.log([macs(small), macs(large)])
    y = np.log([_seconds_an_image(small, recipe), _seconds_an_image(large, recipe)])
    power = max(0.0, float((y[1] - y[0]) / (x[1] - x[0])))

    def pace(work: float) -> float:
        return float(np.exp(y[1] + power * (np.log(work) - x[1])))

    return pace


def _seconds_an_image(blueprint: Blueprint, recipe: Recipe) -> float:
    """On one thread, of images that are all alike: what they show takes no time."""
    import torch

    from sizer.networks.training import TIMED, TrainingSet, seconds_an_image

    count, side = TIMED * recipe.batch, blueprint.resolution
    images = np.zeros((count, side, side, 3), np.uint8)
    labels = np.arange(count) % blueprint.classes
    steps = (recipe.noise_steps or (0, 0))[1] + 1
    flat = np.ones(steps, np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return seconds_an_image(blueprint, recipe, TrainingSet(images, labels, (flat, 0 * flat)))
    finally:
        torch.set_num_threads(threads)
