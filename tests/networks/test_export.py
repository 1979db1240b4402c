"""What is exported computes what torch computes; what is loaded is what was saved, or refused."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.errors import ModelError
from sizer.inference.input_format import InputFormat, from_metadata
from sizer.networks.architecture import macs, parameters, published, small
from sizer.networks.network import EfficientNet, SameConvolution
from sizer.networks.onnx_export import IMAGENET, export_onnx
from sizer.networks.weights import load_weights

BLUEPRINT = small(6, 8, 5)
TOLERANCE = 1e-4
FORMAT = InputFormat(range=(0.0, 1.0), mean=(0.5, 0.25, 0.125), std=(1.0, 2.0, 3.0))
NAMES = Path(__file__).parent / "data" / "efficientnet_b0_names.json"
LAYOUTS = ("timm", "efficientnet-pytorch")
OF_THIS_MACHINE = (b"site-packages", b"stack_trace", b"/sizer/", b"Traceback", b".py")


def lively(blueprint, seed=0):
    """A network of which no part is at rest: batch norms have statistics, scales and shifts."""
    torch.manual_seed(seed)
    network = EfficientNet(blueprint)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.5, 0.5)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    return network.eval()


def onnx_logits(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"images": images.numpy()})[0]


def assert_agrees(path, network, images):
    with torch.no_grad():
        expected = network(images).numpy()
    assert expected.std() > 0.05  # there is something to agree on
    found = onnx_logits(path, images)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < TOLERANCE


@pytest.fixture(scope="module")
def network():
    return lively(BLUEPRINT)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "small.onnx"
    export_onnx(network, BLUEPRINT.resolution, path, FORMAT)
    return path


class TestFile:
    @pytest.mark.parametrize("batch", [1, 3, 32])
    def test_agrees_with_torch_at_any_batch(self, exported, network, batch):
        torch.manual_seed(batch)
        assert_agrees(exported, network, torch.randn(batch, 3, 8, 8))

    def test_says_what_its_input_must_be(self, exported):
        model = onnx.load(exported)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        assert from_metadata(metadata) == FORMAT
        (images,), (logits,) = model.graph.input, model.graph.output
        shape = [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim]
        assert (images.name, shape[1:]) == ("images", [3, 8, 8])
        assert isinstance(shape[0], str)  # a name, so the batch is dynamic
        assert logits.name == "logits"
        onnx.checker.check_model(model, full_check=True)

    def test_tells_nothing_of_the_machine_that_made_it(self, exported):
        contents = exported.read_bytes()
        assert [word for word in OF_THIS_MACHINE if word in contents] == []
        assert str(Path.home()).encode() + b"/" not in contents

    def test_is_one_file(self, exported):
        assert [path.name for path in exported.parent.iterdir()] == ["small.onnx"]


def save_safetensors(state, path):
    save_file(state, path)


def save_checkpoint(state, path):
    torch.save(state, path)


def save_nested_checkpoint(state, path):
    torch.save({"state_dict": state, "epoch": 3}, path)


def old_format(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


class TestWeights:
    @pytest.mark.parametrize(
        ("save", "name"),
        [
            (save_safetensors, "weights.safetensors"),
            (save_checkpoint, "weights.pth"),
            (save_nested_checkpoint, "weights.pth.tar"),
            (old_format, "weights.bin"),
        ],
    )
    def test_come_back_as_they_were_saved(self, tmp_path, network, save, name):
        save(network.state_dict(), tmp_path / name)
        loaded = load_weights(BLUEPRINT, tmp_path / name).state_dict()
        assert loaded.keys() == network.state_dict().keys()
        assert all(torch.equal(loaded[key], part) for key, part in network.state_dict().items())

    @pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
    @pytest.mark.parametrize("wrapped", [False, True])
    def test_a_pickle_that_would_run_code_is_refused_unrun(self, tmp_path, name, wrapped):
        trace = tmp_path / "was here"

        class Attack:
            def __reduce__(self):
                return Path.touch, (trace,)

        attack = {"state_dict": Attack()}
        path = tmp_path / name
        if wrapped:
            torch.save(attack, path)
        else:
            path.write_bytes(pickle.dumps(attack))
        with pytest.raises(ModelError, match="convert it to safetensors"):
            load_weights(BLUEPRINT, path)
        assert not trace.exists()
        pickle.loads(pickle.dumps(attack))
        assert trace.exists()  # the attack itself works

    def test_a_whole_pickled_network_is_refused(self, tmp_path, network):
        torch.save(network, tmp_path / "network.pth")
        with pytest.raises(ModelError, match="convert it to safetensors"):
            load_weights(BLUEPRINT, tmp_path / "network.pth")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda state: state.pop("classifier.1.bias"), r"classifier\.1\.bias is missing"),
            (lambda state: state.update(extra=torch.zeros(1)), "extra has no place"),
            (
                lambda state: state.update({"classifier.1.bias": torch.zeros(7)}),
                r"classifier\.1\.bias is 7, not 5",
            ),
        ],
    )
    def test_other_names_or_shapes_are_one_line(self, tmp_path, network, change, message):
        state = dict(network.state_dict())
        change(state)
        path = tmp_path / "weights.safetensors"
        save_file(state, path)
        with pytest.raises(ModelError, match=message) as caught:
            load_weights(BLUEPRINT, path)
        assert str(caught.value).startswith(f"{path}: not the weights of EfficientNet-SMALL-6")
        assert "with 5 classes" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_weights_of_a_larger_network_are_a_short_line(self, tmp_path):
        path = tmp_path / "weights.safetensors"
        save_file(EfficientNet(published("b0", 2)).state_dict(), path)
        with pytest.raises(ModelError, match="they are those of b0 with --classes 2") as caught:
            load_weights(BLUEPRINT, path)
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize("prefix", ["", "module.", "model.backbone."])
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_the_names_of_other_libraries(self, tmp_path, layout, prefix):
        """In the order in which the library lists them, which is that of the network."""
        state = lively(published("b0", 7)).state_dict()
        listed = json.loads(NAMES.read_text())[layout]
        renamed = {prefix + name: value for name, value in zip(listed, state.values(), strict=True)}
        save_checkpoint(renamed, tmp_path / "weights.pth")
        loaded = load_weights(published("b0", 7), tmp_path / "weights.pth")
        assert all(torch.equal(loaded.state_dict()[key], value) for key, value in state.items())

    def test_weights_of_tensorflow_have_its_padding_and_its_batch_norm(self, tmp_path):
        own = lively(replace(published("b0", 7), norm_epsilon=1e-3, same_padding=True))
        listed = json.loads(NAMES.read_text())
        for layout, name in (("timm", "tf_efficientnet_b0.pth"), ("efficientnet-pytorch", "w.pth")):
            state = dict(zip(listed[layout], own.state_dict().values(), strict=True))
            save_checkpoint(state, tmp_path / name)
            loaded = load_weights(published("b0", 7), tmp_path / name).eval()
            images = torch.randn(1, 3, 96, 96)
            with torch.no_grad():
                assert torch.equal(loaded(images), own(images))

    @pytest.mark.parametrize(("side", "kernel", "padding"), [(8, 3, (0, 1)), (9, 5, (2, 2))])
    def test_same_padding_is_that_of_tensorflow(self, side, kernel, padding):
        convolution = SameConvolution(2, 3, kernel, 2)
        images = torch.randn(1, 2, side, side)
        padded = nn.functional.pad(images, padding * 2)
        expected = nn.functional.conv2d(padded, convolution.weight, convolution.bias, 2)
        assert expected.shape[-1] == -(-side // 2)
        assert torch.equal(convolution(images), expected)

    def test_names_of_no_layout_are_told(self, tmp_path):
        save_checkpoint({"encoder.weight": torch.zeros(2)}, tmp_path / "weights.pth")
        with pytest.raises(ModelError, match=r"no EfficientNet as .*; it holds encoder\.weight"):
            load_weights(BLUEPRINT, tmp_path / "weights.pth")

    @pytest.mark.parametrize(
        "contents",
        [
            [torch.zeros(2)],
            {"state_dict": [torch.zeros(2)]},
            {"a": 3, "b": "text"},
            {1: torch.zeros(2)},
            torch.zeros(2),
        ],
    )
    def test_a_checkpoint_of_something_else_is_refused(self, tmp_path, contents):
        torch.save(contents, tmp_path / "weights.pth")
        with pytest.raises(ModelError, match=r"weights\.pth: holds no named tensors") as caught:
            load_weights(BLUEPRINT, tmp_path / "weights.pth")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
    @pytest.mark.parametrize("damage", ["empty", "text", "truncated"])
    def test_a_damaged_file_is_refused(self, tmp_path, network, name, damage):
        path = tmp_path / name
        (save_file if name.endswith("tensors") else torch.save)(network.state_dict(), path)
        whole = path.read_bytes()
        contents = {
            "empty": b"",
            "text": b"no weights\n" * 99,
            "truncated": whole[: len(whole) // 2],
        }
        path.write_bytes(contents[damage])
        with pytest.raises(ModelError, match=f"{name}: not safetensors or") as caught:
            load_weights(BLUEPRINT, path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["nowhere.pth", ""])
    def test_a_missing_file_or_a_folder_is_named(self, tmp_path, name):
        with pytest.raises(ModelError, match="no such file; give the weights"):
            load_weights(BLUEPRINT, tmp_path / name)


class TestCommand:
    @pytest.mark.slow
    def test_published_weights_become_onnx(self, tmp_path):
        """All of B0 at its own resolution, through the command, against torch."""
        blueprint = published("b0", 7)
        network = lively(blueprint)
        save_file(network.state_dict(), tmp_path / "b0.safetensors")
        out = tmp_path / "b0.onnx"
        weights = ["--weights", str(tmp_path / "b0.safetensors"), "--class-count", "7"]
        result = CliRunner().invoke(app, ["export", "b0", *weights, "--out", str(out)])
        assert (result.exit_code, result.stderr) == (0, "")
        assert f"{parameters(blueprint):,} parameters" in result.stdout
        assert f"{macs(blueprint):,} multiply-accumulates" in result.stdout
        assert "with the given weights" in result.stdout
        metadata = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
        assert from_metadata(metadata) == IMAGENET
        torch.manual_seed(1)
        assert_agrees(out, network, torch.randn(2, 3, 224, 224))
        assert b"site-packages" not in out.read_bytes()

    def test_what_goes_wrong_is_one_line_on_stderr(self, tmp_path):
        """As a process of its own, because libraries write to its streams directly."""
        (tmp_path / "weights.pth").write_bytes(pickle.dumps({"a": subprocess.run}))
        command = "from sizer.cli import main; main()"
        arguments = ["export", "b0", "--weights", "weights.pth", "--out", "b0.onnx"]
        run = subprocess.run(
            [sys.executable, "-c", command, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stdout) == (3, "")
        assert run.stderr.count("\n") == 1
        assert run.stderr.startswith("error: weights.pth: not safetensors")
        assert {path.name for path in tmp_path.iterdir()} == {"weights.pth"}

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["b9", "--out", "x.onnx"], 2, "unknown EfficientNet 'b9'"),
            (["b0", "--out", "x.onnx", "--weights", "nowhere.pth"], 3, "nowhere.pth: no such file"),
            (["b0", "--out", "nowhere/x.onnx"], 3, "nowhere/x.onnx: No such file or directory"),
            (["b0", "--out", "folder"], 3, "folder: is a folder"),
            (["b0", "--out", "notes.txt"], 3, "notes.txt: exists and is no ONNX file"),
        ],
    )
    def test_a_wrong_request_is_one_line(self, tmp_path, monkeypatch, arguments, code, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        (tmp_path / "notes.txt").write_text("mine, and not to be overwritten")
        result = CliRunner().invoke(app, ["export", *arguments])
        assert (result.exit_code, result.stdout) == (code, "")
        assert result.stderr.count("\n") == 1
        assert message in result.stderr
        assert {path.name for path in tmp_path.iterdir()} == {"folder", "notes.txt"}
        assert (tmp_path / "notes.txt").read_text() == "mine, and not to be overwritten"
