"""The operations of a file are the same, however its exporter wrote the network down."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.devices.check import check_model
from sizer.devices.graph import read_operations
from sizer.errors import ModelError

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
IMAGE = ("n", 3, 8, 8)
KERNEL = np.full((4, 3, 3, 3), 0.5, np.float32)
BIAS = np.ones(4, np.float32)
LINEAR = np.full((4 * 64, 5), 0.1, np.float32)
HEAD = np.full((4, 5), 0.1, np.float32)
ALL_OF_IT = np.array([0, -1])


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs.split(), output.split(), **attributes)


def constant(value, name):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))


def save(path, nodes, constants, dims=IMAGE, opset=17, functions=(), kind=TensorProto.FLOAT):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, dims)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid("own", 1)] * bool(functions))]
    onnx.save(
        helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions), path
    )
    return path


def facts(path):
    made, fed = read_operations(path)
    weights, biases, macs = (
        sum(getattr(operation, name) for operation in made)
        for name in ("weights", "biases", "macs")
    )
    return weights, biases, macs, fed


def padding_from_constants():
    """ZeroPad2d as torch 1.x to 2.x traces it: pads of which the order is turned in the graph."""
    nodes = [
        node("ConstantOfShape", "four", "zeros", value=helper.make_tensor("v", 7, [1], [0])),
        node("Concat", "pads zeros", "all", axis=0),
        node("Reshape", "all pairs", "square"),
        node("Slice", "square last first axis backwards", "turned"),
        node("Transpose", "turned", "across", perm=[1, 0]),
        node("Reshape", "across flat", "begins"),
        node("Cast", "begins", "amounts", to=TensorProto.INT64),
        node("Pad", "x amounts zero", "padded", mode="constant"),
        node("Conv", "padded w b", "c"),
        node("ReduceMean", "c", "m", axes=[2, 3], keepdims=0),
        node("MatMul", "m head", "y"),
    ]
    constants = {
        "four": [4], "pads": [1, 1, 1, 1], "pairs": [-1, 2], "last": [-1], "first": [-(2**31)],
        "axis": [0], "backwards": [-1], "flat": [-1], "zero": np.float32(0),
        "w": KERNEL, "b": BIAS, "head": HEAD,
    }  # fmt: skip
    return nodes, constants, (108 + 20, 4, 108 * 64 + 20)


def view_of_the_batch():
    """`x.view(x.size(0), -1)`, the batch read from the image."""
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Shape", "c", "shape"),
        node("Gather", "shape none", "size", axis=0),
        node("Unsqueeze", "size axis", "sizes"),
        node("Concat", "sizes rest", "target", axis=0),
        node("Reshape", "c target", "flat"),
        node("MatMul", "flat linear", "y"),
    ]
    constants = {
        "none": np.array(0), "axis": [0], "rest": [-1], "w": KERNEL, "b": BIAS, "linear": LINEAR,
    }  # fmt: skip
    return nodes, constants, (108 + 1280, 4, 108 * 64 + 1280)


def shuffled_channels():
    """Two halves of the channels, of which sizes and places are worked out from the shape."""
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Shape", "c", "shape"),
        node("Gather", "shape one", "channels", axis=0),
        node("Div", "channels two", "half"),
        node("Unsqueeze", "half axis", "middle"),
        node("Slice", "c none middle one1", "front"),
        node("Slice", "c middle end one1", "back"),
        node("Concat", "back front", "joined", axis=1),
        node("ReduceMean", "joined", "m", axes=[2, 3], keepdims=0),
        node("MatMul", "m head", "y"),
    ]
    constants = {
        "one": np.array(1), "two": np.array(2), "axis": [0], "none": [0], "one1": [1],
        "end": [2**31], "w": KERNEL, "b": BIAS, "head": HEAD,
    }  # fmt: skip
    return nodes, constants, (108 + 20, 4, 108 * 64 + 20)


def attention():
    """Four heads of attention over patches, reshaped by the image's own batch and length."""
    random = np.random.default_rng(0)
    nodes = [
        node("Conv", "x patch", "p", strides=[2, 2]),
        node("Shape", "p", "shape"),
        node("Slice", "shape none two none", "front"),
        node("Concat", "front rest", "rows", axis=0),
        node("Reshape", "p rows", "tokens"),
        node("Transpose", "tokens", "t", perm=[0, 2, 1]),
        node("MatMul", "t query", "q"),
        node("Shape", "q", "qs"),
        node("Slice", "qs none two none", "bn"),
        node("Concat", "bn heads", "split", axis=0),
        node("Reshape", "q split", "qh"),
        node("Transpose", "qh", "a", perm=[0, 2, 1, 3]),
        node("Transpose", "qh", "k", perm=[0, 2, 3, 1]),
        node("MatMul", "a k", "scores"),
        node("Softmax", "scores", "s"),
        node("MatMul", "s a", "o"),
        node("ReduceMean", "o", "m", axes=[2], keepdims=0),
        node("Shape", "m", "ms"),
        node("Slice", "ms none one none", "b"),
        node("Concat", "b rest", "target", axis=0),
        node("Reshape", "m target", "flat"),
        node("MatMul", "flat head", "y"),
    ]
    constants = {
        "none": [0], "one": [1], "two": [2], "rest": [-1], "heads": [4, 2],
        "patch": random.normal(size=(8, 3, 2, 2)).astype(np.float32),
        "query": random.normal(size=(8, 8)).astype(np.float32),
        "head": random.normal(size=(8, 5)).astype(np.float32),
    }  # fmt: skip
    macs = 96 * 16 + 16 * 64 + 2 * 4 * 16 * 16 * 2 + 40
    return nodes, constants, (96 + 64 + 40, 0, macs)


