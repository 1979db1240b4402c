"""Families of networks besides the small EfficientNet, one file each: a module with a `FAMILY`.

A new family is a new file, named as `sizer train --architecture` will name it; nothing else names
it. Any torch module will do, of timm or your own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from sizer.errors import UsageError
from sizer.networks.architecture import SMALL_STEM, Blueprint, ModuleBlueprint, nearest, small_with
from sizer.networks.recipe import EFFICIENTNET

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Family:
    """Networks that differ in width alone, as the members of a ladder should.

    widths: channels, ascending, of the members. build: from channels, a side of the square images
    in pixels and a number of classes to a module that takes images (batch, 3, side, side), -1 to 1,
    to logits (batch, classes).
    """

    widths: tuple[int, ...]
    build: "Callable[[int, int, int], nn.Module]"


def architectures() -> tuple[str, ...]:
    """The names of all that can be trained, the small EfficientNet first."""
    return EFFICIENTNET, *sorted(found.name.replace("_", "-") for found in iter_modules(__path__))


def check_architecture(name: str) -> None:
    """Raises UsageError where there is no such family."""
    if name not in architectures():
        known = ", ".join(architectures())
        raise UsageError(f"--architecture {name!r}: unknown; there are {known}")


def family_named(architecture: str) -> Family:
    """The family of that name, which loads torch."""
    module = import_module(f"{__name__}.{architecture.replace('-', '_')}")
    family: Family = module.FAMILY
    return family


def member_near(
    architecture: str, target: float, resolution: int, classes: int
) -> Blueprint | ModuleBlueprint:
    """The member of a family whose parameter count is nearest to `target`, in ratio.

    Raises UsageError where even that one is off by more than a factor of two.
    """
    if architecture == EFFICIENTNET:
        return small_with(target, resolution, classes)
    widths = family_named(architecture).widths
    members = [_counted(architecture, width, resolution, classes) for width in widths]
    return nearest(members, target, classes)


def _counted(architecture: str, channels: int, resolution: int, classes: int) -> ModuleBlueprint:
    """A member with its counts, found on a module without memory."""
    import torch

    from sizer.networks.counting import macs_of

    with torch.device("meta"):
        module = family_named(architecture).build(channels, resolution, classes)
    return ModuleBlueprint(
        architecture=architecture,
        channels=channels,
        width=channels / SMALL_STEM,
        resolution=resolution,
        classes=classes,
        parameters=sum(weight.numel() for weight in module.parameters()),
        macs=macs_of(module, resolution),
    )
