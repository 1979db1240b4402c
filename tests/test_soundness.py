"""A calibration's file that was edited is refused in one line, whatever was changed."""

import json

import pytest

from sizer.calibration import load
from sizer.errors import CalibrationError


def changed(tree, place, value):
    *way, last = place
    for key in way:
        tree = tree[key]
    tree[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("chance",), 1.0),
        (("chance",), -0.1),
        (("image_share",), 2),
        (("schedule",), "no such"),
        (("models", 0, "parameters"), 0),
        (("models", 0, "parameters"), 10**30),
        (("models", 0, "name"), ""),
        (("models", 0, "name"), "x" * 2000),
        (("models", 0, "input_shape"), [0, 8, 3]),
        (("models",), []),
        (("cells",), []),
        (("cells", 0, "step"), -1.0),
        (("cells", 0, "step"), 1e300),
        (("cells", 0, "macro_f1"), 1.5),
        (("crossings", 0, "model"), "nobody"),
        (("crossings", 0, "level"), 7.0),
        (("crossings", 0, "at"), {"value": 1.0, "low": 2.0, "high": 1.0}),
        (("widths", 0, "levels"), [0.9, 0.1]),
        (("widths", 0, "parameters"), 0),
        (("width_law", "pairs", 0, "prefactor"), 0.0),
        (("fit", "knots"), []),
        (("fit", "knots"), [5.0, 1.0]),
        (("fit", "values"), [1.0]),
        (("fit", "names", 0), "unheard of"),
        (("fit", "covariance", 0), [1.0]),
        (("fit", "covariance", 0, 0), -1.0),
        (("fit", "degrees_of_freedom"), -1),
        (("fit", "reference_size"), 0.0),
        (("fit", "size_range"), [100, 10]),
        (("fit", "step_range"), [100.0, 10.0]),
        (("fit", "chance"), 0.5),
        (("fit", "residual_rms"), -1.0),
        (("backtests", 0, "ratio"), 0.0),
        (("backtests", 0, "hold_out"), 0),
    ],
)
def test_what_sizer_would_not_write_is_refused(place, value, planted_calibration, tmp_path):
    tree = json.loads(planted_calibration.read_text())
    changed(tree, place, value)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(tree))
    with pytest.raises(CalibrationError, match=r"edited\.json: .*; make") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[" * 10**5, "null", "{}", '{"version": NaN}', '{"version": 1e999}', "\xff", "\0"]
)
def test_what_is_no_calibration_at_all(text, tmp_path):
    path = tmp_path / "edited.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CalibrationError, match=r"edited\.json: not a calibration"):
        load(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("ladder", "command"), "sizer train 'unbalanced"),
        (("ladder", "recipe", "epochs"), 0),
        (("ladder", "recipe", "noise_steps"), [800, 0]),
        (("ladder", "dataset", "classes"), 1),
        (("dataset", "images"), 0),
        (("dataset", "shape"), [10**9, 1, 1]),
    ],
)
def test_how_its_ladder_was_made_is_looked_at_too(place, value, tmp_path):
    shipped_one = load("builtin")
    path = tmp_path / "edited.json"
    shipped_one.save(path)
    tree = json.loads(path.read_text())
    changed(tree, place, value)
    path.write_text(json.dumps(tree))
    with pytest.raises(CalibrationError, match=r"edited\.json: .*; make"):
        load(path)
