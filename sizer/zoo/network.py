"""A blueprint as a torch module. Names and shapes are torchvision's, so its weights load."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from sizer.zoo.architecture import HEAD_RATIO, SQUEEZE_RATIO, Blueprint, Stage


class SqueezeExcitation(nn.Module):
    """Channel attention from the mean of each channel (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        squeezed = nn.functional.silu(self.fc1(self.avgpool(features)))
        return features * torch.sigmoid(self.fc2(squeezed))


class MBConv(nn.Module):
    """Inverted residual with squeeze-and-excitation; its residual is dropped at random."""

    def __init__(
        self, inputs: int, stage: Stage, stride: int, norm_epsilon: float, drop: float
    ) -> None:
        super().__init__()
        hidden = inputs * stage.expand
        layers: list[nn.Module] = []
        if hidden != inputs:
            layers.append(_convolution(inputs, hidden, 1, norm_epsilon))
        layers += [
            _convolution(hidden, hidden, stage.kernel, norm_epsilon, stride, groups=hidden),
            SqueezeExcitation(hidden, max(1, inputs // SQUEEZE_RATIO)),
            _convolution(hidden, stage.channels, 1, norm_epsilon, activate=False),
        ]
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == stage.channels
        self.drop = drop

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
        epsilon = blueprint.norm_epsilon
        blocks = sum(stage.repeats for stage in blueprint.stages)
        layers: list[nn.Module] = [_convolution(3, blueprint.stem, 3, epsilon, stride=2)]
        inputs, done = blueprint.stem, 0
        for stage in blueprint.stages:
            members: list[nn.Module] = []
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                drop = blueprint.stochastic_depth * done / blocks
                members.append(MBConv(inputs, stage, stride, epsilon, drop))
                inputs, done = stage.channels, done + 1
            layers.append(nn.Sequential(*members))
        layers.append(_convolution(inputs, HEAD_RATIO * inputs, 1, epsilon))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(blueprint.dropout), nn.Linear(blueprint.head, blueprint.classes)
        )
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    norm_epsilon: float,
    stride: int = 1,
    groups: int = 1,
    activate: bool = True,
) -> nn.Sequential:
    """Convolution, batch normalisation and, unless the block is linear here, SiLU."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["0"] = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers["1"] = nn.BatchNorm2d(outputs, eps=norm_epsilon)
    if activate:
        layers["2"] = nn.SiLU()  # in place it would copy its input for the gradient
    return nn.Sequential(layers)


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
