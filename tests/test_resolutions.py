"""Pictures of any size through the commands: models of several resolutions, and what is refused."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from phone import phone_folder
from PIL import Image
from typer.testing import CliRunner

import sizer
from sizer.cli import command_modules, load_commands
from sizer.cli.app import app
from sizer.datasets import open_dataset
from sizer.errors import ModelError
from sizer.inference.input_shape import CROP_KEY
from sizer.networks.manifest import Manifest, write_manifest
from sizer.networks.recipe import full_recipe
from sizer.provenance import calibration_lines
from sizer.report.calibration import document
from sizer.report.markdown import markdown

CLASSES, COUNT = 3, 45

load_commands(command_modules())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def channel_reader(path, sides, channels=3, metadata=None):
    """A model that answers the brightest channel of the mean colour; grey: dark, middle or bright.

    sides: height and width, or names where they are dynamic.
    """
    weights = np.eye(3, dtype=np.float32) if channels == 3 else np.array([[-2, 0, 2]], np.float32)
    biases = np.zeros(3, np.float32) if channels == 3 else np.array([-1, 0, -1], np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["rows"]),
        helper.make_node("Gemm", ["rows", "w", "b"], ["scores"]),
    ]
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "channels",
        [helper.make_tensor_value_info("images", floats, ["n", channels, *sides])],
        [helper.make_tensor_value_info("scores", floats, ["n", CLASSES])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(biases, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def coloured_pictures(folder):
    """Class 0 is red, 1 green, 2 blue in the middle; the outer sixth of the long side is white."""
    random = np.random.default_rng(0)
    for number in range(COUNT):
        label = number % CLASSES
        pixels = random.integers(0, 120, (48, 72, 3), dtype=np.uint8)
        pixels[..., label] += 100
        pixels[:, :12] = pixels[:, -12:] = 255
        file = folder / "test" / f"c{label}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels)
        (picture.rotate(90, expand=True) if number % 2 else picture).save(file)
    return str(folder)


def measured(*models, data, **options):
    return sizer.calibrate(models, data=data, steps=(0, 500), provider="cpu", **options)


def accuracies(calibration):
    return {cell.model: cell.correct / cell.trials for cell in calibration.cells if cell.step == 0}


def test_each_model_sees_the_pictures_at_its_own_size(tmp_path):
    data = coloured_pictures(tmp_path / "set")
    models = [channel_reader(tmp_path / f"m{side}.onnx", (side, side)) for side in (8, 20, 33)]
    models.append(channel_reader(tmp_path / "wide.onnx", (10, 14)))
    calibration = measured(*models, data=data)
    assert accuracies(calibration) == {"m8": 1, "m20": 1, "m33": 1, "wide": 1}
    shapes = {model.name: model.input_shape for model in calibration.models}
    assert shapes == {"m8": (8, 8, 3), "m20": (20, 20, 3), "m33": (33, 33, 3), "wide": (10, 14, 3)}
    assert calibration.dataset.shape is None
    words = markdown(document(calibration))
    assert "20 x 20" in words
    assert "10 x 14" in words


def test_a_model_answers_the_same_alone_and_beside_larger_ones(tmp_path):
    data = coloured_pictures(tmp_path / "set")
    small, large = (channel_reader(tmp_path / f"m{s}.onnx", (s, s)) for s in (8, 200))
    beside = measured(small, large, data=data)
    alone = measured(small, data=data)
    assert [c for c in beside.cells if c.model == "m8"] == list(alone.cells)


@pytest.mark.parametrize("side", [8, 31])
def test_a_model_that_takes_any_side_is_told_one(side, tmp_path):
    data = coloured_pictures(tmp_path / "set")
    model = channel_reader(tmp_path / "any.onnx", ("h", "w"))
    with pytest.raises(ModelError, match=r"any\.onnx: .* differ in size; give --input-side"):
        measured(model, data=data)
    calibration = measured(model, data=data, input_side=side)
    assert calibration.models[0].input_shape == (side, side, 3)
    assert accuracies(calibration) == {"any": 1}


def test_grey_models_are_fed_grey(tmp_path):
    for number in range(COUNT):
        level = 40 + 88 * (number % CLASSES)
        file = tmp_path / "set" / "test" / f"c{number % CLASSES}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((12 + number, 20, 3), level, np.uint8)
        Image.fromarray(pixels if number % 2 else pixels[..., 0]).save(file)
    model = channel_reader(tmp_path / "grey.onnx", (8, 8), channels=1)
    assert accuracies(measured(model, data=str(tmp_path / "set"))) == {"grey": 1}


def test_the_crop_share_is_the_users_else_the_models(tmp_path):
    data = coloured_pictures(tmp_path / "set")
    stated = channel_reader(tmp_path / "a.onnx", (16, 16), metadata={CROP_KEY: "0.5"})
    assert measured(stated, data=data).models[0].crop_share == 0.5
    assert measured(stated, data=data, crop_share=0.9).models[0].crop_share == 0.9
    (line,) = calibration_lines(measured(stated, data=data, crop_share=0.9))
    assert "--crop-share 0.9" in line
    wrong = channel_reader(tmp_path / "b.onnx", (16, 16), metadata={CROP_KEY: "7"})
    with pytest.raises(ModelError, match=r"sizer\.crop_share must be a share above 0"):
        measured(wrong, data=data)


@pytest.mark.parametrize(("place", "seen"), [("photos/train", 9), ("photos", 0), ("photos/dev", 0)])
def test_pictures_that_were_trained_on_are_never_measured_silently(
    place, seen, tmp_path, monkeypatch
):
    """`photos/train` has no splits, so a part of it is measured: of what the ladder has seen."""
    monkeypatch.chdir(tmp_path)
    coloured_pictures(tmp_path / "photos")
    (tmp_path / "photos" / "test").rename(tmp_path / "photos" / "train")
    for number in range(60):
        file = tmp_path / "photos" / "dev" / f"c{number % CLASSES}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((40, 30, 3), number, np.uint8)
        pixels[..., number % CLASSES] += 200
        Image.fromarray(pixels).save(file)
    (tmp_path / "ladder").mkdir()
    channel_reader(tmp_path / "ladder" / "m.onnx", (8, 8))
    trained = open_dataset("photos", "train").info
    recipe = full_recipe(1, "none", None)
    write_manifest(tmp_path / "ladder", Manifest("train", "sizer", trained, recipe, "fp32", ()))
    flattered = [w for w in measured("ladder", data=place).warnings if "were trained on" in w]
    assert flattered == (
        [
            f"{place}: the models were trained on {seen} of its {seen} images, and their accuracies"
            " flatter them"
        ]
        if seen
        else []
    )


BAD_OPTIONS = {
    "no share": (["--crop-share", "0"], 2, "--crop-share 0: give a share above 0"),
    "more than all": (["--crop-share", "1.5"], 2, "--crop-share 1.5: give a share"),
    "not a number": (["--crop-share", "nan"], 2, "--crop-share nan: give a share"),
    "another side": (["--input-side", "24"], 3, "not --input-side 24; leave it out"),
    "no side": (["--input-side", "0"], 2, "--input-side"),
    "damaged": (["--max-bad", "2"], 2, "--max-bad 2: give a share"),
}


@pytest.mark.parametrize("command", ["calibrate", "quantize"])
@pytest.mark.parametrize("kind", BAD_OPTIONS)
def test_options_that_cannot_be_are_refused_in_one_line(kind, command, tmp_path):
    options, code, words = BAD_OPTIONS[kind]
    data = tmp_path / "set.npz"
    np.savez(data, images=np.zeros((6, 8, 8, 3), np.uint8), labels=np.arange(6) % CLASSES)
    model = channel_reader(tmp_path / "m.onnx", (16, 16))
    out = tmp_path / "out.json"
    result = CliRunner().invoke(
        app, [command, str(model), "--data", str(data), *options, "--out", str(out)]
    )
    assert result.exit_code == code
    (error,) = [said for said in result.stderr.splitlines() if said.startswith("error: ")]
    assert words in error
    assert not out.exists()


def test_a_network_of_any_side_is_timed_at_the_one_asked_for(tmp_path):
    convolution = helper.make_node("Conv", ["images", "k"], ["maps"], kernel_shape=[3, 3])
    model = onnx.load(channel_reader(tmp_path / "any.onnx", ("h", "w")))
    model.graph.node[0].input[0] = "maps"
    model.graph.node.insert(0, convolution)
    kernel = np.ones((3, 3, 3, 3), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(kernel, "k"))
    onnx.save(model, tmp_path / "any.onnx")
    line = ["devices", "add", "here", "--measure", str(tmp_path / "any.onnx")]
    line += ["--out", str(tmp_path / "here.toml")]
    assert CliRunner().invoke(app, line).exit_code == 3
    result = CliRunner().invoke(app, [*line, "--input-side", "12"])
    assert result.exit_code == 0
    assert f"{10 * 10 * 81 + 9:,} multiply-accumulates" in result.stdout


@pytest.mark.slow
def test_a_phone_folder_goes_through_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    phone_folder(tmp_path / "photos", count=120, classes=3)

    def run(*line):
        result = CliRunner().invoke(app, list(map(str, line)))
        assert result.exit_code in (0, 1), result.stderr
        return result

    sizes = ("--sizes", "5e3:3e4:3", "--seeds", 1, "--epochs", 60)
    trained = run("train", "--data", "photos", "--side", 32, *sizes, "--out", "ladder")
    said = trained.stderr
    assert said.count("left out 1 of 120 pictures: glyph 0/IMG_0000.jpg is not a readable") == 1
    assert said.count("no splits, so divided by the content") == 1
    run("calibrate", "ladder", "--data", "photos", "--out", "c.json")
    calibration = json.loads((tmp_path / "c.json").read_text())
    manifest = json.loads((tmp_path / "ladder" / "manifest.json").read_text())
    assert calibration["dataset"]["images"] + manifest["dataset"]["images"] == 119
    assert {tuple(model["input_shape"]) for model in calibration["models"]} == {(32, 32, 3)}
    run("recommend", "--noise-step", 100, "--target-acc", 0.5, "--calibration", "c.json")
    run("quantize", "ladder", "--data", "photos", "--out", "int8")
    file = manifest["models"][0]["file"]
    run("devices", "check", f"int8/{file}", "--device", "STM32H747XI")
