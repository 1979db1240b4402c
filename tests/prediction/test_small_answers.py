"""Small tables: what `fit` writes of them, and that they are answered."""

import json

import numpy as np
import pytest
from planted import CHANCE, ladder, transition, write_table
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli.app import app
from sizer.prediction.accuracy import predict

SIZES = (10_000, 30_000, 90_000, 270_000, 810_000)
STEPS = np.arange(0, 1001, 100.0)
# sizes, steps, step and target asked, verdict; of a law that has 0.7 at 79,000 and step 100
TABLES = {
    "one noise level": (SIZES, (100.0,), 0.70, "recommended"),
    "two noise levels": (SIZES, (100.0, 300.0), 0.70, "recommended"),
    "no crossing": (SIZES, (0.0, 50.0, 100.0), 0.70, "recommended"),
    "two models": (SIZES[1:3], STEPS, 0.69, "recommended"),
    "one model": (SIZES[1:2], STEPS, 0.70, "bounded"),
    "one cell": (SIZES[1:2], (100.0,), 0.70, "bounded"),
}


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


# How an answer begins, by its verdict.
SAYS = {"recommended": "use ", "bounded": "no size can be named: "}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """By name: what `sizer fit` printed, and the calibration that it wrote."""
    folder, made = tmp_path_factory.mktemp("small"), {}
    for name, (sizes, steps, *_) in TABLES.items():
        curves = ladder(transition, sizes, steps, trials=4000, chance=CHANCE)
        table, out = folder / f"{name}.csv", folder / f"{name}.json"
        made[name] = run("fit", write_table(table, curves), "--out", out), out
    return made


@pytest.mark.parametrize("name", TABLES)
class TestAnswers:
    def test_fit_writes_a_calibration(self, fitted, name):
        result, path = fitted[name]
        assert result.exit_code == 0
        assert f"wrote {path}" in result.stderr
        assert load(path).sizes == TABLES[name][0]

    def test_a_size_is_asked_for(self, fitted, name):
        *_, target, verdict = TABLES[name]
        line = ("recommend", "--noise-step", 100, "--target-acc", target, "--format", "json")
        told = json.loads(run(*line, "--calibration", fitted[name][1]).stdout)
        assert told["verdict"] == verdict
        truth = next(n for n in range(1000, 10**6, 100) if transition(100.0, n) >= target)
        assert told["parameters"]["low"] <= truth <= (told["parameters"]["high"] or np.inf)
        text = run(*line[:-1], "text", "--calibration", fitted[name][1]).stdout
        assert text.startswith(SAYS[verdict])

    def test_an_accuracy_is_asked_for(self, fitted, name):
        at = predict(load(fitted[name][1]), parameters=60_000, step=100).accuracy
        assert at.low <= float(transition(100.0, 60_000)) <= at.high


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one noise level", "one noise step: no widths, no width law, no collapse"),
        ("two noise levels", "2 different noise steps: no collapse, no scaling law"),
        ("no crossing", "no curve crosses a level inside the measured noise: no widths"),
        ("two models", "2 different sizes: no width law, no collapse, no scaling law"),
        ("one model", "one size: no width law, no collapse, no scaling law"),
    ],
)
def test_what_is_left_out_is_said(fitted, name, words):
    result, path = fitted[name]
    assert f"warning: {words}" in result.stderr
    left_out = load(path)
    assert left_out.width_law is None
    assert any(text.startswith(words) for text in left_out.fit_warnings)


def test_two_models_have_their_curves_and_crossings(fitted):
    calibration = load(fitted["two models"][1])
    assert len(calibration.curves) == 2
    assert calibration.crossings
    assert calibration.fit is None


def test_noise_that_one_level_does_not_reach_is_refused(fitted):
    line = ("--noise-step", 200, "--calibration", fitted["one noise level"][1])
    result = run("recommend", "--target-acc", 0.7, *line)
    assert (result.exit_code, result.stdout.startswith("nothing is known at noise 200")) == (
        4,
        True,
    )
    assert run("predict", "--parameters", 50_000, *line).exit_code == 4


HEADER = "model,parameters,step,correct,trials,chance\n"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a,100,0,5,10,0.1\na,200,1,6,10,0.1\n", "line 3: a has two descriptions"),
        ("a,100,0,5,10,0.1\na,100,0,6,10,0.1\n", "line 3: a has step 0 twice"),
        ("a,100,0,5,10,0.1\nb,9,0,1,10,0.1\na,100,0.0,5,20,0.1\n", "line 4: a has step 0 twice"),
    ],
)
def test_a_table_that_contradicts_itself_is_one_line(tmp_path, rows, words):
    table, out = tmp_path / "table.csv", tmp_path / "out.json"
    table.write_text(HEADER + rows)
    result = run("fit", table, "--out", out)
    assert (result.exit_code, result.stdout) == (3, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not out.exists()
