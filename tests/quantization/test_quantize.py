"""Quantised files: how far they may be off, what they keep, and what of theirs is refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from opened import open_model
from tiny import CLASSES, SHAPE, WIDTHS, network, save_images, save_ladder
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError, ModelError, OutputError, UsageError
from sizer.inference.input_format import InputFormat, from_metadata, to_metadata
from sizer.inference.model_file import read_model_file
from sizer.networks.manifest import Manifest, TrainedModel, read_manifest, write_manifest
from sizer.networks.recipe import Recipe
from sizer.noise import linear_schedule
from sizer.progress import ignore_progress
from sizer.quantization.onnx_file import quantize_file
from sizer.quantization.quantize import CalibrationImages, quantize

STEPS = "0,300,700,1200,2000"
PIXELS = int(np.prod(SHAPE))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "quantize-cache"))


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def linear(weights):
    """The scores are the pixels times `weights` (pixels, classes)."""
    model = network(CLASSES)
    graph = model.graph
    del graph.node[1:], graph.initializer[1:]
    graph.node.append(helper.make_node("MatMul", ["rows", "weights"], ["scores"]))
    graph.initializer.append(numpy_helper.from_array(weights.astype(np.float32), "weights"))
    return model


def scores(contents, images):
    session = onnxruntime.InferenceSession(contents, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


def quantized(path, model, precision, images):
    onnx.save(model, path)
    return quantize_file(path, precision, iter(np.split(images, 4)), {}, path.parent)


class TestArithmetic:
    """Rounding to a grid of spacing s moves a number by s / 2 at most."""

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
    def test_int8_is_off_by_no_more_than_its_roundings(self, tmp_path_factory, seed, scale):
        random = np.random.default_rng(seed)
        weights = random.normal(0, scale, (PIXELS, CLASSES))
        images = random.uniform(-1, 1, (20, *SHAPE)).astype(np.float32)
        path = tmp_path_factory.mktemp("linear") / "linear.onnx"
        found = scores(quantized(path, linear(weights), "int8", images), images)
        exact = images.reshape(20, -1) @ weights
        weight_spacing = np.abs(weights).max(0) / 63
        pixel_spacing, score_spacing = 2 / 255, np.ptp(exact) / 255
        worst = (
            PIXELS * weight_spacing / 2
            + (np.abs(weights) + weight_spacing / 2).sum(0) * pixel_spacing / 2
            + 2 * score_spacing
        )
        assert np.all(np.abs(found - exact) <= worst)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_fp16_is_off_by_no_more_than_eleven_bits_allow(self, tmp_path_factory, seed):
        random = np.random.default_rng(seed)
        weights = random.normal(size=(PIXELS, CLASSES))
        images = random.uniform(-1, 1, (20, *SHAPE)).astype(np.float32)
        path = tmp_path_factory.mktemp("linear") / "linear.onnx"
        found = scores(quantized(path, linear(weights), "fp16", images), images)
        exact, size = (f(images.reshape(20, -1)) @ f(weights) for f in (np.asarray, np.abs))
        assert found.dtype == np.float32
        assert np.all(np.abs(found - exact) <= 4 * 2.0**-11 * size)

    def test_weights_use_seven_bits_so_that_no_processor_overflows(self, tmp_path):
        images = np.random.default_rng(0).uniform(-1, 1, (20, *SHAPE)).astype(np.float32)
        contents = quantized(tmp_path / "tiny.onnx", network(16), "int8", images)
        tensors = onnx.ModelProto.FromString(contents).graph.initializer
        held = [numpy_helper.to_array(t) for t in tensors if t.data_type == onnx.TensorProto.INT8]
        assert max(np.abs(weights.astype(int)).max() for weights in held) <= 64


class TestWhatIsKept:
    @pytest.mark.parametrize("precision", ["int8", "fp16"])
    def test_count_precision_metadata_and_every_byte(self, tmp_path, precision):
        images = np.random.default_rng(0).uniform(-1, 1, (20, *SHAPE)).astype(np.float32)
        model = network(16)
        stated = {**to_metadata(InputFormat((0.0, 1.0), (0.5,), (0.25,))), "author": "somebody"}
        helper.set_model_props(model, stated)
        contents = quantized(tmp_path / "tiny.onnx", model, precision, images)
        assert contents == quantized(tmp_path / "tiny.onnx", model, precision, images)
        (tmp_path / "made.onnx").write_bytes(contents)
        before, after = (read_model_file(tmp_path / f"{n}.onnx") for n in ("tiny", "made"))
        assert (before.precision, after.precision) == ("fp32", precision)
        assert before.parameters == after.parameters == 16 * (PIXELS + CLASSES)
        assert after.metadata == stated

    def test_weights_beside_the_model_move_into_it(self, tmp_path):
        images = np.random.default_rng(0).uniform(-1, 1, (20, *SHAPE)).astype(np.float32)
        inside = quantized(tmp_path / "inside.onnx", network(16), "int8", images)
        expected = scores(inside, images)
        path = tmp_path / "outside.onnx"
        options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
        onnx.save(network(16), path, **options)
        moved = quantize_file(path, "int8", iter(np.split(images, 4)), {}, path.parent)
        assert np.array_equal(scores(moved, images), expected)

    def test_only_fp32_is_quantised(self, tmp_path):
        images = np.zeros((20, *SHAPE), np.float32)
        contents = quantized(tmp_path / "tiny.onnx", network(16), "int8", images)
        (tmp_path / "made.onnx").write_bytes(contents)
        with pytest.raises(ModelError, match=r"made\.onnx: its weights are int8; give the fp32"):
            quantize_file(tmp_path / "made.onnx", "fp16", iter(()), {}, tmp_path)

    def test_what_the_tools_fail_on_is_one_line(self, tmp_path):
        onnx.save(network(16), tmp_path / "tiny.onnx")
        wrong = iter([np.zeros((1, 2, 3), np.float32)])
        with pytest.raises(ModelError, match=r"tiny\.onnx: cannot be made int8 \(.*\); ") as error:
            quantize_file(tmp_path / "tiny.onnx", "int8", wrong, {}, tmp_path)
        assert "\n" not in str(error.value)

    def test_an_image_that_cannot_be_read_is_the_datas_error(self, tmp_path):
        def images():
            raise DataError("photos: image 3 is not a readable picture")
            yield

        onnx.save(network(16), tmp_path / "tiny.onnx")
        with pytest.raises(DataError, match=r"^photos: image 3"):
            quantize_file(tmp_path / "tiny.onnx", "int8", images(), {}, tmp_path)


class TestCalibrationImages:
    def batches(self, tmp_path, noise_steps, count=500):
        onnx.save(network(8, (16, 16, 3)), tmp_path / "grey.onnx")
        plan = open_model(
            tmp_path / "grey.onnx", DatasetInfo("grey", "train", "grey", CLASSES, 1000, (16, 16, 3))
        ).plan
        grey = np.full((count, 16, 16, 3), 128, np.uint8)  # what a model sees is the noise
        return list(CalibrationImages(grey, np.arange(count), noise_steps, plan))

    def test_they_carry_the_noise_of_the_training(self, tmp_path):
        found = np.concatenate(self.batches(tmp_path, (0, 800)))
        assert found.shape == (500, 16, 16, 3)
        expected = [linear_schedule().coefficients(t)[1] for t in np.linspace(0, 800, 500)]
        # the standard deviation of 768 normal numbers has a relative error of 2.6 %
        assert found.std((1, 2, 3)) == pytest.approx(expected, rel=0.14, abs=1e-6)

    def test_clean_training_takes_clean_images(self, tmp_path):
        found = np.concatenate(self.batches(tmp_path, None))
        assert found == pytest.approx(128 / 127.5 - 1, abs=1e-6)

    def test_few_images_fill_a_whole_batch(self, tmp_path):
        assert [len(batch) for batch in self.batches(tmp_path, None, 7)] == [25]


RECIPE = Recipe(1, 1, 0.1, 0.0, 0.0, "none", (0, 600))


def save_known_ladder(folder, data, recipe=RECIPE):
    """The tiny ladder with a manifest, which counts the parameters its own way."""
    save_ladder(folder)
    models = []
    for width in WIDTHS:
        path = folder / f"tiny-{width}.onnx"
        sha256 = read_model_file(path).sha256
        entry = TrainedModel(path.name, sha256, "tiny", 1, 1, 100 * width, 7 * width, 3, 0.5, ())
        models.append(entry)
    write_manifest(folder, Manifest("sizer train", "sizer", data, recipe, "fp32", tuple(models)))
    return folder


@pytest.fixture
def given_files(tmp_path):
    from sizer.datasets import open_dataset

    save_images(tmp_path / "images.npz", 500)
    data = open_dataset(str(tmp_path / "images.npz"), "train").info
    save_known_ladder(tmp_path / "ladder", data)
    return tmp_path


def line(folder, *more, source="ladder", out="int8"):
    data = folder / "images.npz"
    return ("quantize", folder / source, "--data", data, "--out", folder / out, *more)


def quantize_ladder(given_files, **options):
    return quantize(
        **{
            "models": [given_files / "ladder"],
            "data": str(given_files / "images.npz"),
            "precision": "int8",
            "input_format": None,
            "folder": given_files / "int8",
            "command": "sizer quantize",
            "progress": lambda phase: ignore_progress,
            **options,
        }
    )


class TestLadder:
    @pytest.mark.parametrize("precision", ["int8", "fp16"])
    def test_is_measured_like_any_other(self, given_files, precision, monkeypatch):
        monkeypatch.setattr("sizer.cli.progress.PATIENCE", -1.0)  # a bar for every phase
        result = run(*line(given_files, "--precision", precision))
        assert result.exit_code == 0
        assert f"│ {'fp32':>5} │ {precision:>5} │" in result.stdout.replace("┃", "│")
        assert "quantising" in result.stderr
        made, source = (read_manifest(given_files / name) for name in ("int8", "ladder"))
        assert (made.recipe, made.dataset, made.precision) == (RECIPE, source.dataset, precision)
        assert made.command.startswith("sizer train && sizer")
        out = given_files / "calibration.json"
        data = ("--data", given_files / "images.npz", "--steps", STEPS, "--out", out)
        measured = run("calibrate", given_files / "int8", *data, "--details")
        assert f"Accuracy at noise step t, {precision}" in measured.stdout
        models = load(out).models
        assert [m.parameters for m in sorted(models, key=lambda m: m.parameters)] == [
            100 * width for width in WIDTHS
        ]
        assert {(m.precision, m.training, m.seed) for m in models} == {
            (precision, "noise 0..600", 3)
        }

    def test_precisions_are_not_mixed(self, given_files):
        run(*line(given_files))
        mixed = [given_files / name for name in ("ladder", "int8")]
        result = run("calibrate", *mixed, "--data", given_files / "images.npz", "--steps", STEPS)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "models of different precision (fp32, int8) share no scaling law" in result.stderr

    def test_an_answer_says_the_precision(self):
        question = ("--noise-step", 200, "--target-acc", 0.75)
        answer = json.loads(run("recommend", *question, "--format", "json").stdout)
        assert answer["precision"] == "fp32"
        assert "accuracies measured at" in run("recommend", *question, "--details").stdout

    def test_the_loss_of_what_quantises_badly_is_measured(self, given_files):
        """One hidden value beyond all others takes the whole range, though nothing uses it."""
        model = network(48)
        tensors = {t.name: t for t in model.graph.initializer}
        down, up = (numpy_helper.to_array(tensors[name]).copy() for name in ("down", "up"))
        down[:, 0], up[0] = 1e5, 0
        for name, value in (("down", down), ("up", up)):
            tensors[name].CopyFrom(numpy_helper.from_array(value, name))
        onnx.save(model, given_files / "bad.onnx")
        onnx.save(network(48), given_files / "good.onnx")
        models = [given_files / "good.onnx", given_files / "bad.onnx"]
        good, bad = quantize_ladder(given_files, models=models).models
        assert good.original - good.quantized < 0.02
        assert min(good.original, bad.original) > 0.9
        assert bad.quantized == pytest.approx(1 / CLASSES, abs=0.1)
        assert read_manifest(given_files / "int8") is None

    def test_the_same_line_again_makes_nothing_anew(self, given_files, monkeypatch):
        first = quantize_ladder(given_files)
        manifest = (given_files / "int8" / "manifest.json").read_bytes()
        monkeypatch.setattr("sizer.quantization.quantize.quantize_file", None)
        assert quantize_ladder(given_files) == first
        assert (given_files / "int8" / "manifest.json").read_bytes() == manifest

    def test_stopped_in_the_middle_it_goes_on(self, given_files):
        whole = given_files / "whole"
        quantize_ladder(given_files, folder=whole)

        def stop_after_one(done, _total):
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            quantize_ladder(given_files, progress=lambda _phase: stop_after_one)
        assert len(read_manifest(given_files / "int8").models) == 1
        quantize_ladder(given_files)
        for path in sorted(whole.iterdir()):
            assert (given_files / "int8" / path.name).read_bytes() == path.read_bytes()

    def test_the_stated_input_format_goes_into_the_file(self, given_files):
        assert run(*line(given_files, "--input-range", "0,1")).exit_code == 0
        metadata = read_model_file(given_files / "int8" / "tiny-2.onnx").metadata
        assert from_metadata(metadata) == InputFormat((0.0, 1.0))


class TestRefused:
    def test_a_folder_with_other_files_stays_as_it_is(self, given_files):
        before = (given_files / "ladder" / "tiny-2.onnx").read_bytes()
        result = run(*line(given_files, out="ladder"))
        assert (result.exit_code, result.stdout) == (3, "")
        assert "holds another ladder; choose another --out" in result.stderr
        (given_files / "ladder" / "manifest.json").unlink()
        with pytest.raises(OutputError, match="was not made from this; choose another --out"):
            quantize_ladder(given_files, folder=given_files / "ladder")
        assert (given_files / "ladder" / "tiny-2.onnx").read_bytes() == before

    def test_another_precision_in_the_same_folder(self, given_files):
        quantize_ladder(given_files)
        with pytest.raises(OutputError, match="holds another ladder"):
            quantize_ladder(given_files, precision="fp16")

    def test_two_ladders_at_once(self, given_files):
        data = read_manifest(given_files / "ladder").dataset
        other = save_known_ladder(given_files / "other", data, replace(RECIPE, epochs=2))
        with pytest.raises(UsageError, match="several ladders: quantise each by itself"):
            quantize_ladder(given_files, models=[given_files / "ladder", other])

    def test_two_files_of_one_name(self, given_files):
        for name in ("one", "two"):
            save_ladder(given_files / name)
        with pytest.raises(UsageError, match=r"two models are called tiny-16\.onnx"):
            quantize_ladder(given_files, models=[given_files / "one", given_files / "two"])

    @pytest.mark.parametrize("contents", [b"", b"no model", b"\x80\x04cposix\nsystem\n."])
    def test_a_file_that_is_no_model(self, given_files, contents):
        (given_files / "wrong.onnx").write_bytes(contents)
        result = run(*line(given_files, source="wrong.onnx"))
        (message,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
        assert (result.exit_code, result.stdout) == (3, "")
        assert message.startswith(f"error: {given_files / 'wrong.onnx'}: ")
        assert not (given_files / "int8").exists()


def test_quantising_needs_no_torch(given_files, tmp_path):
    """Nor tries to import it, in whichever process."""
    for name in ("torch", "sympy"):
        told = f"open({str(tmp_path / 'imported')!r}, 'a').write('{name}')"
        (tmp_path / f"{name}.py").write_text(f"{told}\nraise ImportError")
    code = "from sizer.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, line(given_files))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "imported").exists()
    said = [text for text in ended.stderr.splitlines() if text and "━" not in text]
    assert said[-1].startswith("next: sizer calibrate ")
