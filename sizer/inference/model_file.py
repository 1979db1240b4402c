"""An ONNX file as it lies on disk: untrusted, so parsed and checked before anything runs it.

Nothing is ever unpickled, and weights may come only from files beside the model.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from sizer.errors import ModelError
from sizer.inference.records import Precision
from sizer.io import read_bounded

RUNTIME_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
WEIGHT_TYPES = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8,
}
LARGEST = 1 << 31  # bytes: protobuf holds no larger message
PRECISIONS: dict[int, Precision] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "int8",
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a checked file says of itself.

    sha256: of the file, and of the files of its external weights where it has any. parameters:
    counted, see `count_parameters`. precision: of most of them. metadata: its own keys and values.
    """

    path: Path
    sha256: str
    parameters: int
    precision: Precision | None
    metadata: dict[str, str]


def read_model_file(path: Path) -> ModelFile:
    """Read and check an ONNX file.

    Raises ModelError, with the remedy, for one that is missing, empty, truncated or not ONNX,
    whose weights are missing or lie outside its folder, or that needs operators of other makers.
    """
    contents = _read_bytes(path)
    graph = _parse(path, contents)
    _require_known_operators(path, graph)
    locations = _weights_beside(path, graph)
    digest = hashlib.sha256(contents)
    for location in locations:
        digest.update(_read_bytes(path.parent / location))
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    return ModelFile(
        path, digest.hexdigest(), count_parameters(graph), weight_precision(graph), metadata
    )


def packed_files(path: Path) -> dict[str, bytes]:
    """A model's file and those of its external weights, by their path within its folder.

    Raises ModelError like `read_model_file`.
    """
    contents = _read_bytes(path)
    locations = _weights_beside(path, _parse(path, contents))
    return {path.name: contents} | {name: _read_bytes(path.parent / name) for name in locations}


def count_parameters(graph: onnx.ModelProto) -> int:
    """Elements of all weight tensors: floating-point or 8-bit, and more than one element.

    Initializers and tensors of Constant nodes count, in subgraphs too, and so do the running
    averages of a batch normalisation that was not folded. Shapes, axes and indices (int32 and
    int64) and scalars do not. Of quantised weights all count, 32-bit biases too, and their scales
    and zero points do not: as many as before they were quantised.
    """
    return sum(math.prod(tensor.dims) for tensor in _weights(graph))


def weight_precision(graph: onnx.ModelProto) -> Precision | None:
    """The precision that most of the weights are held in; None for another type."""
    held: Counter[int] = Counter()
    for tensor in _weights(graph):
        held[tensor.data_type] += math.prod(tensor.dims)
    return PRECISIONS.get(max(held, key=held.__getitem__)) if held else None


def _weights(graph: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    linear = [
        message
        for message in _messages(graph)
        if isinstance(message, onnx.NodeProto)
        and message.op_type in {"QuantizeLinear", "DequantizeLinear"}
    ]
    values = {name for node in linear for name in node.input[:1]}
    scaling = {name for node in linear for name in node.input[1:]} - {""}
    for tensor in _tensors(graph):
        weight = tensor.data_type in WEIGHT_TYPES or tensor.name in values
        if weight and tensor.name not in scaling and math.prod(tensor.dims) > 1:
            yield tensor


def _read_bytes(path: Path) -> bytes:
    try:
        contents = read_bounded(path, LARGEST)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); give an ONNX file") from None
    if not contents:
        raise ModelError(f"{path}: is empty; export the model again")
    return contents


def _parse(path: Path, contents: bytes) -> onnx.ModelProto:
    try:
        graph: onnx.ModelProto = onnx.ModelProto.FromString(contents)
    except DecodeError:
        raise ModelError(f"{path}: not an ONNX file, or a truncated one; export it again") from None
    if not graph.graph.node:
        raise ModelError(f"{path}: holds no network; give an ONNX file, or export it again")
    return graph


def _messages(message: Message) -> Iterator[Message]:
    """A protobuf message and all those inside it, so that no tensor or node can hide."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE:
            continue
        for child in [value] if isinstance(value, Message) else value:
            yield from _messages(child)


def _tensors(graph: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    return (message for message in _messages(graph) if isinstance(message, onnx.TensorProto))


def _external_locations(graph: onnx.ModelProto) -> list[str]:
    """Names of the files that hold weights, each once, as the model states them."""
    entries = (e for tensor in _tensors(graph) for e in tensor.external_data)
    return sorted({entry.value for entry in entries if entry.key == "location"})


def _weights_beside(path: Path, graph: onnx.ModelProto) -> list[str]:
    locations = _external_locations(graph)
    for location in locations:
        _require_beside(path, location)
    return locations


def _require_known_operators(path: Path, graph: onnx.ModelProto) -> None:
    nodes = (m for m in _messages(graph) if isinstance(m, onnx.NodeProto))
    known = RUNTIME_DOMAINS | {function.domain for function in graph.functions}
    foreign = sorted({node.domain for node in nodes} - known)
    if foreign:
        raise ModelError(
            f"{path}: uses operators of {', '.join(foreign)}, which ONNX Runtime lacks; "
            "export it with standard ONNX operators"
        )


def _require_beside(path: Path, location: str) -> None:
    relative = Path(location)
    if relative.is_absolute() or ".." in relative.parts or "\\" in location:
        raise ModelError(
            f"{path}: takes weights from {location!r}, outside its folder; "
            "put them beside the model and export it again"
        )
    weights = path.parent / relative
    if not weights.is_file():
        raise ModelError(f"{path}: its weights {location!r} are missing; put them beside it")
    folders = (path.parent.resolve(), path.resolve().parent)  # a hub's cache links both files
    if not any(weights.resolve().is_relative_to(folder) for folder in folders):
        raise ModelError(f"{path}: its weights {location!r} link elsewhere; copy them beside it")
