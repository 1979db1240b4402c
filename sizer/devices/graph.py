"""The operations of an ONNX file, for one image."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto

from sizer.devices.operations import Operation
from sizer.errors import ModelError
from sizer.inference.model_file import read_model_file

# where the weights stand among an operator's inputs
WEIGHT_AT = {
    "Conv": 1, "ConvInteger": 1, "QLinearConv": 3, "ConvTranspose": 1,
    "Gemm": 1, "MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3,
}  # fmt: skip
CONVOLUTIONS = {"Conv", "ConvInteger", "QLinearConv"}
IN_PLACE = {
    "Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "DequantizeLinear", "Div",
    "Dropout", "Elu", "Erf", "Exp", "Flatten", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "Identity", "LeakyRelu", "Mish", "Mul", "Neg", "PRelu", "Pow", "QuantizeLinear", "Relu",
    "Reshape", "Round", "Selu", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Squeeze", "Sub", "Tanh",
    "Unsqueeze",
}  # fmt: skip
# inputs that hold no weights of a device: scales and zero points, averages that are folded
NOT_KEPT = {"QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "BatchNormalization": (1, 3, 4)}
KEPT_TYPES = {
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE,
    TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32,
}  # fmt: skip
Shapes = Mapping[str, tuple[int, ...]]


def read_operations(path: Path) -> tuple[list[Operation], dict[str, int]]:
    """The operations of a checked ONNX file in graph order, and the elements of its inputs.

    A dynamic batch is taken as one image. Raises ModelError for a file that cannot be read or
    trusted, and for one whose tensors have no fixed size.
    """
    read_model_file(path)
    graph = _sized(path, onnx.load(path, load_external_data=False))
    constants = {tensor.name: tensor for tensor in graph.initializer}
    values = (*graph.input, *graph.value_info, *graph.output)
    shapes = {value.name: shape for value in values if (shape := _shape(value)) is not None}
    shapes |= {name: tuple(tensor.dims) for name, tensor in constants.items()}
    fed = [value.name for value in graph.input if value.name not in constants]
    try:
        operations = list(_operations(graph, constants, shapes))
        return operations, {name: math.prod(shapes[name]) for name in fed}
    except KeyError as error:
        raise ModelError(
            f"{path}: the size of {error} is not fixed; export it with fixed height and width"
        ) from None
    except IndexError:
        raise ModelError(f"{path}: an operator lacks its inputs; export it again") from None


def _sized(path: Path, model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph for one image, its shapes inferred anew: stated ones may be of other batches."""
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value > 0:
            dims[0].dim_value = 1
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # its own exceptions share no narrower base
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(
            f"{path}: its shapes contradict each other ({reason}); export it again"
        ) from None


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    dims = value.type.tensor_type.shape.dim
    fixed = value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims)
    return tuple(d.dim_value for d in dims) if fixed else None


def _operations(
    graph: onnx.GraphProto, constants: dict[str, TensorProto], shapes: Shapes
) -> Iterator[Operation]:
    """One for each output of a node; the first carries the weights and the work."""
    fixed, counted = set(constants), set[str]()
    for node in graph.node:
        read = tuple(name for name in node.input if name and name not in fixed)
        if not read:  # a constant, or what is worked out from constants alone
            fixed |= set(node.output)
        weights, biases = _kept(node, constants, counted)
        carried = {"weights": weights, "biases": biases, "macs": 0, "column": 0}
        if node.op_type in WEIGHT_AT:
            carried |= _work(node, shapes)
        outputs = [name for name in node.output if name] if read else list(node.output[:1])
        for name in outputs:
            elements = math.prod(shapes[name]) if read else 0
            yield Operation(read, name, elements, in_place=node.op_type in IN_PLACE, **carried)
            carried = {}


def _kept(
    node: onnx.NodeProto, constants: dict[str, TensorProto], counted: set[str]
) -> tuple[int, int]:
    """Elements of weights and of biases of a node, without those that were counted before."""
    weights = biases = 0
    skipped = NOT_KEPT.get(node.op_type, ())
    for i, name in enumerate(node.input):
        tensor = constants.get(name)
        if tensor is None or name in counted or i in skipped or tensor.data_type not in KEPT_TYPES:
            continue
        counted.add(name)
        if len(tensor.dims) > 1:
            weights += math.prod(tensor.dims)
        elif len(tensor.dims) == 1:  # a scalar is part of the code
            biases += tensor.dims[0]
    return weights, biases


def _work(node: onnx.NodeProto, shapes: Shapes) -> dict[str, int]:
    """Multiply-accumulates, and the values of the columns that a convolution gathers."""
    kernel, output = shapes[node.input[WEIGHT_AT[node.op_type]]], shapes[node.output[0]]
    if node.op_type == "ConvTranspose":
        pixels = math.prod(shapes[node.input[0]][2:])
        return {"macs": math.prod(kernel) * pixels}
    if node.op_type not in CONVOLUTIONS:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return {"macs": math.prod(output) * kernel[-1 if transposed else -2]}
    attributes = {attribute.name: attribute for attribute in node.attribute}
    groups = attributes["group"].i if "group" in attributes else 1
    strides = attributes["strides"].ints if "strides" in attributes else [1]
    gathered = math.prod(kernel[1:]) * groups * (1 if groups > 1 else 2)
    needed = math.prod(kernel[2:]) > 1 or max(strides) > 1
    macs = math.prod(output) * math.prod(kernel[1:])
    return {"macs": macs, "column": gathered if needed else 0}
