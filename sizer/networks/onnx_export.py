"""Networks to ONNX files."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from sizer.errors import OutputError
from sizer.inference.input_format import InputFormat, to_metadata
from sizer.networks.architecture import Blueprint
from sizer.networks.network import EfficientNet

OPSET = 18
IMAGE_IN_MINUS_ONE_TO_ONE = InputFormat()
# what torchvision's and timm's published EfficientNet weights expect
IMAGENET = InputFormat(range=(0.0, 1.0), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def check_output(path: Path) -> None:
    """Raise OutputError before any work if `path` is a folder, or a file that is not ONNX."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    if path.exists() and not _is_onnx(path):
        raise OutputError(f"{path}: exists and is no ONNX file; choose another --out or remove it")


def _is_onnx(path: Path) -> bool:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return bool(onnx.load(path, load_external_data=False).graph.node)
    except (DecodeError, OSError):
        return False


def export_onnx(
    network: nn.Module,
    resolution: int,
    path: Path,
    input_format: InputFormat,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write an ONNX classifier: `images` (batch, 3, height, width) to `logits` (batch, classes).

    The batch is dynamic; the metadata say what the input must be scaled to, and hold the notes.
    """
    import onnx

    example = torch.zeros(2, 3, resolution, resolution)
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            verbose=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
        )
    assert program is not None  # a path was not given, so a program is returned
    model = program.model_proto
    _strip(model)
    onnx.helper.set_model_props(model, {**to_metadata(input_format), **(notes or {})})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


class _quiet:  # noqa: N801 (reads as a context manager)
    """Hold one library's logger at errors while exporting."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self._level = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)


def _strip(model: "object") -> None:
    """Remove the exporter's notes: they hold stack traces with paths of the machine."""
    graph = model.graph  # type: ignore[attr-defined]
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    graph.doc_string = model.doc_string = ""  # type: ignore[attr-defined]


def untrained(blueprint: Blueprint) -> EfficientNet:
    """The same random network each time, its biases random too: zeros are left out of a file, which
    would then be smaller than that of a trained network.
    """
    torch.manual_seed(0)
    network = EfficientNet(blueprint)
    for name, values in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(values, std=0.01)
    return network
