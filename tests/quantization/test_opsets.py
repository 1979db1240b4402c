"""Files of older opsets are raised before they are quantised; what cannot be leaves nothing."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import CLASSES, save_images
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.errors import ModelError
from sizer.inference.model_file import read_model_file
from sizer.inference.raising import opset_of, raised
from sizer.quantization.onnx_file import quantize_file

IMAGES = np.random.default_rng(0).uniform(-1, 1, (12, 6, 6, 3)).astype(np.float32)


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs.split(), output.split(), **attributes)


def classifier(opset, weights_are_inputs=False, ir_version=None):
    """A convolution, a normalisation and a linear layer, of operators that changed on the way."""
    random = np.random.default_rng(1)
    constants = {
        "w": random.normal(size=(4, 3, 3, 3)), "b": random.normal(size=4),
        "scale": np.ones(4), "shift": np.zeros(4), "mean": np.zeros(4), "variance": np.ones(4),
        "linear": random.normal(size=(64, CLASSES)), "bias": np.zeros(CLASSES),
    }  # fmt: skip
    nodes = [
        node("Transpose", "images", "x", perm=[0, 3, 1, 2]),
        node("Conv", "x w b", "c"),
        node("BatchNormalization", "c scale shift mean variance", "n"),
        node("Relu", "n", "r"),
        node("Dropout", "r", "d"),
        node("Flatten", "d", "f"),
        node("Gemm", "f linear bias", "g"),
        node("Softmax", "g", "scores", axis=1),
    ]
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()]
    stated = [("images", ["n", 6, 6, 3])]
    stated += [(t.name, t.dims) for t in tensors] if weights_are_inputs else []
    graph = helper.make_graph(
        nodes,
        "old",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in stated],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES])],
        tensors,
    )
    versions = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 7}
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version or versions[opset])


def scores(model, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


class TestQuantize:
    @pytest.mark.parametrize("opset", range(7, 14))
    @pytest.mark.parametrize("precision", ["int8", "fp16"])
    def test_every_opset(self, tmp_path, opset, precision):
        path = tmp_path / "m.onnx"
        onnx.save(classifier(opset, weights_are_inputs=opset < 9), path)
        made = quantize_file(path, precision, np.split(IMAGES, 3), {}, tmp_path)
        expected = scores(path.read_bytes(), IMAGES)
        assert np.abs(scores(made, IMAGES) - expected).max() < 0.1
        (tmp_path / "made.onnx").write_bytes(made)
        held = read_model_file(tmp_path / "made.onnx")
        assert held.precision == precision
        assert held.parameters == read_model_file(path).parameters

    def test_int8_has_a_scale_for_each_channel(self, tmp_path):
        path = tmp_path / "m.onnx"
        onnx.save(classifier(9), path)
        made = onnx.ModelProto.FromString(quantize_file(path, "int8", [IMAGES], {}, tmp_path))
        scales = {tensor.name: tuple(tensor.dims) for tensor in made.graph.initializer}
        assert opset_of(made) >= 13
        assert (4,) in [scales.get(n.input[1]) for n in made.graph.node if "Dequant" in n.op_type]

    def test_weights_that_are_inputs_of_a_newer_file(self, tmp_path):
        path = tmp_path / "m.onnx"
        onnx.save(classifier(13, weights_are_inputs=True), path)
        made = quantize_file(path, "int8", [IMAGES], {}, tmp_path)
        assert [value.name for value in onnx.ModelProto.FromString(made).graph.input] == ["images"]

    def test_the_command(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        onnx.save(classifier(9), tmp_path / "old.onnx")
        data = save_images(tmp_path / "d.npz", 60)
        line = ["quantize", tmp_path / "old.onnx", "--data", data, "--out", tmp_path / "q"]
        assert CliRunner().invoke(app, [str(word) for word in line]).exit_code == 0
        assert [file.name for file in (tmp_path / "q").iterdir()] == ["old.onnx"]


class TestWhatCannotBe:
    def loop(self, opset):
        """With an operator that changed altogether."""
        model = classifier(opset)
        body = helper.make_graph(
            [node("Identity", "row", "out")],
            "body",
            [helper.make_tensor_value_info("row", TensorProto.FLOAT, [6, 3])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [6, 3])],
        )
        scan = helper.make_node("Scan", ["", "images"], ["same"], body=body, num_scan_inputs=1)
        model.graph.node[0].input[0] = "same"
        model.graph.node.insert(0, scan)
        return model

    def test_is_refused_with_the_opset(self):
        nodes = [node("Resize", "images", "scores")]  # which has lost its sizes
        broken = classifier(10)
        del broken.graph.node[:]
        broken.graph.node.extend(nodes)
        with pytest.raises(ModelError, match=r"opset 10, .*opset 13 or later"):
            raised(broken, 13)

    def test_leaves_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        onnx.save(self.loop(8), tmp_path / "old.onnx")
        data = save_images(tmp_path / "d.npz", 60)
        line = ["quantize", tmp_path / "old.onnx", "--data", data, "--out", tmp_path / "q"]
        result = CliRunner().invoke(app, [str(word) for word in line])
        assert result.exit_code == 3
        (error,) = [said for said in result.stderr.splitlines() if said.startswith("error: ")]
        assert "old.onnx" in error
        assert not list((tmp_path / "q").glob("*"))

    def test_a_file_that_the_tools_spoil_is_not_written(self, tmp_path, monkeypatch):
        """As a tool does that makes what the runtime refuses."""

        def spoilt(graph, _batches, _scratch):
            graph.graph.node[1].op_type = "Convolute"
            return graph

        monkeypatch.setattr("sizer.quantization.onnx_file._to_int8", spoilt)
        onnx.save(classifier(13), tmp_path / "m.onnx")
        with pytest.raises(ModelError, match=r"m\.onnx: ONNX Runtime refuses it"):
            quantize_file(tmp_path / "m.onnx", "int8", [IMAGES], {}, tmp_path)
