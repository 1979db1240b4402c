"""The EfficientNet scaling rule and its exact counts, without torch.

Tan & Le 2019 (arXiv:1905.11946): a base network is scaled in width (channels), depth (repeats) and
resolution. Counts and parameter names follow torchvision's implementation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sizer.errors import UsageError
from sizer.results import Architecture

HEAD_RATIO = 4  # channels of the last convolution over those of the last stage
SQUEEZE_RATIO = 4  # input channels of a block over its squeezed channels


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of MBConv blocks: the first has the stride and changes the channels."""

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One network. resolution: image height and width in pixels.

    stochastic_depth: probability that training drops the residual of the last block, falling
    linearly to zero at the first.
    """

    name: str
    width: float
    depth: float
    resolution: int
    stem: int
    stages: tuple[Stage, ...]
    head: int
    classes: int
    dropout: float = 0.0
    stochastic_depth: float = 0.0
    norm_epsilon: float = 1e-5


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with `groups`, its output pixels a side, and whether it carries a bias."""

    inputs: int
    outputs: int
    kernel: int
    groups: int
    pixels: int
    bias: bool = False

    @property
    def weights(self) -> int:
        return self.outputs * (self.inputs // self.groups) * self.kernel**2

    @property
    def parameters(self) -> int:
        """A bias, or the scale and shift of the batch normalisation that follows."""
        return self.weights + self.outputs * (1 if self.bias else 2)

    @property
    def macs(self) -> int:
        return self.weights * self.pixels**2


BASE_STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
BASE_STEM = 32
SMALL_STEM = 16  # width 1 of the small family
# channels here are multiples of the stem's
SMALL_STAGES = (
    Stage(1, 3, 1, 1, 1),
    Stage(6, 3, 2, 1, 1),
    Stage(6, 5, 2, 2, 1),
    Stage(6, 3, 1, 2, 1),
)
# Multiples of 4 run on ONNX Runtime's blocked layout, others up to three times slower; a stem of
# 4 or 6 is left in for the smallest sizes, still wider than the image's three channels.
SMALL_STEMS = (4, 6, *range(8, 513, 4))
# name: width, depth, resolution, dropout
PUBLISHED = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}


def round_channels(channels: float, divisor: int = 8) -> int:
    """Nearest multiple of `divisor`, never more than 10 % below (the reference implementation)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def published(name: str, classes: int = 1000) -> Blueprint:
    """EfficientNet-B0 to B7 (Tan & Le 2019, Table 1 and the reference implementation)."""
    if name not in PUBLISHED:
        raise UsageError(f"unknown EfficientNet {name!r}; known: {', '.join(PUBLISHED)}")
    width, depth, resolution, dropout = PUBLISHED[name]
    stages = tuple(
        Stage(
            stage.expand,
            stage.kernel,
            stage.stride,
            round_channels(stage.channels * width),
            math.ceil(stage.repeats * depth),
        )
        for stage in BASE_STAGES
    )
    return Blueprint(
        name=name,
        width=width,
        depth=depth,
        resolution=resolution,
        stem=round_channels(BASE_STEM * width),
        stages=stages,
        head=HEAD_RATIO * stages[-1].channels,
        classes=classes,
        dropout=dropout,
        stochastic_depth=0.2,
        norm_epsilon=1e-3 if name in ("b5", "b6", "b7") else 1e-5,
    )


def small(stem: int, resolution: int, classes: int) -> Blueprint:
    """The small family's member with `stem` channels: one shape, scaled in width alone.

    Its stages have 1 : 1 : 2 : 2 times the stem's channels in every member, so no layer becomes a
    bottleneck that only the smallest have. Dropout and stochastic depth are off.
    """
    stages = tuple(
        Stage(stage.expand, stage.kernel, stage.stride, stage.channels * stem, stage.repeats)
        for stage in SMALL_STAGES
    )
    return Blueprint(
        name=f"small-{stem}",
        width=stem / SMALL_STEM,
        depth=1.0,
        resolution=resolution,
        stem=stem,
        stages=stages,
        head=HEAD_RATIO * stages[-1].channels,
        classes=classes,
    )


def small_with(target: float, resolution: int, classes: int) -> Blueprint:
    """The small member whose parameter count is nearest to `target`, in ratio.

    Raises UsageError where even that one is off by more than a factor of two.
    """
    members = [small(stem, resolution, classes) for stem in SMALL_STEMS]
    nearest = min(members, key=lambda member: abs(math.log(parameters(member) / target)))
    if not 0.5 <= parameters(nearest) / target <= 2:
        raise UsageError(
            f"no member of the family has about {target:,.0f} parameters; with {classes} classes "
            f"they have {parameters(members[0]):,} to {parameters(members[-1]):,}"
        )
    return nearest


def convolutions(blueprint: Blueprint) -> Iterator[Convolution]:
    """Every convolution in order of execution; the classifier is counted as one at one pixel."""
    pixels = -(-blueprint.resolution // 2)
    yield Convolution(3, blueprint.stem, 3, 1, pixels)
    inputs = blueprint.stem
    for stage in blueprint.stages:
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            yield from _block(inputs, stage, stride, pixels)
            pixels, inputs = -(-pixels // stride), stage.channels
    yield Convolution(inputs, blueprint.head, 1, 1, pixels)
    yield Convolution(blueprint.head, blueprint.classes, 1, 1, 1, bias=True)


def _block(inputs: int, stage: Stage, stride: int, pixels: int) -> Iterator[Convolution]:
    """MBConv (Sandler et al. 2018) with squeeze-and-excitation (Hu et al. 2018)."""
    hidden, squeezed = inputs * stage.expand, max(1, inputs // SQUEEZE_RATIO)
    if hidden != inputs:
        yield Convolution(inputs, hidden, 1, 1, pixels)
    pixels = -(-pixels // stride)
    yield Convolution(hidden, hidden, stage.kernel, hidden, pixels)
    yield Convolution(hidden, squeezed, 1, 1, 1, bias=True)
    yield Convolution(squeezed, hidden, 1, 1, 1, bias=True)
    yield Convolution(hidden, stage.channels, 1, 1, pixels)


def parameters(blueprint: Blueprint) -> int:
    """Trainable parameters."""
    return sum(convolution.parameters for convolution in convolutions(blueprint))


def macs(blueprint: Blueprint) -> int:
    """Multiply-accumulates of the convolutions and the classifier, for one image."""
    return sum(convolution.macs for convolution in convolutions(blueprint))


def described(blueprint: Blueprint) -> Architecture:
    """The member's scaling and its exact counts, as a record."""
    return Architecture(blueprint.width, blueprint.depth, parameters(blueprint), macs(blueprint))
