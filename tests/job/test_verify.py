"""`sizer verify`: a model file and a device's predictions against a requirement."""

import json

import pytest
from tiny import WIDTHS, save_images, save_ladder

import sizer
from sizer import errors


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", 600)
    requirement = {"noise_step": 100.0, "target_accuracy": 0.6, "confidence": 0.9}
    (folder / "answer.json").write_text(json.dumps({"requirement": requirement}))
    return folder


def test_a_model_is_measured_as_calibrate_does(place):
    model = place / "ladder" / f"tiny-{WIDTHS[-1]}.onnx"
    seen = sizer.verify(model, place / "answer.json", data=place / "images.npz")
    cell = sizer.calibrate(model, data=place / "images.npz", steps=(100,)).cells[0]
    assert seen.accuracy == cell.correct / cell.trials
    assert seen.meets == (seen.accuracy >= 0.6)


def test_a_device_s_predictions_are_taken_as_they_are(place, tmp_path):
    table = tmp_path / "device.csv"
    table.write_text("label,predicted\n" + "cat,cat\n" * 59 + "cat,dog\n" * 41)
    seen = sizer.verify(table, place / "answer.json")
    assert (seen.accuracy, seen.meets, seen.pictures) == (0.59, False, 100)


@pytest.mark.parametrize("content", ["", "[]", '{"requirement": 3}', '{"requirement": {}}'])
def test_a_file_that_is_no_answer_is_named(place, tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(errors.UsageError, match=r"other\.json.*answer\.json of a job"):
        sizer.verify(place / "ladder" / "tiny-4.onnx", tmp_path / "other.json")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"confidence": 7}, "confidence 7 must lie in"),
        ({"target_accuracy": -5}, "target accuracy -5 must lie"),
        ({"noise_step": -1}, "noise step -1 must be zero or more"),
    ],
)
def test_an_answer_to_an_impossible_question_is_named(place, tmp_path, changed, words):
    requirement = {"noise_step": 100.0, "target_accuracy": 0.6, "confidence": 0.9} | changed
    (tmp_path / "odd.json").write_text(json.dumps({"requirement": requirement}))
    with pytest.raises(errors.UsageError, match=rf"odd\.json: {words}"):
        sizer.verify(place / "device.csv", tmp_path / "odd.json")


@pytest.mark.parametrize("rows", [4, 3])
def test_more_predictions_than_are_read_are_refused_before_one_is(
    place, tmp_path, monkeypatch, rows
):
    monkeypatch.setattr("sizer.io.MOST_ROWS", 3)
    table = tmp_path / "device.csv"
    table.write_text("label,predicted\n" + "cat,\n" * rows)
    with pytest.raises(errors.DataError, match="holds 4 rows" if rows == 4 else "line 2: a class"):
        sizer.verify(table, place / "answer.json")


def test_pictures_must_be_given_where_the_answer_names_none(place):
    with pytest.raises(errors.UsageError, match="--data"):
        sizer.verify(place / "ladder" / "tiny-4.onnx", place / "answer.json")


def test_an_answer_of_recommend_will_do(place):
    advice = sizer.recommend("builtin", step=200, accuracy=0.75)
    (place / "advice.json").write_text(advice.to_json())
    table = place / "device.csv"
    table.write_text("label,predicted\n1,1\n")
    assert sizer.verify(table, place / "advice.json").requirement.target_accuracy == 0.75
