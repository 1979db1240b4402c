"""The EfficientNet scaling rule and its exact counts, without torch.

Tan & Le 2019 (arXiv:1905.11946): a base network is scaled in width (channels), depth (repeats) and
resolution. Counts and parameter names follow torchvision's implementation.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sizer.errors import UsageError

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
    linearly to zero at the first. same_padding: whether convolutions pad as TensorFlow's do.
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
    same_padding: bool = False


@dataclass(frozen=True, slots=True)
class ModuleBlueprint:
    """One network of a family that is a torch module, `sizer.networks.families`, with counts."""

    architecture: str
    channels: int
    width: float
    resolution: int
    classes: int
    parameters: int
    macs: int
    depth: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.architecture}-{self.channels}"


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution; pixels: a side of its output. Without a bias, it is followed by batch norm."""

    inputs: int
    outputs: int
    pixels: int
    kernel: int = 1
    groups: int = 1
    stride: int = 1
    bias: bool = False

    @property
    def weights(self) -> int:
        return self.outputs * (self.inputs // self.groups) * self.kernel**2

    @property
    def parameters(self) -> int:
        """With the bias, or the scale and shift of the batch normalisation."""
        return self.weights + self.outputs * (1 if self.bias else 2)

    @property
    def macs(self) -> int:
        return self.weights * self.pixels**2


@dataclass(frozen=True, slots=True)
class Block:
    """MBConv (Sandler et al. 2018) with squeeze-and-excitation (Hu et al. 2018).

    expansion: None in a block that does not widen. residual: whether the input is added to the
    output; drop: probability that training drops the rest of the block then.
    """

    expansion: Convolution | None
    depthwise: Convolution
    squeeze: Convolution
    excitation: Convolution
    projection: Convolution
    residual: bool
    drop: float = 0.0

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        widening = () if self.expansion is None else (self.expansion,)
        return *widening, self.depthwise, self.squeeze, self.excitation, self.projection


@dataclass(frozen=True, slots=True)
class Layers:
    """A network in order of execution; the classifier is a convolution of one pixel."""

    stem: Convolution
    stages: tuple[tuple[Block, ...], ...]
    head: Convolution
    classifier: Convolution

    @property
    def convolutions(self) -> Iterator[Convolution]:
        yield self.stem
        for stage in self.stages:
            for block in stage:
                yield from block.convolutions
        yield self.head
        yield self.classifier

    @property
    def parameters(self) -> int:
        """Trainable ones."""
        return sum(convolution.parameters for convolution in self.convolutions)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions and the classifier, for one image."""
        return sum(convolution.macs for convolution in self.convolutions)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A member of the small EfficientNet family."""

    width: float
    depth: float
    parameters: int
    macs: int


Counted = TypeVar("Counted", Blueprint, ModuleBlueprint)
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
    return nearest([small(stem, resolution, classes) for stem in SMALL_STEMS], target, classes)


def nearest(members: Sequence[Counted], target: float, classes: int) -> Counted:
    """Of members in order of size, the one nearest to `target` parameters; see `small_with`."""
    chosen = min(members, key=lambda member: abs(math.log(parameters(member) / target)))
    if not 0.5 <= parameters(chosen) / target <= 2:
        raise UsageError(
            f"no member of the family has about {target:,.0f} parameters; with {classes} classes "
            f"they have {parameters(members[0]):,} to {parameters(members[-1]):,}"
        )
    return chosen


def layers(blueprint: Blueprint) -> Layers:
    """The network of a blueprint. Counting, building and scheduling all start from here."""
    pixels, inputs = -(-blueprint.resolution // 2), blueprint.stem
    stem = Convolution(3, inputs, pixels, kernel=3, stride=2)
    blocks = sum(stage.repeats for stage in blueprint.stages)
    done, stages = 0, []
    for stage in blueprint.stages:
        members = []
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            drop = blueprint.stochastic_depth * done / blocks
            members.append(block(inputs, stage, stride, pixels, drop))
            pixels, inputs, done = -(-pixels // stride), stage.channels, done + 1
        stages.append(tuple(members))
    head = Convolution(inputs, blueprint.head, pixels)
    return Layers(
        stem, tuple(stages), head, Convolution(blueprint.head, blueprint.classes, 1, bias=True)
    )


def block(inputs: int, stage: Stage, stride: int, pixels: int, drop: float = 0.0) -> Block:
    """One block of a stage, on images of `pixels` a side with so many channels."""
    hidden, squeezed = inputs * stage.expand, max(1, inputs // SQUEEZE_RATIO)
    left = -(-pixels // stride)
    return Block(
        expansion=Convolution(inputs, hidden, pixels) if hidden != inputs else None,
        depthwise=Convolution(hidden, hidden, left, stage.kernel, hidden, stride),
        squeeze=Convolution(hidden, squeezed, 1, bias=True),
        excitation=Convolution(squeezed, hidden, 1, bias=True),
        projection=Convolution(hidden, stage.channels, left),
        residual=stride == 1 and inputs == stage.channels,
        drop=drop,
    )


def parameters(blueprint: Blueprint | ModuleBlueprint) -> int:
    """Trainable parameters."""
    counted = blueprint if isinstance(blueprint, ModuleBlueprint) else layers(blueprint)
    return counted.parameters


def macs(blueprint: Blueprint | ModuleBlueprint) -> int:
    """Multiply-accumulates of the convolutions and the classifier, for one image."""
    counted = blueprint if isinstance(blueprint, ModuleBlueprint) else layers(blueprint)
    return counted.macs


def described(blueprint: Blueprint) -> Architecture:
    """The member's scaling and its exact counts, as a record."""
    return Architecture(blueprint.width, blueprint.depth, parameters(blueprint), macs(blueprint))
