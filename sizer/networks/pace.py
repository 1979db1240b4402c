"""How long training takes on this machine, from timed batches."""

import time
from collections.abc import Callable

import numpy as np

from sizer.networks.architecture import Blueprint, macs
from sizer.networks.recipe import BATCH

TRIES = 3  # batches that are timed, after one that is not; the fastest counts


def training_pace(small: Blueprint, large: Blueprint) -> Callable[[float], float]:
    """Seconds of one core that an image takes in training, of a network's multiply-accumulates.

    A power law through the two networks: small ones are far from the speed of the machine.
    """
    x = np.log([macs(small), macs(large)])
    y = np.log([_seconds_an_image(small), _seconds_an_image(large)])
    power = max(0.0, float((y[1] - y[0]) / (x[1] - x[0])))

    def pace(work: float) -> float:
        return float(np.exp(y[1] + power * (np.log(work) - x[1])))

    return pace


def _seconds_an_image(blueprint: Blueprint) -> float:
    import torch

    from sizer.networks.network import EfficientNet

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = EfficientNet(blueprint).train()
        side = blueprint.resolution
        images = torch.zeros(BATCH, 3, side, side).contiguous(memory_format=torch.channels_last)
        times = []
        for _ in range(TRIES + 1):
            began = time.perf_counter()
            network(images).logsumexp(1).sum().backward()
            times.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return min(times[1:]) / BATCH
