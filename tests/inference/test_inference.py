"""Strangers' ONNX files: those that classify images run, the others are refused in one line."""

import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from opened import open_model

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError, ProviderError
from sizer.inference.input_format import InputFormat, from_metadata, to_metadata
from sizer.inference.inputs import InputPlan, arrange
from sizer.inference.runtime import choose_provider

HEIGHT, WIDTH, CHANNELS, CLASSES = 4, 5, 3, 7
SHAPE = (HEIGHT, WIDTH, CHANNELS)
DATA = DatasetInfo("data", "test", "fingerprint", CLASSES, 100, SHAPE)
WEIGHTS = np.random.default_rng(1).normal(size=(HEIGHT * WIDTH * CHANNELS, CLASSES))
IMAGES = np.random.default_rng(2).normal(0, 0.7, (60, *SHAPE)).astype(np.float32)
AS_IT_IS = InputFormat()
HEADS = {
    "logits": [("Identity", {})],
    "probabilities": [("Softmax", {"axis": -1})],
    "logits of 1x1 maps": [("Unsqueeze", {}), ("Unsqueeze", {})],
}


def network(
    layout="NCHW",
    dtype=TensorProto.FLOAT,
    batch="batch",
    head="logits",
    metadata=None,
    dims=None,
    flat_batch=0,
):
    """A linear classifier on WEIGHTS, which are in NHWC order, for a stated shape of input."""
    weights = WEIGHTS.reshape(*SHAPE, CLASSES)
    if layout == "NCHW":
        weights = weights.transpose(2, 0, 1, 3)
    constants = {
        "weights": weights.reshape(-1, CLASSES).astype(np.float32),
        "flat": np.array([flat_batch, -1]),
        "last": np.array([-1]),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["head0"]),
    ]
    for i, (operator, attributes) in enumerate(HEADS[head]):
        inputs = [f"head{i}", *(["last"] if operator == "Unsqueeze" else [])]
        nodes.append(helper.make_node(operator, inputs, [f"head{i + 1}"], **attributes))
    inner = (CHANNELS, HEIGHT, WIDTH) if layout == "NCHW" else SHAPE
    images = helper.make_tensor_value_info("images", dtype, dims or [batch, *inner])
    return finish(nodes, [images], [f"head{len(HEADS[head])}"], constants, metadata)


