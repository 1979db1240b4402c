"""A plain convolutional network: 3 x 3 convolutions one after the other, and nothing beside them.

Each is followed by batch normalisation and ReLU, as in VGG (Simonyan & Zisserman 2015,
arXiv:1409.1556), with strides in place of pooling (Springenberg et al. 2015, arXiv:1412.6806).
"""

from torch import nn

from sizer.networks.families import Family

LAYERS = ((1, 2), (1, 1), (2, 2), (2, 1))  # channels over the width, and stride


def build(width: int, _side: int, classes: int) -> nn.Module:
    """Four convolutions, the mean of each map, and a dense layer."""
    outputs = [width * times for times, _ in LAYERS]
    parts = [
        part
        for before, after, (_, stride) in zip((3, *outputs), outputs, LAYERS, strict=False)
        for part in (
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
    ]
    return nn.Sequential(
        *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs[-1], classes)
    )


FAMILY = Family(widths=(4, 6, *range(8, 401, 4)), build=build)
