"""A model's graph rewritten so that it takes images and noise, and runs faster, in memory only.

ONNX Runtime keeps maps in a layout of channel blocks (NCHWc) from one convolution to the next if
every operator in between can work on it. What cannot costs a copy each time, and is rewritten here:
channel counts that are no multiple of the block, a mean over both axes of a map, and the gate of a
squeeze-excite block, which is broadcast over the map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sizer.inference.inputs import WHOLE_RANGES, InputPlan, affine
from sizer.inference.raising import opset_of

OLDEST_OPSET = 13  # whose operators take what is written here
CLEAN, EPSILON, MU, NOISE_STD = "sizer/clean", "sizer/epsilon", "sizer/mu", "sizer/noise_std"
SCORES, LABELS = "sizer/scores", "sizer/labels"
ELEMENTWISE = {
    *("Add", "Clip", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Mul", "Relu"),
    *("Sigmoid", "Tanh"),
}
POOLING = {"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "Resize"}

Model = onnx.ModelProto
Node = onnx.NodeProto
Shapes = dict[str, tuple[int, ...]]


def rewritable(model: Model) -> bool:
    """Whether the opset is new enough, and no subgraph hides the use of a tensor."""
    inner = any(a.HasField("g") or a.graphs for n in model.graph.node for a in n.attribute)
    return opset_of(model) >= OLDEST_OPSET and not inner and not model.functions


def with_noise(
    model: Model, images: str, plan: InputPlan, shape: tuple[int, int, int], batch: int
) -> Model:
    """A graph of (clean, epsilon, mu, noise_std) to the two best scores (B, 2) and their classes.

    clean, epsilon: (B, H, W, C) or (B, C, H, W) as the plan says, on the [-1, 1] scale. images:
    the name of the model's input. shape: (H, W, C). The arithmetic is that of `arrange`, operation
    by operation, so that not a bit is different.
    """
    changed = Model()
    changed.CopyFrom(model)
    graph = changed.graph
    height, width, channels = shape
    inner = (channels, height, width) if plan.layout == "NCHW" else shape
    before, constants = _mixing(images, plan)
    scores = graph.output[0].name
    constants |= {"sizer/rows": np.array([batch, -1]), "sizer/two": np.array([2])}
    after = [helper.make_node("Reshape", [scores, "sizer/rows"], ["sizer/flat"])]
    if plan.classes is not None:
        constants["sizer/classes"] = np.array(plan.classes)
        inputs = ["sizer/flat", "sizer/classes"]
        after.append(helper.make_node("Gather", inputs, ["sizer/scored"], axis=1))
    inputs = [after[-1].output[0], "sizer/two"]
    after.append(helper.make_node("TopK", inputs, [SCORES, LABELS], axis=1))
    others = [value for value in graph.input if value.name != images]
    floats = TensorProto.FLOAT
    taken = [
        *(helper.make_tensor_value_info(n, floats, [batch, *inner]) for n in (CLEAN, EPSILON)),
        *(helper.make_tensor_value_info(n, floats, []) for n in (MU, NOISE_STD)),
    ]
    scored = graph.output[0].type.tensor_type.elem_type
    given = [
        helper.make_tensor_value_info(SCORES, scored, [batch, 2]),
        helper.make_tensor_value_info(LABELS, TensorProto.INT64, [batch, 2]),
    ]
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in constants.items())
    _replace(graph.node, [*before, *graph.node, *after])
    _replace(graph.input, [*others, *taken])
    _replace(graph.output, given)
    del graph.value_info[:]  # they may speak of another batch
    return changed


def _mixing(images: str, plan: InputPlan) -> tuple[list[Node], dict[str, NDArray[np.generic]]]:
    """Nodes from (clean, epsilon, mu, noise_std) to the model's input, and their constants."""
    steps: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
        ("Mul", (MU, CLEAN), {}),
        ("Mul", (NOISE_STD, EPSILON), {}),
        ("Add", ("sizer/0", "sizer/1"), {}),
    ]
    constants: dict[str, NDArray[np.generic]] = {}
    scale, offset = affine(plan.input_format)
    if not (np.all(scale == 1) and not np.any(offset)):
        tail = (-1, 1, 1) if plan.layout == "NCHW" else (-1,)
        constants |= {"sizer/scale": scale.reshape(tail), "sizer/offset": offset.reshape(tail)}
        steps += [("Mul", ("", "sizer/scale"), {}), ("Add", ("", "sizer/offset"), {})]
    if plan.dtype in WHOLE_RANGES:
        low, high = np.asarray(WHOLE_RANGES[plan.dtype], np.float32)
        constants |= {"sizer/low": np.asarray(low), "sizer/high": np.asarray(high)}
        steps += [("Round", ("",), {}), ("Clip", ("", "sizer/low", "sizer/high"), {})]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(plan.dtype))
    steps.append(("Cast", ("",), {"to": kind}))
    nodes = [
        helper.make_node(
            operator,
            [name or f"sizer/{i - 1}" for name in inputs],
            [images if i == len(steps) - 1 else f"sizer/{i}"],
            **attributes,
        )
        for i, (operator, inputs, attributes) in enumerate(steps)
    ]
    return nodes, constants


