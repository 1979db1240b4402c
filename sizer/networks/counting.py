"""What a torch module takes, for one image."""

import torch
from torch import Tensor, nn


def macs_of(module: nn.Module, side: int) -> int:
    """Multiply-accumulates of the convolutions and dense layers on an image (3, side, side).

    module: on the device "meta", where it takes no memory and no time.
    """
    total = 0

    def count(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight: Tensor = layer.weight  # type: ignore[assignment]
        positions = output[0].numel() // weight.shape[0]  # pixels of a map, tokens, or one
        total += weight.numel() * positions

    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    module.eval()(torch.zeros(1, 3, side, side, device="meta"))
    return total
