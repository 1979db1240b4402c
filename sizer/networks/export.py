"""Networks to ONNX files: the published EfficientNets, and untrained small ones."""

from dataclasses import replace
from pathlib import Path

from sizer.extras import require_extra
from sizer.io import replacing
from sizer.networks.architecture import Architecture, Blueprint, described, published

UNTRAINED = {"sizer.training": "UNTRAINED: random weights, for timing on a device alone"}


def export(
    name: str,
    output: Path,
    weights: Path | None = None,
    classes: int = 1000,
    side: int | None = None,
) -> Architecture:
    """Write EfficientNet-B0 to B7 as ONNX, with published weights or untrained.

    weights: a safetensors file, or a checkpoint that holds tensors alone, as torchvision, timm or
    efficientnet-pytorch name them. side: pixels of its
    input, None for the published ones, 224 to 600. Raises UsageError for a
    name that is not known, ModelError for weights that do not fit, OutputError for an output that
    is no ONNX file, and MissingExtraError without the extra `train`.
    """
    require_extra("train", "sizer export")
    from sizer.networks.onnx_export import (
        IMAGENET,
        check_output,
        export_onnx,
        untrained,
    )
    from sizer.networks.weights import load_weights

    blueprint = published(name, classes)
    if side is not None:
        blueprint = replace(blueprint, resolution=side)
    check_output(output)
    network = untrained(blueprint) if weights is None else load_weights(blueprint, weights)
    with replacing(output) as partial:
        export_onnx(network, blueprint.resolution, partial, IMAGENET)
    return described(blueprint)


def export_untrained(blueprint: Blueprint, folder: Path) -> Path:
    """Write a network with random weights, to be timed on a device; returns its file."""
    from sizer.networks.onnx_export import (
        IMAGE_IN_MINUS_ONE_TO_ONE,
        check_output,
        export_onnx,
        untrained,
    )

    path = folder / f"{blueprint.name}-untrained.onnx"
    check_output(path)
    with replacing(path) as partial:
        network, resolution = untrained(blueprint), blueprint.resolution
        export_onnx(network, resolution, partial, IMAGE_IN_MINUS_ONE_TO_ONE, UNTRAINED)
    return path