def in_blocks(model: Model, block: int) -> Model:
    """The same function, of which the runtime can keep all maps in blocks of channels.

    Sums over padded channels have weights of zero for them. Quantised maps have a layout of their
    own, and are left as they are.
    """
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return model
    shapes = _shapes(model)
    changed = Model()
    changed.CopyFrom(model)
    graph = changed.graph
    nodes = [_pooled(node, shapes) for node in graph.node]
    _replace(graph.node, [new for node in nodes for new in _gated(node, graph, shapes)])
    del graph.value_info[:]
    _Padding(graph).apply(block)
    return changed


def _shapes(model: Model) -> Shapes:
    """Shapes of all tensors for which every dimension is known."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    infos = [*graph.input, *graph.value_info, *graph.output]
    return {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in infos
        if all(dim.HasField("dim_value") for dim in info.type.tensor_type.shape.dim)
    }


def _pooled(node: Node, shapes: Shapes) -> Node:
    """A mean over both axes of maps, as a global average pooling."""
    if node.op_type != "ReduceMean":
        return node
    before, after = (shapes.get(name, ()) for name in (node.input[0], node.output[0]))
    if len(before) != 4 or after != (*before[:2], 1, 1):
        return node
    return helper.make_node("GlobalAveragePool", [node.input[0]], [node.output[0]])


def _gated(node: Node, graph: onnx.GraphProto, shapes: Shapes) -> Iterator[Node]:
    """A product of maps and one number a channel, as a product of two maps."""
    whole = shapes.get(node.output[0], ())
    if node.op_type == "Mul" and len(whole) == 4 and whole[2:] != (1, 1):
        for i, gate in enumerate(node.input):
            if shapes.get(gate) == (*whole[:2], 1, 1):
                spread, scales = f"{gate}/spread/{node.output[0]}", f"{gate}/{node.output[0]}"
                sizes = np.array([1, 1, *whole[2:]], np.float32)
                graph.initializer.append(numpy_helper.from_array(sizes, scales))
                yield helper.make_node(
                    "Resize",
                    [gate, "", scales],
                    [spread],
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
                node.input[i] = spread
    yield node


@dataclass
class _Padding:
    """Which tensors share their channels, and the convolutions between them."""

    graph: onnx.GraphProto
    parents: dict[str, str] = field(default_factory=dict)

    def apply(self, block: int) -> None:
        """Pad each set of tensors that only convolutions and channel-wise operators touch."""
        self._weights = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        convolutions = [node for node in self.graph.node if self._is_convolution(node)]
        fixed = {self._root(name) for name in self._fixed()}
        channels = [(self._root(n.output[0]), len(self._weights[n.input[1]])) for n in convolutions]
        fixed |= {root for root, n in channels if n != dict(channels)[root]}  # one is broadcast
        missing = {root: -n % block for root, n in channels if root not in fixed}
        for node in convolutions:
            added = missing.get(self._root(node.output[0]), 0)
            before = 0 if self._is_depthwise(node) else missing.get(self._root(node.input[0]), 0)
            self._pad(node, added, before)

    def _fixed(self) -> Iterator[str]:
        """Tensors whose channels must stay as they are; joins those that share them meanwhile."""
        yield from (end.name for end in (*self.graph.input, *self.graph.output))
        for node in self.graph.node:
            tensors = [name for name in node.input if name and name not in self._weights]
            if self._is_convolution(node):
                if self._is_depthwise(node):
                    self._join(node.input[0], node.output[0])
            elif node.op_type in ELEMENTWISE | POOLING and len(node.output) == 1:
                for name in tensors:
                    self._join(name, node.output[0])
                if node.op_type in ELEMENTWISE and self._has_vector(node.input):
                    yield node.output[0]
            else:
                yield from (*tensors, *node.output)

    def _is_convolution(self, node: Node) -> bool:
        """Dense or depthwise, with weights that are known."""
        if node.op_type != "Conv" or any(name not in self._weights for name in node.input[1:]):
            return False
        return _groups(node) == 1 or self._is_depthwise(node)

    def _is_depthwise(self, node: Node) -> bool:
        return 1 < _groups(node) == len(self._weights[node.input[1]])

    def _has_vector(self, names: Sequence[str]) -> bool:
        return any(self._weights[name].size > 1 for name in names if name in self._weights)

    def _pad(self, node: Node, added: int, before: int) -> None:
        if not added and not before:
            return
        weights = self._weights[node.input[1]]
        wider = [(0, added), (0, before)] + [(0, 0)] * (weights.ndim - 2)
        arrays = [np.pad(weights, wider)]
        arrays += [np.pad(self._weights[name], (0, added)) for name in node.input[2:]]
        for i, array in enumerate(arrays, start=1):
            name = f"{node.output[0]}/padded/{i}"
            self.graph.initializer.append(numpy_helper.from_array(array, name))
            node.input[i] = name
        if _groups(node) > 1:
            next(a for a in node.attribute if a.name == "group").i += added

    def _root(self, name: str) -> str:
        while name in self.parents:
            name = self.parents[name]
        return name

    def _join(self, tensor: str, other: str) -> None:
        first, second = self._root(tensor), self._root(other)
        if first != second:
            self.parents[first] = second


def _groups(node: Node) -> int:
    return next((a.i for a in node.attribute if a.name == "group"), 1)


def _replace(repeated: Any, items: Sequence[Any]) -> None:
    """Put other messages into a repeated field of protobuf, which cannot be assigned to."""
    del repeated[:]
    repeated.extend(items)
