"""Published weights into networks, whoever named them: torchvision, timm or efficientnet-pytorch.

Weights that came from TensorFlow want its padding, which is not symmetric, and its batch norm:
those of efficientnet-pytorch, and those that timm calls `tf_efficientnet`.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from sizer.errors import ModelError
from sizer.networks.architecture import PUBLISHED, Block, Blueprint, layers, parameters, published
from sizer.networks.network import EfficientNet

TENSORFLOW_EPSILON = 1e-3
TIMM_EPSILON = 1e-5
STEMS = {  # what the first weight is called
    "torchvision": "features.0.0.weight",
    "timm": "conv_stem.weight",
    "efficientnet-pytorch": "_conv_stem.weight",
}
CLASSIFIERS = {"torchvision": "classifier.1", "timm": "classifier", "efficientnet-pytorch": "_fc"}
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of a batch norm
HOLDERS = ("state_dict", "model_state_dict", "state_dict_ema", "model_ema", "model", "net")
COUNTER = STATISTICS[-1]  # which old files do not have
NAMED = 5  # weights that a message names at most

Tensors = Mapping[str, torch.Tensor]
Pair = tuple[str, str]  # a layer's name here, and in another layout


def load_weights(blueprint: Blueprint, path: Path) -> EfficientNet:
    """A network with published weights: safetensors, or a checkpoint holding tensors alone.

    Names may be those of torchvision, of timm or of efficientnet-pytorch, with anything before
    them, as `module.`. Raises ModelError, which names the weights that do not fit.
    """
    tensors = _read_tensors(path)
    layout, prefix = _layout_of(tensors, path)
    network = EfficientNet(_as_in(layout, blueprint, path))
    own = network.state_dict()
    theirs = {name: prefix + other for name, other in _names(blueprint, own, layout).items()}
    misfits = list(
        _misfits(own, theirs, {k: v for k, v in tensors.items() if k.startswith(prefix)})
    )
    if misfits:
        more = f" and {len(misfits) - NAMED:,} more" if len(misfits) > NAMED else ""
        raise ModelError(
            f"{path}: not the weights of EfficientNet-{blueprint.name.upper()} with"
            f" {blueprint.classes} classes, as {layout} names them: {', '.join(misfits[:NAMED])}"
            f"{more}; {_remedy(tensors, layout, prefix)}"
        )
    network.load_state_dict({name: tensors.get(theirs[name], value) for name, value in own.items()})
    return network


def _layout_of(tensors: Tensors, path: Path) -> tuple[str, str]:
    """Whose names they are, and what stands before all of them."""
    for layout, stem in STEMS.items():
        for name in tensors:
            prefix = name.removesuffix(stem)
            if prefix != name and prefix[-1:] in {"", "."}:
                return layout, prefix
    some = ", ".join(list(tensors)[:NAMED]) or "nothing"
    raise ModelError(
        f"{path}: no EfficientNet as {', '.join(STEMS)} name it; it holds {some:.200}, ..."
    )


def _as_in(layout: str, blueprint: Blueprint, path: Path) -> Blueprint:
    """The network that the weights were trained in."""
    if layout == "efficientnet-pytorch" or "tf_efficientnet" in str(path):
        return replace(blueprint, norm_epsilon=TENSORFLOW_EPSILON, same_padding=True)
    return replace(blueprint, norm_epsilon=TIMM_EPSILON) if layout == "timm" else blueprint


def _names(blueprint: Blueprint, own: Tensors, layout: str) -> dict[str, str]:
    """What a layout calls each of a network's weights."""
    if layout == "torchvision":
        return {name: name for name in own}
    layer_names = dict(_timm(blueprint) if layout == "timm" else _efficientnet_pytorch(blueprint))
    split = {name: name.rpartition(".") for name in own}
    return {name: f"{layer_names[layer]}.{kind}" for name, (layer, _, kind) in split.items()}


