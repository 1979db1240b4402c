"""A rewritten graph gives the labels of the file's own graph, for any network and batch."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from opened import open_model

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError
from sizer.inference import predictor as predictors
from sizer.inference.choosing import choose_rewriting, close
from sizer.inference.file_graph import FileGraph
from sizer.inference.graph import (
    CLEAN,
    EPSILON,
    LABELS,
    MU,
    NOISE_STD,
    SCORES,
    in_blocks,
    with_noise,
)
from sizer.inference.input_format import InputFormat
from sizer.inference.inputs import InputPlan, arrange, in_layout
from sizer.inference.rewritten import RewrittenGraph
from sizer.inference.runtime import OutOfMemoryError, channel_block, open_session, simplified

SHAPE, CLASSES = (12, 10, 3), 7
DATA = DatasetInfo("data", "test", "fingerprint", CLASSES, 200, SHAPE)
RANDOM = np.random.default_rng(4)
CLEAN_IMAGES, NOISE = (  # of many tints, since the networks look at means
    RANDOM.normal(RANDOM.normal(0, 2, (60, 1, 1, 3)), 0.6, (60, *SHAPE)).astype(np.float32)
    for _ in range(2)
)
LEVELS = ((1.0, 0.0), (0.8, 0.6), (0.1, 0.99))


class Network:
    """Writes a network down, node by node."""

    def __init__(self, seed=0):
        self.random, self.nodes, self.weights = np.random.default_rng(seed), [], {}

    def node(self, operator, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, value):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(value)
        return name

    def conv(self, tensor, before, after, kernel=3, group=1, **attributes):
        size = (after, before // group, kernel, kernel)
        weights = self.random.normal(0, 1 / np.sqrt(np.prod(size[1:])), size).astype(np.float32)
        bias = self.random.normal(0, 0.1, after).astype(np.float32)
        pads = [kernel // 2] * 4
        inputs = (tensor, self.constant(weights), self.constant(bias))
        return self.node("Conv", *inputs, pads=pads, group=group, **attributes)

    def silu(self, tensor):
        return self.node("Mul", tensor, self.node("Sigmoid", tensor))

    def mean(self, tensor):
        return self.node("ReduceMean", tensor, self.constant(np.array([2, 3])), keepdims=1)

    def excited(self, tensor, channels, squeezed):
        inner = self.silu(self.conv(self.mean(tensor), channels, squeezed, kernel=1))
        return self.node(
            "Mul", tensor, self.node("Sigmoid", self.conv(inner, squeezed, channels, 1))
        )

    def classified(self, tensor, channels):
        flat = self.node("Flatten", self.mean(tensor))
        head = self.random.normal(0, 1, (channels, CLASSES)).astype(np.float32)
        return self.node("MatMul", flat, self.constant(head))

    def model(self, scores, kind=TensorProto.FLOAT):
        ends = [
            helper.make_tensor_value_info("images", kind, ["batch", 3, 12, 10]),
            helper.make_tensor_value_info(scores, TensorProto.FLOAT, None),
        ]
        values = [numpy_helper.from_array(value, name) for name, value in self.weights.items()]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], values)
        opsets = [helper.make_opsetid("", 18)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def efficient(stem=6, wide=10, squeezed=3, seed=0):
    """A stem, a block with an expansion, a gate and a way around it, and a classifier."""
    net = Network(seed)
    first = net.silu(net.conv("images", 3, stem, strides=[2, 2]))
    inner = net.silu(net.conv(first, stem, wide, kernel=1))
    inner = net.silu(net.conv(inner, wide, wide, group=wide))
    inner = net.conv(net.excited(inner, wide, squeezed), wide, stem, kernel=1)
    last = net.silu(net.conv(net.node("Add", inner, first), stem, 32, kernel=1))
    return net.model(net.classified(last, 32))


def spatially_gated():
    """A map of one channel is spread over all: no channel count may be padded there."""
    net = Network()
    maps = net.node("Relu", net.conv("images", 3, 16))
    gate = net.node("Sigmoid", net.conv(maps, 16, 1))
    return net.model(net.classified(net.node("Mul", maps, gate), 16))


def split_and_joined():
    """Operators that know the number of channels."""
    net = Network()
    maps = net.node("Relu", net.conv("images", 3, 6))
    other = net.node("Relu", net.conv(maps, 6, 5))
    scaled = net.node("Mul", other, net.constant(net.random.normal(size=(5, 1, 1)).astype("f")))
    return net.model(net.classified(net.node("Concat", maps, scaled, axis=1), 11))


NETWORKS = {
    "efficient": efficient(),
    "spatially gated": spatially_gated(),
    "split and joined": split_and_joined(),
}


@pytest.fixture(params=NETWORKS)
def model(request, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(NETWORKS[request.param], path)
    return open_model(path, DATA)


def own_graph(model):
    return FileGraph(model.path, open_session(model.path, "cpu"), model.plan)


def own_labels(model, mu, sigma):
    return own_graph(model).prepare(CLEAN_IMAGES, NOISE)(mu, sigma)


class TestLabels:
    @pytest.mark.parametrize("level", LEVELS)
    def test_are_those_of_the_files_own_graph(self, model, level):
        labels = model.open().prepare(CLEAN_IMAGES, NOISE)(*level)
        assert np.array_equal(labels, own_labels(model, *level))
        assert len(set(labels)) > 1

    @pytest.mark.parametrize("batch", [1, 7, 25, 60, 125])
    @pytest.mark.parametrize("block", [None, 8, 16])
    def test_and_scores_do_not_depend_on_the_batch_or_the_block(self, model, batch, block):
        rewritten = RewrittenGraph(own_graph(model), "cpu", SHAPE, batch, block)
        scores, labels = rewritten.prepare(CLEAN_IMAGES, NOISE)(0.8, 0.6)
        mixed = np.float32(0.8) * CLEAN_IMAGES + np.float32(0.6) * NOISE
        own = own_graph(model).all_scores(mixed)
        assert np.array_equal(labels, np.argsort(-own, axis=1)[:, :2])
        np.testing.assert_allclose(scores, -np.sort(-own, axis=1)[:, :2], atol=1e-5)

    @settings(max_examples=15, deadline=None)
    @given(
        stem=st.integers(1, 20),
        wide=st.integers(2, 40),
        squeezed=st.integers(1, 5),
        seed=st.integers(0, 99),
    )
    def test_of_any_member_of_a_family(self, tmp_path_factory, stem, wide, squeezed, seed):
        path = tmp_path_factory.mktemp("family") / "model.onnx"
        onnx.save(efficient(stem, wide, squeezed, seed), path)
        model = open_model(path, DATA)
        labels = model.open().prepare(CLEAN_IMAGES, NOISE)
        for level in LEVELS:
            assert np.array_equal(labels(*level), own_labels(model, *level))


class TestGraph:
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int8])
    @pytest.mark.parametrize(
        "input_format", [InputFormat(), InputFormat((0, 255), (4, 5, 6), (0.9, 1, 1.1))]
    )
    def test_noise_is_mixed_to_the_bit_as_outside_of_it(self, layout, dtype, input_format):
        plan = InputPlan(layout, dtype, 60, input_format)
        net = Network()
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        graph = net.model(net.node("Cast", "images", to=TensorProto.FLOAT), kind=kind)
        noisy = with_noise(graph, "images", plan, SHAPE, 60)
        noisy.graph.output.append(helper.make_tensor_value_info("t0", TensorProto.FLOAT, None))
        feeds = {
            CLEAN: in_layout(CLEAN_IMAGES, layout),
            EPSILON: in_layout(NOISE, layout),
            MU: np.array(0.8, np.float32),
            NOISE_STD: np.array(0.6, np.float32),
        }
        found = open_session(noisy.SerializeToString(), "cpu").run(["t0"], feeds)[0]
        outside = arrange(np.float32(0.8) * CLEAN_IMAGES + np.float32(0.6) * NOISE, plan)
        assert np.array_equal(found, outside.astype(np.float32))

    def test_all_channels_are_padded_and_no_mean_or_gate_is_left(self, tmp_path):
        path = tmp_path / "model.onnx"
        onnx.save(efficient(), path)
        plan = open_model(path, DATA).plan
        noisy = with_noise(onnx.load(path), "images", plan, SHAPE, 25)
        graph = in_blocks(simplified(noisy), 16).graph
        weights = {tensor.name: tensor.dims for tensor in graph.initializer}
        convolutions = [node for node in graph.node if node.op_type == "Conv"]
        assert {weights[node.input[1]][0] % 16 for node in convolutions} == {0}
        operators = [node.op_type for node in graph.node]
        assert "ReduceMean" not in operators
        assert operators.count("Resize") == 1
        assert {SCORES, LABELS} == {end.name for end in graph.output}

    def test_the_block_is_what_the_runtime_says(self):
        assert channel_block() in {None, 8, 16}


class TestTrust:
    def test_a_graph_that_answers_otherwise_is_not_taken(self, model, monkeypatch):
        own = own_graph(model)

        def corrupted(graph, block):
            changed = onnx.ModelProto()
            changed.CopyFrom(graph)
            weights = changed.graph.initializer[0]
            weights.CopyFrom(
                numpy_helper.from_array(-2 * numpy_helper.to_array(weights), weights.name)
            )
            return changed

        monkeypatch.setattr("sizer.inference.graph.in_blocks", corrupted)
        monkeypatch.setattr("sizer.inference.choosing.channel_block", lambda: 16)
        rewriting = choose_rewriting(own, "cpu", CLEAN_IMAGES, NOISE)
        assert rewriting is not None
        assert rewriting.block is None

    def test_without_any_rewriting_the_files_own_graph_answers(self, model, monkeypatch):
        monkeypatch.setattr("sizer.inference.graph.OLDEST_OPSET", 99)
        monkeypatch.setattr(predictors, "rewritings", {})
        labels = model.open().prepare(CLEAN_IMAGES, NOISE)(0.8, 0.6)
        assert set(predictors.rewritings.values()) == {None}
        assert np.array_equal(labels, own_labels(model, 0.8, 0.6))

    def test_near_ties_are_left_to_the_files_own_graph(self, model, monkeypatch):
        asked = []
        own = FileGraph.__call__

        def counting(self, images):
            asked.append(len(images))
            return own(self, images)

        predict = model.open()
        labels = predict.prepare(CLEAN_IMAGES, NOISE)
        rewriting = predict.rewriting(CLEAN_IMAGES, NOISE)
        wide = type(rewriting)(rewriting.batch, rewriting.block, np.inf)
        monkeypatch.setattr(FileGraph, "__call__", counting)
        labels(0.8, 0.6)
        before = sum(asked)
        monkeypatch.setattr(predictors, "choose_rewriting", lambda *_: wide)
        monkeypatch.setattr(predictors, "rewritings", {})
        assert len(model.open().prepare(CLEAN_IMAGES, NOISE)(0.8, 0.6)) == 60
        assert before < 6
        assert sum(asked) - before == 60

    def test_what_is_no_number_nearly_ties(self):
        scores = np.array([[2, 1], [1, 1], [np.nan, 1], [np.inf, np.inf]], np.float32)
        assert close(scores, 0.5).tolist() == [False, True, True, True]
        assert close(scores, 0.0).tolist() == [False, False, True, True]


class TestMemory:
    def test_a_batch_that_does_not_fit_is_halved(self, model, monkeypatch):
        rewritten = RewrittenGraph(own_graph(model), "cpu", SHAPE, 40, None)
        two_best = rewritten.prepare(CLEAN_IMAGES, NOISE)
        self.allow(monkeypatch, 12)
        _, labels = two_best(0.8, 0.6)
        assert rewritten.batch == 10
        assert np.array_equal(labels[:, 0], own_labels(model, 0.8, 0.6))

    def test_one_image_that_does_not_fit_is_an_error(self, model, monkeypatch):
        rewritten = RewrittenGraph(own_graph(model), "cpu", SHAPE, 4, None)
        self.allow(monkeypatch, 0)
        with pytest.raises(ModelError, match="memory"):
            rewritten.prepare(CLEAN_IMAGES, NOISE)(0.8, 0.6)

    @staticmethod
    def allow(monkeypatch, batch):
        """A machine on which no more than so many images fit."""
        run = RewrittenGraph._run

        def limited(self, *given):
            if self.batch > batch:
                raise OutOfMemoryError("does not fit into memory")
            return run(self, *given)

        monkeypatch.setattr(RewrittenGraph, "_run", limited)