def finish(nodes, inputs, outputs, constants, metadata=None):
    """A model of nodes; outputs are floats of no stated shape."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "network", inputs, ends, initializers)
    domains = {node.domain for node in nodes} | {""}
    opsets = [helper.make_opsetid(domain, 17 if not domain else 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, metadata or {})
    return model


def pooling(dims, layout="NCHW"):
    """Scores of the first classes are the mean of each channel, those of the others zero."""
    axes, channels = ([2, 3], dims[1]) if layout == "NCHW" else ([1, 2], dims[3])
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["scores"]),
    ]
    channels = channels if isinstance(channels, int) else CHANNELS
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, dims)
    weights = {"weights": np.eye(channels, CLASSES, dtype=np.float32)}
    return finish(nodes, [images], ["scores"], weights)


def labels_of(model, images=IMAGES):
    """What a model says of images, which are shown to it as half themselves and half as noise."""
    return model.open().prepare(images, images)(0.5, 0.5)


def expected(images, input_format=AS_IT_IS, rounded=False):
    """Labels by the definition, in float64."""
    low, high = input_format.range
    pixels = (images.astype(np.float64) + 1) / 2 * (high - low) + low
    pixels = (pixels - np.array(input_format.mean)) / np.array(input_format.std)
    if rounded:
        pixels = np.clip(np.rint(pixels), 0, 255)
    return (pixels.reshape(len(images), -1) @ WEIGHTS).argmax(axis=1)


@pytest.fixture
def save(tmp_path):
    def to_file(model, name="model.onnx", **options):
        path = tmp_path / name
        onnx.save(model, path, **options)
        return path

    return to_file


class TestPredictions:
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    @pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.FLOAT16])
    def test_floating_point_input(self, save, layout, dtype):
        model = open_model(save(network(layout, dtype)), DATA)
        assert model.plan.layout == layout
        assert np.array_equal(labels_of(model), expected(IMAGES))

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_bytes_are_rounded_and_clipped_to_the_range_of_grey_levels(self, save, layout):
        labels = expected(IMAGES, InputFormat((0, 255)), rounded=True)
        model = open_model(save(network(layout, TensorProto.UINT8)), DATA)
        assert np.array_equal(labels_of(model), labels)

    @pytest.mark.parametrize("batch", ["batch", None, 1, 8, 64])
    @pytest.mark.parametrize("head", HEADS)
    def test_batches_and_heads(self, save, batch, head):
        labels = labels_of(open_model(save(network(batch=batch, head=head)), DATA))
        assert labels.dtype == np.int64
        assert np.array_equal(labels, expected(IMAGES))

    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_a_model_of_no_stated_size_is_tried(self, save, layout):
        model = open_model(save(pooling(list("bxyz"), layout)), DATA)
        assert model.plan.layout == layout
        means = IMAGES.mean(axis=(1, 2))
        labels = np.where(means.max(axis=1) > 0, means.argmax(axis=1), 3)
        assert np.array_equal(labels_of(model), labels)

    def test_a_batch_fixed_inside_a_dynamic_one_is_found(self, save):
        model = open_model(save(network(flat_batch=1)), DATA)
        assert model.plan.batch == 1
        assert np.array_equal(labels_of(model), expected(IMAGES))

    @settings(max_examples=20, deadline=None)
    @given(cuts=st.lists(st.integers(0, len(IMAGES)), max_size=5))
    def test_splitting_over_calls_changes_nothing(self, tmp_path_factory, cuts):
        path = tmp_path_factory.getbasetemp() / "split.onnx"
        onnx.save(network(), path)
        model = open_model(path, DATA)
        parts = [labels_of(model, part) for part in np.split(IMAGES, sorted(cuts)) if len(part)]
        assert np.array_equal(np.concatenate(parts), labels_of(model))

    def test_extra_outputs_do_not_matter_if_the_first_scores_the_classes(self, save):
        model = network()
        extra = helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)
        model.graph.output.append(extra)
        assert np.array_equal(labels_of(open_model(save(model), DATA)), expected(IMAGES))


class TestInputFormat:
    IMAGENET = InputFormat((0, 1), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def test_the_user_is_believed_before_the_file(self, save):
        path = save(network(metadata=to_metadata(InputFormat((0, 9)))))
        model = open_model(path, DATA, input_format=self.IMAGENET)
        assert np.array_equal(labels_of(model), expected(IMAGES, self.IMAGENET))

    def test_the_file_is_believed_before_the_default(self, save):
        path = save(network(metadata=to_metadata(self.IMAGENET)))
        model = open_model(path, DATA)
        assert model.plan.input_format == self.IMAGENET
        assert np.array_equal(labels_of(model), expected(IMAGES, self.IMAGENET))
        assert not np.array_equal(expected(IMAGES), expected(IMAGES, self.IMAGENET))

    numbers = st.floats(-300, 300).map(lambda x: round(x, 4))

    @given(
        low=numbers,
        span=st.floats(0.01, 300),
        mean=st.lists(numbers, min_size=1, max_size=3),
        std=st.lists(st.floats(0.01, 300), min_size=1, max_size=3),
    )
    def test_metadata_give_back_the_format(self, low, span, mean, std):
        input_format = InputFormat((low, low + span), tuple(mean), tuple(std))
        assert from_metadata(to_metadata(input_format)) == input_format

    def test_metadata_without_it_state_nothing(self):
        assert from_metadata({"author": "a stranger"}) is None
        assert from_metadata({"sizer.mean": "0"}) == InputFormat()

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("sizer.input_range", "0", "two numbers"),
            ("sizer.input_range", "1,0", "ascend"),
            ("sizer.mean", "a,b,c", "numbers and commas"),
            ("sizer.mean", "nan", "finite"),
            ("sizer.std", "1,0,1", "positive std"),
            ("sizer.std", "1,1", "3 channels"),
        ],
    )
    def test_impossible_metadata_are_refused(self, save, key, value, message):
        path = save(network(metadata={key: value}))
        with pytest.raises(ModelError, match=message) as caught:
            open_model(path, DATA)
        assert str(caught.value).startswith(f"{path}: ")

    @given(
        low=st.floats(-2, 0),
        high=st.floats(1, 255),
        mean=st.floats(-1, 1),
        std=st.floats(0.1, 2),
    )
    def test_images_stay_float32_and_follow_the_definition(self, low, high, mean, std):
        input_format = InputFormat((low, high), (mean,), (std,))
        arranged = arrange(IMAGES, InputPlan("NHWC", np.float32, 60, input_format))
        assert arranged.dtype == np.float32
        wanted = ((IMAGES.astype(float) + 1) / 2 * (high - low) + low - mean) / std
        np.testing.assert_allclose(arranged, wanted, rtol=1e-4, atol=1e-3)


class TestInfo:
    def test_what_the_file_says(self, save):
        path = save(network())
        info = open_model(path, DATA).info
        assert (info.name, info.input_shape, info.macs) == ("model", SHAPE, None)
        assert info.parameters == WEIGHTS.size

    def test_what_a_manifest_says_comes_first(self, save):
        info = open_model(
            save(network()),
            DATA,
            name="b0",
            parameters=12,
            macs=34,
            training="clean",
            seed=5,
        ).info
        assert (info.name, info.parameters, info.macs) == ("b0", 12, 34)
        assert (info.training, info.seed) == ("clean", 5)

    def test_constants_count_and_shapes_and_scalars_do_not(self, save):
        model = network()
        shift = numpy_helper.from_array(np.ones(CLASSES, np.float32))
        one = numpy_helper.from_array(np.float32(1))
        output = model.graph.output[0].name
        model.graph.node.extend(
            [
                helper.make_node("Constant", [], ["shift"], value=shift),
                helper.make_node("Constant", [], ["one"], value=one),
                helper.make_node("Add", [output, "shift"], ["shifted"]),
                helper.make_node("Mul", ["shifted", "one"], ["scores"]),
            ]
        )
        model.graph.output[0].name = "scores"
        assert open_model(save(model), DATA).info.parameters == WEIGHTS.size + CLASSES

    def test_the_fingerprint_holds_file_and_input_format(self, save):
        plain = open_model(save(network()), DATA)
        scaled = open_model(save(network()), DATA, input_format=InputFormat((0, 1)))
        other = open_model(save(network(head="probabilities"), "other.onnx"), DATA)
        assert plain.info.sha256 == scaled.info.sha256 != other.info.sha256
        assert len({plain.fingerprint, scaled.fingerprint, other.fingerprint}) == 3

    def test_a_file_that_changes_is_not_measured_under_its_old_hash(self, save):
        model = open_model(save(network()), DATA)
        save(network(head="probabilities"))
        with pytest.raises(ModelError, match="changed while"):
            model.open()


class TestExternalWeights:
    @pytest.fixture
    def folder(self, tmp_path):
        """A model whose weights lie beside it in `weights.bin`."""
        onnx.save(
            network(),
            tmp_path / "model.onnx",
            save_as_external_data=True,
            location="weights.bin",
            size_threshold=1000,
        )
        return tmp_path

    def point(self, folder, location):
        """Make the model name another file for its weights."""
        model = onnx.load(folder / "model.onnx", load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        (folder / "model.onnx").write_bytes(model.SerializeToString())

    def test_beside_the_model_they_are_read_and_hashed(self, folder):
        model = open_model(folder / "model.onnx", DATA)
        assert np.array_equal(labels_of(model), expected(IMAGES))
        assert model.info.parameters == WEIGHTS.size
        contents = bytearray((folder / "weights.bin").read_bytes())
        contents[0] ^= 1
        (folder / "weights.bin").write_bytes(contents)
        assert open_model(folder / "model.onnx", DATA).info.sha256 != model.info.sha256

    @pytest.mark.parametrize(
        "location", ["../weights.bin", "/etc/passwd", "inner/../../weights.bin", "..\\weights.bin"]
    )
    def test_outside_its_folder_they_are_refused(self, folder, location):
        self.point(folder, location)
        with pytest.raises(ModelError, match="outside its folder"):
            open_model(folder / "model.onnx", DATA)

    def test_a_tensor_deep_inside_is_found(self, folder):
        hidden = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[2])
        hidden.data_location = TensorProto.EXTERNAL
        hidden.external_data.add(key="location", value="/etc/passwd")
        branch = helper.make_graph([], "branch", [], [], [hidden])
        model = network()
        model.graph.node.append(
            helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
        )
        (folder / "hidden.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ModelError, match="outside its folder"):
            open_model(folder / "hidden.onnx", DATA)

    def test_a_link_to_elsewhere_is_refused(self, folder, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "weights.bin"
        (folder / "weights.bin").rename(elsewhere)
        (folder / "weights.bin").symlink_to(elsewhere)
        with pytest.raises(ModelError, match="link elsewhere"):
            open_model(folder / "model.onnx", DATA)

    @pytest.mark.parametrize("location", ["missing.bin", "*/_ORT_MEM_ADDR_/*"])
    def test_missing_ones_are_named(self, folder, location):
        self.point(folder, location)
        with pytest.raises(ModelError, match=r"weights '.*' are missing"):
            open_model(folder / "model.onnx", DATA)

    def test_truncated_ones_are_refused(self, folder):
        (folder / "weights.bin").write_bytes(b"\0" * 40)
        with pytest.raises(ModelError, match="states weights of 60x7, and holds 40 bytes of them"):
            open_model(folder / "model.onnx", DATA)


class Explosive:
    """Leaves a mark if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (os.mkdir, (str(self.mark),))


