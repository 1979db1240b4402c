"""Models that are no function, or state more than they hold: refused in one line, unmeasured."""

import os

import onnx
import pytest
from hostile_models import NO_FUNCTION, TOO_MUCH, classifier, dropout, functions, node
from opened import open_model
from tiny import CLASSES, SHAPE

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError

DATA = DatasetInfo("data", "test", "fingerprint", CLASSES, 100, SHAPE)


@pytest.fixture
def save(tmp_path):
    def to_file(model):
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "model.onnx"

    return to_file


@pytest.mark.parametrize("kind", [*NO_FUNCTION, *TOO_MUCH])
def test_it_is_refused_in_one_line(save, kind):
    model, message = (NO_FUNCTION | TOO_MUCH)[kind]
    path = save(model)
    with pytest.raises(ModelError, match=message) as caught:
        open_model(path, DATA)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_few_functions_run(save):
    assert open_model(save(functions(4)), DATA).info.parameters > 0


def test_dropout_in_evaluation_mode_runs(save):
    model = dropout(made_inside=False)
    del model.graph.node[-1].input[1:]
    assert open_model(save(model), DATA).plan.batch == 25


@pytest.mark.parametrize("output", [onnx.TensorProto.INT8, onnx.TensorProto.DOUBLE])
def test_scores_may_be_any_numbers(save, output):
    cast = node("Cast", to=output)
    assert open_model(save(classifier(cast, output=("y", output))), DATA)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError, match="is no file"):
        open_model(tmp_path / "pipe.onnx", DATA)


def test_graphs_within_graphs_are_bounded(tmp_path):
    contents = b""
    for field in (1, 6, 5) * 200 + (1, 7):  # graph.node.attribute.g, and so on
        varint = onnx.AttributeProto(i=len(contents)).SerializeToString()[1:]
        contents = bytes([field << 3 | 2]) + varint + contents
    (tmp_path / "deep.onnx").write_bytes(contents)
    with pytest.raises(ModelError, match="not an ONNX file"):
        open_model(tmp_path / "deep.onnx", DATA)