def one_branch_of_two():
    """A squeeze behind an `If` that the shape decides."""

    def branch(nodes, name):
        return helper.make_graph(
            nodes, name, [], [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
        )

    axes = helper.make_node("Constant", [], ["axes"], value_ints=[2, 3])
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "c", "m"),
        node("Shape", "m", "shape"),
        node("Gather", "shape two", "height", axis=0),
        node("Equal", "height one", "flat"),
        helper.make_node(
            "If", ["flat"], ["v"],
            then_branch=branch([axes, node("Squeeze", "m axes", "out")], "then"),
            else_branch=branch([node("Identity", "m", "out")], "else"),
        ),
        node("MatMul", "v head", "y"),
    ]  # fmt: skip
    constants = {"two": np.array(2), "one": np.array(1), "w": KERNEL, "b": BIAS, "head": HEAD}
    return nodes, constants, (108 + 20, 4, 108 * 64 + 20)


IDIOMS = [
    padding_from_constants,
    view_of_the_batch,
    shuffled_channels,
    attention,
    one_branch_of_two,
]


class TestComputedShapes:
    @pytest.mark.parametrize("batch", ["n", 1])
    @pytest.mark.parametrize("idiom", IDIOMS)
    def test_are_worked_out(self, tmp_path, idiom, batch):
        nodes, constants, expected = idiom()
        path = save(tmp_path / "m.onnx", nodes, constants, (batch, 3, 8, 8))
        assert facts(path) == (*expected, {"x": 192})

    @pytest.mark.parametrize("idiom", IDIOMS)
    def test_weights_in_constant_nodes_count(self, tmp_path, idiom):
        nodes, constants, expected = idiom()
        held = [constant(np.asarray(value), name) for name, value in constants.items()]
        path = save(tmp_path / "m.onnx", [*held, *nodes], {})
        assert facts(path) == (*expected, {"x": 192})

    @pytest.mark.parametrize("idiom", IDIOMS)
    def test_weights_that_are_inputs_too(self, tmp_path, idiom):
        nodes, constants, expected = idiom()
        path = save(tmp_path / "m.onnx", nodes, constants)
        model = onnx.load(path)
        model.graph.input.extend(
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            for tensor in model.graph.initializer
        )
        onnx.save(model, path)
        assert facts(path) == (*expected, {"x": 192})

    @pytest.mark.parametrize("idiom", IDIOMS)
    def test_weights_in_a_file_beside_it(self, tmp_path, idiom):
        nodes, constants, expected = idiom()
        model = onnx.load(save(tmp_path / "m.onnx", nodes, constants))
        onnx.save(
            model, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0, location="w"
        )
        assert facts(tmp_path / "m.onnx") == (*expected, {"x": 192})

    @pytest.mark.parametrize("idiom", IDIOMS)
    def test_half_precision_between_ends_of_full(self, tmp_path, idiom):
        from onnxruntime.transformers.float16 import convert_float_to_float16

        nodes, constants, expected = idiom()
        path = save(tmp_path / "m.onnx", nodes, constants)
        onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)
        assert facts(path) == (*expected, {"x": 192})

    def test_what_no_batch_makes_known(self, tmp_path):
        """As many rows as there are pixels above zero."""
        nodes = [
            node("NonZero", "x", "at"),
            node("Cast", "at", "y", to=TensorProto.FLOAT),
        ]
        path = save(tmp_path / "m.onnx", nodes, {})
        with pytest.raises(ModelError, match=r"m\.onnx: the size of 'at' .* constant shapes"):
            read_operations(path)


