"""Inverted residuals without squeeze-and-excitation (Sandler et al. 2018, arXiv:1801.04381).

Of the small EfficientNet's shape, so that the two differ in their blocks alone.
"""

from torch import Tensor, nn

from sizer.networks.families import Family

# Expansion, kernel, stride, and channels over the width.
BLOCKS = ((1, 3, 1, 1), (6, 3, 2, 1), (6, 5, 2, 2), (6, 3, 1, 2))
HEAD_RATIO = 4  # channels of the last convolution over those of the last block


class InvertedResidual(nn.Module):
    """Widened, each channel by itself, and narrowed; added to its input where it can be."""

    def __init__(self, inputs: int, expand: int, kernel: int, stride: int, outputs: int) -> None:
        super().__init__()
        hidden = expand * inputs
        widening = [_normalised(inputs, hidden)] if expand > 1 else []
        self.block = nn.Sequential(
            *widening,
            _normalised(hidden, hidden, kernel, stride, groups=hidden),
            _normalised(hidden, outputs, activate=False),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        output: Tensor = self.block(features)
        return output + features if self.residual else output


def build(width: int, _side: int, classes: int) -> nn.Module:
    """A stem, four blocks, a head, the mean of each map, and a dense layer."""
    inputs, blocks = width, []
    for expand, kernel, stride, times in BLOCKS:
        blocks.append(InvertedResidual(inputs, expand, kernel, stride, times * width))
        inputs = times * width
    head = HEAD_RATIO * inputs
    return nn.Sequential(
        _normalised(3, width, kernel=3, stride=2),
        *blocks,
        _normalised(inputs, head),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(head, classes),
    )


def _normalised(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activate: bool = True,
) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    parts = [convolution, nn.BatchNorm2d(outputs), *([nn.ReLU6()] if activate else [])]
    return nn.Sequential(*parts)


FAMILY = Family(widths=(4, 6, *range(8, 401, 4)), build=build)
