"""What is required of a stranger's graph before anything runs it.

It must be a function: the same image, the same scores. And what it states must be bounded by what
its files hold, since tensors and functions of a few bytes can ask for any amount of memory or time.
"""

import math
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import onnx
from google.protobuf.message import Message  # type: ignore[import-untyped]

from sizer.errors import ModelError

RUNTIME_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
RANDOM = {
    *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"),
    *("RandomUniform", "RandomUniformLike"),
}
MOST_NODES = 1_000_000  # of a graph once its functions are written out; the largest have 10^5
MOST_PER_BYTE = 8  # elements of a tensor: those of one bit

Function = tuple[str, str, str]  # domain, name, overload


def messages(message: Message) -> Iterator[Message]:
    """A protobuf message and all those inside it, so that no tensor or node can hide."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE:
            continue
        for child in [value] if isinstance(value, Message) else value:
            yield from messages(child)


def tensors(message: Message) -> Iterator[onnx.TensorProto]:
    return (m for m in messages(message) if isinstance(m, onnx.TensorProto))


def nodes(message: Message) -> Iterator[onnx.NodeProto]:
    return (m for m in messages(message) if isinstance(m, onnx.NodeProto))


def require_known_operators(model: onnx.ModelProto) -> None:
    """Raise ModelError for operators that are neither ONNX Runtime's nor defined in the file."""
    known = RUNTIME_DOMAINS | {function.domain for function in model.functions}
    foreign = sorted({node.domain for node in nodes(model)} - known)
    if foreign:
        raise ModelError(
            f"uses operators of {', '.join(foreign)}, which ONNX Runtime lacks; "
            "export it with standard ONNX operators"
        )


def require_function(model: onnx.ModelProto) -> None:
    """Raise ModelError where the same image need not have the same scores."""
    random = sorted({node.op_type for node in nodes(model) if node.op_type in RANDOM})
    if random:
        raise ModelError(f"draws random numbers ({', '.join(random)}); export it without them")
    true = {*_true_constants(model)}
    for node in nodes(model):
        if node.op_type in {"Dropout", "BatchNormalization"} and _in_training(node, true):
            raise ModelError(f"holds {node.op_type} in training mode; export it in evaluation mode")


def _in_training(node: onnx.NodeProto, true: set[str]) -> bool:
    """What training adds: an attribute or outputs of statistics; a true input of a dropout."""
    if node.op_type == "Dropout":
        return bool(true & {*node.input[2:3]})
    stated = {attribute.name: attribute.i for attribute in node.attribute}
    return stated.get("training_mode") == 1 or sum(map(bool, node.output)) > 1


def _true_constants(model: onnx.ModelProto) -> Iterator[str]:
    """Names of the tensors of truth values that are constant and true."""
    for node in nodes(model):
        if node.op_type == "Constant":
            held = any(_is_true(attribute.t) for attribute in node.attribute)
            yield from node.output if held else ()
    yield from (tensor.name for tensor in tensors(model) if _is_true(tensor))


def _is_true(tensor: onnx.TensorProto) -> bool:
    truths = tensor.data_type == onnx.TensorProto.BOOL
    return truths and (any(tensor.raw_data) or any(tensor.int32_data))


def require_held(tensor: onnx.TensorProto, size: int) -> None:
    """Raise ModelError for a tensor of more elements than so many bytes can hold."""
    if min(tensor.dims, default=0) < 0 or math.prod(tensor.dims) > MOST_PER_BYTE * size:
        shape = "x".join(map(str, tensor.dims[:8]))
        raise ModelError(
            f"states weights of {shape}, and holds {size:,} bytes of them; export it again"
        )


def require_bounded_functions(model: onnx.ModelProto) -> None:
    """Raise ModelError for functions that call themselves, or grow beyond all bounds."""
    bodies = {(f.domain, f.name, f.overload): f for f in model.functions}
    calls = {name: {_called(node) for node in nodes(body)} for name, body in bodies.items()}
    lengths: dict[Function, int] = {}
    try:
        order = [name for name in TopologicalSorter(calls).static_order() if name in bodies]
    except CycleError:
        raise ModelError("has a function that calls itself; export it without functions") from None
    for name in order:
        lengths[name] = _written_out(bodies[name], lengths)
    _written_out(model.graph, lengths)


def _called(node: onnx.NodeProto) -> Function:
    return node.domain, node.op_type, node.overload


def _written_out(body: Message, lengths: dict[Function, int]) -> int:
    """Nodes of a body once the functions that it calls are written out."""
    length = sum(lengths.get(_called(node), 1) for node in nodes(body))
    if length > MOST_NODES:
        raise ModelError(
            f"has more than {MOST_NODES:,} operators once its functions are written out; "
            "export it without functions"
        )
    return length
