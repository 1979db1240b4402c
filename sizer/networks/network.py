"""A blueprint as a torch module. Names and shapes are torchvision's, so its weights load."""

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from sizer.networks.architecture import Block, Blueprint, Convolution, ModuleBlueprint, layers
from sizer.networks.families import family_named


class SqueezeExcitation(nn.Module):
    """Channel attention from the mean of each channel (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = _convolution(block.squeeze)
        self.fc2 = _convolution(block.excitation)

    def forward(self, features: Tensor) -> Tensor:
        squeezed = nn.functional.silu(self.fc1(self.avgpool(features)))
        return features * torch.sigmoid(self.fc2(squeezed))


class MBConv(nn.Module):
    """Inverted residual with squeeze-and-excitation; its residual is dropped at random."""

    def __init__(self, block: Block, blueprint: Blueprint) -> None:
        super().__init__()
        widening = [] if block.expansion is None else [_normalised(block.expansion, blueprint)]
        self.block = nn.Sequential(
            *widening,
            _normalised(block.depthwise, blueprint),
            SqueezeExcitation(block),
            _normalised(block.projection, blueprint, activate=False),
        )
        self.residual = block.residual
        self.drop = block.drop

    def forward(self, features: Tensor) -> Tensor:
        output: Tensor = self.block(features)
        if not self.residual:
            return output
        if self.training and self.drop > 0:
            keep = torch.rand(len(output), 1, 1, 1, device=output.device) >= self.drop
            output = output * keep / (1 - self.drop)
        return output + features


class EfficientNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes)."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        network = layers(blueprint)
        stages = (
            nn.Sequential(*(MBConv(block, blueprint) for block in stage))
            for stage in network.stages
        )
        self.features = nn.Sequential(
            _normalised(network.stem, blueprint), *stages, _normalised(network.head, blueprint)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(blueprint.dropout), nn.Linear(blueprint.head, blueprint.classes)
        )
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def build(blueprint: Blueprint | ModuleBlueprint) -> nn.Module:
    """Images (batch, 3, height, width), -1 to 1, to logits (batch, classes)."""
    if isinstance(blueprint, Blueprint):
        return EfficientNet(blueprint)
    family = family_named(blueprint.architecture)
    return family.build(blueprint.channels, blueprint.resolution, blueprint.classes)


FEW = 2  # pixels a side of a map on which oneDNN's depthwise weight gradient is slow


class DepthwiseConvolution(nn.Conv2d):
    """A depthwise convolution whose weight gradient is ten times as fast on the smallest maps.

    oneDNN has no fast one where the kernel reaches over the map: at 16 x 16 pixels two such layers
    took half of a training.
    """

    def forward(self, features: Tensor) -> Tensor:
        left = -(-features.shape[-1] // self.stride[0])
        if self.training and left <= FEW and features.device.type == "cpu":
            output: Tensor = _TapByTap.apply(  # type: ignore[no-untyped-call]
                features, self.weight, self.stride[0]
            )
            return output
        return super().forward(features)


class _TapByTap(torch.autograd.Function):
    """A depthwise convolution whose weight gradient is summed for each tap of the kernel."""

    @staticmethod
    def forward(context: Any, features: Tensor, weight: Tensor, stride: int) -> Tensor:
        context.save_for_backward(features, weight)
        context.stride = stride
        padding = weight.shape[-1] // 2
        return nn.functional.conv2d(features, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (features, weight), stride = context.saved_tensors, context.stride
        channels, kernel = len(weight), weight.shape[-1]
        to_features = conv2d_input(  # type: ignore[no-untyped-call]
            features.shape, weight, gradient, stride, kernel // 2, 1, channels
        )
        padded = nn.functional.pad(features, (kernel // 2,) * 4).permute(0, 2, 3, 1)
        gradient = gradient.permute(0, 2, 3, 1)
        rows, columns = (stride * (side - 1) + 1 for side in gradient.shape[1:3])
        taps = [
            (padded[:, i : i + rows : stride, j : j + columns : stride] * gradient).sum((0, 1, 2))
            for i in range(kernel)
            for j in range(kernel)
        ]
        return to_features, torch.stack(taps, 1).view(weight.shape), None


class SameConvolution(nn.Conv2d):
    """Pads as TensorFlow's SAME: what is odd goes to the right and below."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(features, self._padding(features.shape[-1])))

    def _padding(self, side: int) -> tuple[int, int, int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return (whole // 2, whole - whole // 2) * 2


def _convolution(layer: Convolution, same_padding: bool = False) -> nn.Conv2d:
    depthwise = layer.groups > 1 and layer.groups == layer.inputs
    kind = DepthwiseConvolution if depthwise else nn.Conv2d
    return (SameConvolution if same_padding else kind)(
        layer.inputs,
        layer.outputs,
        layer.kernel,
        layer.stride,
        0 if same_padding else layer.kernel // 2,
        groups=layer.groups,
        bias=layer.bias,
    )


def _normalised(
    convolution: Convolution, blueprint: Blueprint, activate: bool = True
) -> nn.Sequential:
    """Convolution, batch normalisation and, unless the block is linear here, SiLU."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["0"] = _convolution(convolution, blueprint.same_padding)
    parts["1"] = nn.BatchNorm2d(convolution.outputs, eps=blueprint.norm_epsilon)
    if activate:
        parts["2"] = nn.SiLU()  # in place it would copy its input for the gradient
    return nn.Sequential(parts)


def _initialise(module: nn.Module) -> None:
    """He fan-out for convolutions and a small uniform classifier (torchvision's choice)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)