class TestOperators:
    @pytest.mark.parametrize(
        ("equation", "constants", "macs"),
        [
            ("nchw,cd->nd", {"w": np.ones((3, 5), np.float32)}, 3 * 64 * 5),
            ("...hw,wd->...hd", {"w": np.ones((8, 5), np.float32)}, 3 * 64 * 5),
            ("nchw->nc", {}, 0),
        ],
    )
    def test_einsum(self, tmp_path, equation, constants, macs):
        inputs = " ".join(["x", *constants])
        path = save(
            tmp_path / "m.onnx", [node("Einsum", inputs, "y", equation=equation)], constants
        )
        assert facts(path)[2] == macs

    def test_attention_as_one_operator(self, tmp_path):
        nodes = [
            node("MatMul", "x w", "k"),
            node("Attention", "x k k", "y", q_num_heads=2, kv_num_heads=2),
        ]
        path = save(tmp_path / "m.onnx", nodes, {"w": np.eye(6, dtype=np.float32)}, (1, 7, 6), 23)
        assert facts(path)[:3] == (36, 0, 7 * 36 + 2 * 7 * 7 * 6)

    def test_a_function_is_what_it_does(self, tmp_path):
        body = helper.make_function(
            "own", "Block", ["i", "k"], ["o"],
            [node("Conv", "i k", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "o")],
            [helper.make_opsetid("", 17)],
        )  # fmt: skip
        block = helper.make_node("Block", ["x", "w"], ["y"], domain="own")
        path = save(tmp_path / "m.onnx", [block], {"w": KERNEL}, functions=[body])
        assert facts(path)[:3] == (108, 0, 108 * 64)

    def test_what_is_never_read_is_no_tensor(self, tmp_path):
        """The mask of a dropout, whose shape old exporters leave open."""
        nodes = [
            node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
            node("Dropout", "c", "d mask", ratio=0.3),
            node("Relu", "d", "y"),
        ]
        path = save(tmp_path / "m.onnx", nodes, {"w": KERNEL, "b": BIAS}, opset=9)
        made, _ = read_operations(path)
        assert [operation.output for operation in made] == ["c", "d", "y"]

    def test_quantised_operators_take_what_float_ones_do(self, tmp_path):
        constants = {
            "s": np.float32(0.1), "z": np.uint8(0), "w": np.ones((4, 3, 3, 3), np.int8),
            "ws": np.full(4, 0.1, np.float32), "wz": np.zeros(4, np.int8),
            "b": np.zeros(4, np.int32),
        }  # fmt: skip
        nodes = [
            node("QuantizeLinear", "x s z", "q"),
            node("QLinearConv", "q s z w ws wz s z b", "c", pads=[1, 1, 1, 1]),
            node("DequantizeLinear", "c s z", "y"),
        ]
        assert facts(save(tmp_path / "m.onnx", nodes, constants))[:3] == (108, 4, 108 * 64)


class TestKnownNetworks:
    """Published counts of parameters and multiply-accumulates, as torchvision's tables have them;
    those of Caffe's GoogLeNet and SqueezeNet from their papers' models.
    """

    @pytest.mark.parametrize(
        ("name", "parameters", "macs"),
        [
            ("resnet50", 25_557_032, 4.089e9),
            ("vgg19", 143_667_240, 19.632e9),
            ("bvlc_alexnet", 60_965_224, 0.6545e9),
            ("squeezenet", 1_235_496, 0.349e9),
            ("inception_v1", 6_998_552, 1.4315e9),
        ],
    )
    def test_of_the_onnx_package(self, name, parameters, macs):
        weights, biases, counted, _ = facts(LIGHT / f"light_{name}.onnx")
        assert weights + biases == pytest.approx(parameters, rel=0.003)
        assert counted == pytest.approx(macs, rel=0.001)

    @pytest.mark.parametrize("name", ["densenet121", "inception_v2", "shufflenet", "zfnet512"])
    def test_the_others_have_sizes_too(self, name):
        weights, _, macs, fed = facts(LIGHT / f"light_{name}.onnx")
        assert weights > 1e6
        assert macs > 1e8
        assert list(fed.values()) == [3 * 224 * 224]


class TestNoWork:
    def path(self, tmp_path):
        return save(tmp_path / "m.onnx", [node("GlobalAveragePool", "x", "y")], {})

    def test_has_an_unknown_latency(self, tmp_path):
        (verdict,) = check_model(self.path(tmp_path), ["STM32H747XI"], max_latency_ms=5)
        assert verdict.footprint.macs == 0
        assert (verdict.latencies, verdict.latency.verdict) == ((), "UNKNOWN")

    def test_is_no_crash(self, tmp_path):
        line = ["devices", "check", str(self.path(tmp_path)), "--device", "STM32H747XI"]
        assert CliRunner().invoke(app, line).exit_code == 0
