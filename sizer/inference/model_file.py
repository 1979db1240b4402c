"""An ONNX file as it lies on disk: untrusted, so parsed and checked before anything runs it.

Nothing is ever unpickled, and weights may come only from files beside the model.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from sizer.errors import ModelError, naming
from sizer.inference.checks import (
    nodes,
    require_bounded_functions,
    require_function,
    require_held,
    require_known_operators,
    tensors,
)
from sizer.inference.conversions import conversion, require_onnx
from sizer.inference.records import Precision

PART = 1 << 20  # bytes of weights that are hashed at once
LARGEST = (1 << 31) - 1  # bytes of a protobuf message
WEIGHT_TYPES = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8,
}
PRECISIONS: dict[int, Precision] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "int8",
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What a checked file says of itself.

    sha256, size in bytes: of the file, and of the files of its external weights where it has any.
    parameters: counted, see `count_parameters`. precision: of most of them. metadata: its own keys
    and values.
    """

    path: Path
    sha256: str
    size: int
    parameters: int
    precision: Precision | None
    metadata: dict[str, str]


def read_model_file(path: Path) -> ModelFile:
    """Read and check an ONNX file.

    Raises ModelError, with the remedy, for one that is missing, empty, truncated or of another
    program, whose weights are missing, lie outside its folder or are more than its files hold, that
    needs operators of other makers, or that is no function of its input.
    """
    require_onnx(path)
    with naming(path):
        contents = _read_bytes(path)
        graph = _parse(contents, path)
        require_known_operators(graph)
        require_bounded_functions(graph)
        require_function(graph)
        weights = _weights_beside(path, graph)
        return ModelFile(
            path=path,
            sha256=_digest(contents, weights),
            size=len(contents) + sum(file.stat().st_size for file in weights),
            parameters=count_parameters(graph),
            precision=weight_precision(graph),
            metadata={entry.key: entry.value for entry in graph.metadata_props},
        )


def packed_files(path: Path) -> dict[str, bytes]:
    """A model's file and those of its external weights, by their path within its folder.

    Raises ModelError like `read_model_file`.
    """
    with naming(path):
        contents = _read_bytes(path)
        weights = _weights_beside(path, _parse(contents, path))
        with _reading():
            others = {str(file.relative_to(path.parent)): file.read_bytes() for file in weights}
        return {path.name: contents} | others


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
        node for node in nodes(graph) if node.op_type in {"QuantizeLinear", "DequantizeLinear"}
    ]
    values = {name for node in linear for name in node.input[:1]}
    scaling = {name for node in linear for name in node.input[1:]} - {""}
    for tensor in tensors(graph):
        weight = tensor.data_type in WEIGHT_TYPES or tensor.name in values
        if weight and tensor.name not in scaling and math.prod(tensor.dims) > 1:
            yield tensor


def _read_bytes(path: Path) -> bytes:
    with _reading():
        if path.exists() and not path.is_file():
            raise ModelError("is no file; give an ONNX file")
        if path.stat().st_size > LARGEST:
            raise ModelError("is larger than ONNX allows; export it with its weights beside it")
        contents = path.read_bytes()
    if not contents:
        raise ModelError("is empty; export the model again")
    return contents


def _digest(contents: bytes, weights: Sequence[Path]) -> str:
    digest = hashlib.sha256(contents)
    for file in weights:
        with _reading(), file.open("rb") as stream:
            while part := stream.read(PART):
                digest.update(part)
    return digest.hexdigest()


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror}); give an ONNX file") from None


def _parse(contents: bytes, path: Path) -> onnx.ModelProto:
    """The graph, which protobuf nests a hundred messages deep at most: 33 subgraphs."""
    remedy = "export it again"
    if path.suffix == ".pb":  # of which some are ONNX files
        remedy = f"if it is of TensorFlow, {conversion('TensorFlow', path)}"
    try:
        graph: onnx.ModelProto = onnx.ModelProto.FromString(contents)
    except DecodeError:
        raise ModelError(f"not an ONNX file, or a truncated one; {remedy}") from None
    if not graph.graph.node:
        raise ModelError(f"holds no network; give an ONNX file, or {remedy}")
    return graph


def _weights_beside(path: Path, graph: onnx.ModelProto) -> list[Path]:
    """The files of external weights, each once; every tensor must have room where it lies."""
    files = dict[str, Path]()
    for tensor in tensors(graph):
        location = next((e.value for e in tensor.external_data if e.key == "location"), None)
        if location is None:
            require_held(tensor, tensor.ByteSize())
            continue
        if location not in files:
            files[location] = _beside(path, location)
        require_held(tensor, files[location].stat().st_size)
    return [files[location] for location in sorted(files)]


def _beside(path: Path, location: str) -> Path:
    relative = Path(location)
    if relative.is_absolute() or ".." in relative.parts or "\\" in location or "\0" in location:
        raise ModelError(
            f"takes weights from {location!r}, outside its folder; "
            "put them beside the model and export it again"
        )
    weights = path.parent / relative
    with _reading():
        if not weights.is_file():
            raise ModelError(f"its weights {location!r} are missing; put them beside it")
        folders = (path.parent.resolve(), path.resolve().parent)  # a hub's cache links both files
        if not any(weights.resolve().is_relative_to(folder) for folder in folders):
            raise ModelError(f"its weights {location!r} link elsewhere; copy them beside it")
    return weights
