"""The operations of an ONNX file, for one image."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto
from onnx.inliner import inline_local_functions

from sizer.devices.operations import Operation
from sizer.errors import ModelError, naming
from sizer.inference.model_file import read_model_file
from sizer.inference.raising import without_weight_inputs
from sizer.inference.runtime import simplified

# where the weights stand among an operator's inputs
WEIGHT_AT = {
    "Conv": 1, "ConvInteger": 1, "QLinearConv": 3, "ConvTranspose": 1,
    "Gemm": 1, "MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3, "QGemm": 3,
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
NOT_KEPT = {
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "BatchNormalization": (1, 3, 4),
    "QLinearConv": (1, 2, 4, 5, 6, 7), "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QGemm": (1, 2, 4, 5, 7, 8),
}  # fmt: skip
KEPT_TYPES = {
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE,
    TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32,
}  # fmt: skip
SHAPES_ALONE = {"Shape", "Size"}  # what they give is known before anything runs


def read_operations(path: Path) -> tuple[list[Operation], dict[str, int]]:
    """The operations of a checked ONNX file in graph order, and the elements of its inputs.

    A dynamic batch is taken as one image. Shapes that an exporter computes in the graph are folded
    by ONNX Runtime. Raises ModelError for a file that cannot be read or trusted, and for one whose
    tensors have no fixed size.
    """
    read_model_file(path)
    with naming(path):
        model = _of_one_image(onnx.load(path, load_external_data=False))
        try:
            return _Graph(_inferred(model)).read()
        except KeyError:
            onnx.load_external_data_for_model(model, str(path.parent))
            folded = simplified(model)
        try:
            return _Graph(_inferred(folded)).read()
        except KeyError as error:
            fed = {value.name for value in model.graph.input}
            remedy = "fixed height and width" if error.args[0] in fed else "constant shapes"
            raise ModelError(f"the size of {error} is not fixed; export it with {remedy}") from None


def _of_one_image(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions, whose weights are no inputs, for one image.

    Stated shapes go: they may be of other batches.
    """
    if model.functions:
        model = inline_local_functions(model)
    model = without_weight_inputs(model)
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value > 0:
            dims[0].dim_value = 1
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def _inferred(model: onnx.ModelProto) -> onnx.GraphProto:
    """The graph with the shapes that follow from its inputs'."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # its own exceptions share no narrower base
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(f"its shapes contradict each other ({reason}); export it again") from None


class _Graph:
    """A graph whose shapes are inferred, as operations."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        values = (*graph.input, *graph.value_info, *graph.output)
        self._shapes = {v.name: shape for v in values if (shape := _shape(v)) is not None}
        self._shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        self._types = {value.name: value.type.tensor_type.elem_type for value in values}
        self._types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._fixed = {tensor.name for tensor in graph.initializer}
        self._counted = set[str]()

    def read(self) -> tuple[list[Operation], dict[str, int]]:
        """Operations, and the elements of the inputs. Raises KeyError for an unknown shape."""
        fed = {value.name: math.prod(self._shapes[value.name]) for value in self._graph.input}
        return list(self._operations()), fed

    def _operations(self) -> Iterator[Operation]:
        """One for each output of a node that is read; the first carries the weights and the work.

        What is worked out from constants and shapes alone is a constant too.
        """
        needed = {name for node in self._graph.node for name in _inputs(node)}
        needed |= {value.name for value in self._graph.output}
        for node in self._graph.node:
            read = tuple(name for name in _inputs(node) if name and name not in self._fixed)
            if not read or node.op_type in SHAPES_ALONE:
                self._fixed |= set(node.output)
                continue
            carried = self._carried(node)
            for name in node.output:
                if name in needed:
                    elements, in_place = math.prod(self._shapes[name]), node.op_type in IN_PLACE
                    yield Operation(read, name, elements, in_place=in_place, **carried)
                    carried = {}

    def _carried(self, node: onnx.NodeProto) -> dict[str, int]:
        weights, biases = self._kept(node)
        try:
            return {"weights": weights, "biases": biases, **self._work(node)}
        except IndexError:
            raise ModelError("an operator lacks its inputs; export it again") from None

    def _kept(self, node: onnx.NodeProto) -> tuple[int, int]:
        """Elements of weights and of biases of a node, without those that were counted before."""
        weights = biases = 0
        skipped = NOT_KEPT.get(node.op_type, ())
        for i, name in enumerate(node.input):
            constant = name in self._fixed and i not in skipped
            if not constant or name in self._counted or self._types.get(name) not in KEPT_TYPES:
                continue
            self._counted.add(name)
            shape = self._shapes[name]
            if len(shape) > 1:
                weights += math.prod(shape)
            elif len(shape) == 1:  # a scalar is part of the code
                biases += shape[0]
        return weights, biases

    def _work(self, node: onnx.NodeProto) -> dict[str, int]:
        """Multiply-accumulates, and the values of the columns that a convolution gathers.

        Attention multiplies each query with all keys, and what that gives with all values.
        """
        operator = node.op_type.removeprefix("Fused")
        if operator == "Einsum":
            return {"macs": self._einsum(node)}
        if operator == "Attention" and not node.domain:
            query, keys, output = (self._shapes[n] for n in (*node.input[:2], node.output[0]))
            return {"macs": (math.prod(query) + math.prod(output)) * keys[-2]}
        if operator not in WEIGHT_AT:
            return {}
        kernel, output = self._shapes[node.input[WEIGHT_AT[operator]]], self._shapes[node.output[0]]
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if operator == "ConvTranspose":
            pixels = math.prod(self._shapes[node.input[0]][2:])
            return {"macs": math.prod(kernel) * pixels}
        if operator not in CONVOLUTIONS:
            across = kernel[-1 if _is_set(attributes, "transB") or len(kernel) == 1 else -2]
            return {"macs": math.prod(output) * across}
        groups = attributes["group"].i if "group" in attributes else 1
        strides = attributes["strides"].ints if "strides" in attributes else [1]
        gathered = math.prod(kernel[1:]) * groups * (1 if groups > 1 else 2)
        needed = math.prod(kernel[2:]) > 1 or max(strides) > 1
        macs = math.prod(output) * math.prod(kernel[1:])
        return {"macs": macs, "column": gathered if needed else 0}

    def _einsum(self, node: onnx.NodeProto) -> int:
        """One product for each combination of values of its letters."""
        equation = next(a.s.decode() for a in node.attribute if a.name == "equation")
        terms = equation.replace(" ", "").partition("->")[0].split(",")
        sizes = dict[str, int]()
        for term, name in zip(terms, node.input, strict=True):
            shape = self._shapes[name]
            letters = term.replace("...", "_" * (len(shape) - len(term.replace("...", ""))))
            for place, (letter, size) in enumerate(zip(letters, shape, strict=True)):
                key = f"{letters[place:].count('_')} from the right" if letter == "_" else letter
                sizes[key] = max(size, sizes.get(key, 1))
        return math.prod(sizes.values()) if len(terms) > 1 else 0


def _inputs(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads; of its branches too, whose own tensors nobody outside knows."""
    yield from node.input
    for attribute in node.attribute:
        inner = set[str]()
        for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            for child in body.node:
                yield from (name for name in _inputs(child) if name not in inner)
                inner |= set(child.output)


def _is_set(attributes: Mapping[str, onnx.AttributeProto], name: str) -> bool:
    return name in attributes and bool(attributes[name].i)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    dims = value.type.tensor_type.shape.dim
    fixed = value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims)
    return tuple(d.dim_value for d in dims) if fixed else None