class TestRefusals:
    @pytest.mark.parametrize(
        ("contents", "message"),
        [
            (b"", "is empty"),
            (b"accuracy,step\n0.5,100\n", "not an ONNX file|no network"),
            (network().SerializeToString()[:500], "truncated|no network"),
            (network().SerializeToString()[:-50], "truncated|no network"),
        ],
    )
    def test_files_that_hold_no_model(self, tmp_path, contents, message):
        path = tmp_path / "bad.onnx"
        path.write_bytes(contents)
        self.assert_refused(path, message)

    def test_every_truncation(self, tmp_path):
        whole, path = network().SerializeToString(), tmp_path / "bad.onnx"
        for length in range(1, len(whole) - 1, 97):
            path.write_bytes(whole[:length])
            self.assert_refused(path, ".")

    def test_missing_files_and_folders(self, tmp_path):
        self.assert_refused(tmp_path / "missing.onnx", "No such file")
        self.assert_refused(tmp_path, "is no file")

    def test_a_pickle_is_never_opened(self, tmp_path):
        path, mark = tmp_path / "model.pt", tmp_path / "mark"
        path.write_bytes(pickle.dumps(Explosive(mark)))
        with pytest.raises(ModelError, match="a PyTorch file, and not ONNX; convert it"):
            open_model(path, DATA)
        assert not mark.exists()

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (pooling(["b", 2, 4, 5]), "takes [?]x2x4x5, which has no axis of 1 or 3 channels"),
            (network(dims=["b", 60]), "takes [?]x60"),
            (pooling(["b", 3, 5000, 5000]), "takes 5,000 x 5,000 pixels; give a smaller side"),
            (network(dtype=TensorProto.INT64), "float32, float16, uint8 or int8"),
        ],
    )
    def test_inputs_that_do_not_fit(self, save, model, message):
        self.assert_refused(save(model), message)

    def test_another_number_of_classes(self, save):
        data = DatasetInfo("data", "test", "fingerprint", 10, 100, SHAPE)
        self.assert_refused(save(network()), "gives 7 classes, the data have 10", data)

    def test_two_inputs_are_named(self, save):
        model = network()
        second = helper.make_tensor_value_info("prompt", TensorProto.FLOAT, [1])
        model.graph.input.append(second)
        self.assert_refused(save(model), r"2 inputs \(images, prompt\)")

    def test_outputs_are_named_where_the_first_is_no_score(self, save):
        model = network()
        scores = model.graph.output[0].name
        first = helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)
        model.graph.output.insert(0, first)
        self.assert_refused(save(model), rf"60 classes first among its outputs \(rows, {scores}\)")

    def test_labels_instead_of_scores(self, save):
        model = network()
        node = helper.make_node("ArgMax", [model.graph.output[0].name], ["y"], axis=1, keepdims=0)
        model.graph.node.append(node)
        end = helper.make_tensor_value_info("y", TensorProto.INT64, None)
        model.graph.output[0].CopyFrom(end)
        self.assert_refused(save(model), "gives an output of shape 25, ")

    def test_operators_of_another_maker(self, save):
        model = network()
        model.graph.node[0].domain = "com.example"
        model.opset_import.append(helper.make_opsetid("com.example", 1))
        self.assert_refused(save(model), "operators of com.example")

    def test_operators_that_do_not_exist(self, save):
        model = network()
        model.graph.node[0].op_type = "Miracle"
        self.assert_refused(save(model), "ONNX Runtime refuses it")

    def test_a_model_without_weights(self, save):
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", 7, 4, 5])
        node = helper.make_node("GlobalMaxPool", ["images"], ["scores"])
        path = save(finish([node], [images], ["scores"], {}))
        data = DatasetInfo("data", "test", "fingerprint", 7, 100, (4, 5, 7))
        self.assert_refused(path, "no weights to count", data)
        assert open_model(path, data, parameters=1).info.parameters == 1

    def assert_refused(self, path, message, data=DATA):
        with pytest.raises(ModelError, match=message) as caught:
            open_model(path, data)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(str(path)) == 1
        assert "\n" not in str(caught.value)


class TestProvider:
    def test_the_processor_is_always_there(self):
        assert choose_provider("cpu") == "cpu"

    def test_cuda_that_is_not_there_is_an_error_only_if_asked_for(self, monkeypatch):
        monkeypatch.setattr("sizer.inference.runtime.cuda_works", lambda: False)
        assert choose_provider("auto") == "cpu"
        with pytest.raises(ProviderError, match="--provider cpu"):
            choose_provider("cuda")

    def test_choosing_and_running_prints_nothing(self, save):
        script = (
            "import sys, pathlib\n"
            "from opened import open_model\n"
            "from sizer.inference.runtime import choose_provider\n"
            "from test_inference import DATA, IMAGES\n"
            "path, provider = pathlib.Path(sys.argv[1]), choose_provider('auto')\n"
            "predict = open_model(path, DATA, provider=provider).open().prepare(IMAGES, IMAGES)\n"
            "assert len(predict(0.5, 0.5)) == len(IMAGES)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", script, str(save(network()))],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (run.stdout, run.stderr) == ("", "")