def _timm(blueprint: Blueprint) -> Iterator[Pair]:
    yield from (("features.0.0", "conv_stem"), ("features.0.1", "bn1"))
    stages = layers(blueprint).stages
    for s, stage in enumerate(stages):
        for b, block in enumerate(stage):
            widened = block.expansion is not None
            last = ("conv_pwl", "bn3") if widened else ("conv_pw", "bn2")
            middle = ("conv_dw", "bn2" if widened else "bn1")
            squeeze = ("se.conv_reduce", "se.conv_expand")
            theirs = (*(("conv_pw", "bn1") if widened else ()), *middle, *squeeze, *last)
            yield from _paired(f"features.{s + 1}.{b}.block", block, f"blocks.{s}.{b}", theirs)
    head = f"features.{len(stages) + 1}"
    yield from (
        (f"{head}.0", "conv_head"),
        (f"{head}.1", "bn2"),
        ("classifier.1", CLASSIFIERS["timm"]),
    )


def _efficientnet_pytorch(blueprint: Blueprint) -> Iterator[Pair]:
    yield from (("features.0.0", "_conv_stem"), ("features.0.1", "_bn0"))
    stages, number = layers(blueprint).stages, 0
    for s, stage in enumerate(stages):
        for b, block in enumerate(stage):
            widening = ("_expand_conv", "_bn0") if block.expansion is not None else ()
            squeeze = ("_se_reduce", "_se_expand")
            theirs = (*widening, "_depthwise_conv", "_bn1", *squeeze, "_project_conv", "_bn2")
            yield from _paired(f"features.{s + 1}.{b}.block", block, f"_blocks.{number}", theirs)
            number += 1
    head = f"features.{len(stages) + 1}"
    yield from (
        (f"{head}.0", "_conv_head"),
        (f"{head}.1", "_bn1"),
        ("classifier.1", CLASSIFIERS["efficientnet-pytorch"]),
    )


def _paired(ours: str, block: Block, others: str, theirs: Sequence[str]) -> Iterator[Pair]:
    """The layers of a block, in their order."""
    convolutions = 2 if block.expansion is not None else 1  # before the squeeze
    own = [f"{ours}.{i}.{part}" for i in range(convolutions) for part in (0, 1)]
    own += [f"{ours}.{convolutions}.{part}" for part in ("fc1", "fc2")]
    own += [f"{ours}.{convolutions + 1}.{part}" for part in (0, 1)]
    return ((mine, f"{others}.{other}") for mine, other in zip(own, theirs, strict=True))


def _misfits(own: Tensors, theirs: Mapping[str, str], tensors: Tensors) -> Iterator[str]:
    """Weights that lack, are too many or have another shape, by the names of their file."""
    for name, value in own.items():
        there = tensors.get(theirs[name])
        if there is None and not name.endswith(COUNTER):
            yield f"{theirs[name]} is missing"
        elif there is not None and there.shape != value.shape:
            yield f"{theirs[name]} is {_sides(there)}, not {_sides(value)}"
    yield from (f"{name} has no place" for name in sorted(tensors.keys() - set(theirs.values())))


def _sides(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _remedy(tensors: Tensors, layout: str, prefix: str) -> str:
    """Which network has as many parameters, if any."""
    held = {name: value.numel() for name, value in tensors.items() if name.startswith(prefix)}
    classes = max(2, held.get(f"{prefix}{CLASSIFIERS[layout]}.bias", 0))
    count = sum(n for name, n in held.items() if not name.endswith(STATISTICS))
    for name in PUBLISHED:
        if count == parameters(published(name, classes)):
            return f"they are those of {name} with --classes {classes}"
    return f"give those of one of {', '.join(PUBLISHED)}"


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name; a checkpoint's pickle is read with everything but tensors refused."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the weights' safetensors or .pth file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that are refused in the next moment
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"{path}: not safetensors or a weights-only checkpoint; convert it to safetensors"
        ) from error
    tensors = loaded
    for holder in HOLDERS:
        if isinstance(tensors, dict) and isinstance(tensors.get(holder), dict):
            tensors = tensors[holder]
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor)
        for name, tensor in tensors.items()
    ):
        raise ModelError(f"{path}: holds no named tensors alone; save a state dict")
    return tensors
