"""What cannot be used or fitted: one line with its cause and remedy; nothing measured is lost."""

import io
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import CLASSES, SHAPE, save_images, save_ladder
from typer.testing import CliRunner

import sizer
from sizer.cli.app import app
from sizer.errors import ModelError, UnfittedError
from sizer.inference.model_file import read_model_file
from sizer.networks.models import find_models
from sizer.scaling.analysis import foreseen


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def archive(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(f"model/{name}", "x")
    return stream.getvalue()


FOREIGN = {
    "m.tflite": (b"\x1c\0\0\0TFL3" + bytes(99), "tf2onnx.convert --tflite"),
    "m.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), r"keras.saving.load_model\('.*m\.h5'\).export"),
    "m.keras": (archive("config.json", "model.weights.h5"), "keras.saving.load_model"),
    "m.pt": (archive("data.pkl", "version"), "torch.onnx.export.*sizer export b0 --weights"),
    "m.pth": (b"\x80\x02}q\0.", "torch.onnx.export"),
    "script.pt": (archive("data.pkl", "constants.pkl"), "torch.jit.load"),
    "m.safetensors": (b"\x08\0\0\0\0\0\0\0{}      ", "sizer export b0 --weights"),
    "m.pb": (b"\x0a\x05abc", "if it is of TensorFlow, convert it: .* --graphdef"),
    "m.ort": (b"\x18\0\0\0ORTM" + bytes(99), "export the network that it was made of"),
    "called.onnx": (b"\x1c\0\0\0TFL3" + bytes(99), r"--output .*called\.converted\.onnx"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_program_is_refused_with_what_converts_it(name, tmp_path):
    contents, line = FOREIGN[name]
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(ModelError, match=rf"{name}: .*{line}") as told:
        read_model_file(tmp_path / name)
    assert "\n" not in str(told.value)


def test_a_folder_of_other_files_is_refused_with_what_converts_them(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.tflite").write_bytes(FOREIGN["m.tflite"][0])
    with pytest.raises(ModelError, match=r"models/m\.tflite: a TensorFlow Lite file"):
        find_models([tmp_path / "models"])
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    with pytest.raises(ModelError, match=r"saved: a SavedModel file, .* --saved-model"):
        find_models([tmp_path / "saved"])


def test_a_name_that_a_shell_would_read_is_not_in_the_line(tmp_path):
    (tmp_path / "a'; b.pt").write_bytes(FOREIGN["m.pt"][0])
    with pytest.raises(ModelError, match=r"torch\.load\('MODEL'"):
        find_models([tmp_path / "a'; b.pt"])


def test_it_is_refused_before_the_data_are_opened(tmp_path):
    (tmp_path / "m.pt").write_bytes(FOREIGN["m.pt"][0])
    for models in (tmp_path / "m.pt", tmp_path / "missing.onnx"):
        with pytest.raises(ModelError):
            sizer.calibrate(models, data=tmp_path / "missing")
        with pytest.raises(ModelError):
            sizer.quantize(models, tmp_path / "out", data=tmp_path / "missing")


def one_answer(path, size, answer):
    """A model of so many parameters that gives each image one class."""
    bias = np.eye(CLASSES, dtype=np.float32)[answer]
    weights = np.full((int(np.prod(SHAPE)) * size, CLASSES), 1e-9, np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["row"]),
        helper.make_node("Concat", ["row"] * size, ["rows"], axis=1),
        helper.make_node("Gemm", ["rows", "w", "b"], ["scores"]),
    ]
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("images", floats, ["n", *SHAPE])],
        [helper.make_tensor_value_info("scores", floats, ["n", CLASSES])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def test_models_of_one_answer_are_measured_kept_and_named(tmp_path):
    models = [one_answer(tmp_path / f"m{size}.onnx", size, 3) for size in (1, 2, 3)]
    labels = np.where(np.arange(200) % 10, 3, np.arange(200) // 10 % CLASSES)  # 0.9 of class 3
    data, out = save_images(tmp_path / "set.npz", 200, labels), tmp_path / "c.json"
    line = ["calibrate", *models, "--data", data, "--steps", "0,300,900,2000", "--out", out]
    result = CliRunner().invoke(app, [str(word) for word in line])
    assert result.exit_code == 3
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: every model answers class 3 for nearly every clean image; ")
    assert "m1: answers class 3 for nearly every clean image, accuracy 0.9" in result.stderr
    assert "m3" in result.stdout
    assert len(sizer.load(out).cells) == 12


def test_a_model_that_answers_one_class_among_better_ones_is_named(tmp_path):
    ladder = save_ladder(tmp_path / "ladder")
    one_answer(ladder / "one.onnx", 1, 2)
    calibration = sizer.calibrate(
        ladder, data=save_images(tmp_path / "set.npz", 200), steps=(0, 300, 900, 2000)
    )
    (warning,) = calibration.warnings
    assert warning.startswith("one: answers class 2 for nearly every clean image")


def test_a_table_of_guesses_is_refused_with_what_was_measured(tmp_path):
    rows = [f"m{n},{n},{step},{100 + step},1000,0.1" for n in (10, 100) for step in (0, 5, 9)]
    table, out = tmp_path / "t.csv", tmp_path / "c.json"
    table.write_text("\n".join(["model,parameters,step,correct,trials,chance", *rows]))
    with pytest.raises(UnfittedError, match="every model only guesses") as told:
        sizer.fit(table)
    assert len(told.value.calibration.cells) == 6
    result = CliRunner().invoke(app, ["fit", str(table), "--out", str(out)])
    assert (result.exit_code, result.stderr.strip()) == (3, f"error: {told.value}")
    assert not out.exists()


@pytest.mark.parametrize(
    ("models", "steps", "remedy"),
    [
        (3, 3, "too few for the law corrected: measure 4 steps or more, or 4 models"),
        (3, 4, None),
        (4, 3, None),
        (2, 9, "2 different sizes: no width law, no collapse, no scaling law; that takes 3"),
        (5, 2, "2 different noise steps: no collapse, no scaling law; that takes 3"),
    ],
)
def test_what_cannot_be_fitted_is_foreseen_with_what_would_do(models, steps, remedy):
    said = foreseen([10**i for i in range(models)], steps)
    assert len(said) == (remedy is not None)
    assert all(remedy in line for line in said)
