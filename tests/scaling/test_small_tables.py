"""Tables that are too small for a law: what they allow is fitted, and the rest is named."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from planted import SIZES, STEPS, curve, ladder, transition, write_table
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli import load_commands
from sizer.cli.app import app
from sizer.errors import MeasurementError
from sizer.fitting import fit
from sizer.scaling.analysis import NO_CROSSING, NO_WIDTH_LAW, foreseen

load_commands(["calibrate"])
TRIALS = 1000


def fitted(curves, folder, *options):
    """The calibration that `sizer fit` writes, and the warnings that it shows."""
    table = write_table(folder / "table.csv", curves)
    out = folder / "out.json"
    result = CliRunner().invoke(app, ["fit", str(table), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    shown = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    calibration = load(out)
    said = (*calibration.warnings, *calibration.fit_warnings)
    assert shown == [f"warning: {warning}" for warning in said]
    return calibration, calibration.fit_warnings


def small(sizes, steps=STEPS, trainings=1):
    random = np.random.default_rng(3)
    return ladder(transition, sizes, steps, trainings, trials=TRIALS, chance=0.05, random=random)


def test_one_model_has_its_curve_its_crossings_and_its_widths(tmp_path):
    found, warnings = fitted(small(SIZES[:1]), tmp_path)
    assert len(found.crossings) == 8
    assert [width.width.value is not None for width in found.widths] == [True] * 4
    assert (found.width_law, found.collapse, found.fit, found.laws) == (None, None, None, ())
    assert found.tolerance < 0.3
    (warning,) = warnings
    assert warning == "one size: no width law, no collapse, no scaling law; that takes 3 or more"


@pytest.mark.parametrize("trainings", [1, 5])
def test_two_sizes_of_any_number_of_models(tmp_path, trainings):
    found, warnings = fitted(small(SIZES[::4], trainings=trainings), tmp_path)
    assert len(found.widths) == 2 * trainings * 4
    assert found.fit is None
    (warning,) = warnings
    assert warning.startswith("2 different sizes: no width law, no collapse, no scaling law")


def test_one_noise_step(tmp_path):
    found, warnings = fitted(small(SIZES, [0]), tmp_path)
    assert all(crossing.censored for crossing in found.crossings)
    assert found.fit is found.collapse is found.width_law is None
    assert warnings == (
        "one noise step: no widths, no width law, no collapse, no scaling law; that takes 3 or "
        "more",
        NO_CROSSING,
    )


def test_two_noise_steps_have_widths_and_no_law(tmp_path):
    found, warnings = fitted(small(SIZES, [0, 1000]), tmp_path)
    assert found.width_law is not None
    assert found.fit is found.collapse is None
    assert warnings == (
        "2 different noise steps: no collapse, no scaling law; that takes 3 or more",
    )


@pytest.mark.slow
def test_curves_that_cross_no_level_have_laws_all_the_same(tmp_path):
    found, warnings = fitted(small(SIZES, np.arange(0, 100, 10.0)), tmp_path)
    assert found.width_law is None
    assert found.fit is not None
    assert found.fit.accuracy(3e5, 50.0) == pytest.approx(transition(50.0, 3e5), abs=0.03)
    assert NO_CROSSING in warnings or NO_WIDTH_LAW in warnings


def test_the_laws_that_few_measurements_allow(tmp_path):
    """Three models at three steps: nine numbers, for laws of 7, 8 and 10 parameters."""
    found, warnings = fitted(small(SIZES[::2], [0, 400, 700]), tmp_path)
    assert {fit.law for fit in found.laws} == {
        *("no-ceiling", "finite-size", "logistic", "gaussian", "transition", "saturating"),
        "scale-free",
    }
    assert not any(fit.trusted for fit in found.laws)
    assert "more parameters than measurements, and so left out: corrected" in warnings


def test_what_will_be_left_out_is_known_before(tmp_path):
    """What too few measurements leave out is foreseen with what would do instead."""
    (beyond,) = foreseen(SIZES[::2], 3)
    assert "9 measurements, too few for the law corrected: measure 4 steps or more" in beyond
    for sizes, steps in [(SIZES[:2], STEPS), (SIZES, [0, 9])]:
        _, warnings = fitted(small(sizes, steps), tmp_path)
        assert foreseen(sizes, len(steps)) == [
            w for w in warnings if w not in {NO_WIDTH_LAW, NO_CROSSING}
        ]
        (tmp_path / "out.json").unlink()
    assert foreseen(SIZES, 8) == []


def test_plots_of_a_table_without_a_law(tmp_path):
    fitted(small(SIZES[:2]), tmp_path, "--plots", str(tmp_path / "pictures"))
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} == {"curves"}


@pytest.mark.slow
def test_very_many_steps_are_fitted_in_groups(tmp_path):
    many = np.linspace(0, 1000, 1500)
    curves = small(SIZES, many)
    found, warnings = fitted(curves, tmp_path)
    assert "laws and collapse take 1,500 steps in 200 groups of neighbours" in warnings
    few, _ = fitted([one.at(set(many[::10])) for one in curves], tmp_path)
    assert found.fit.accuracy(2e5, 400.0) == pytest.approx(few.fit.accuracy(2e5, 400.0), abs=0.02)
    assert found.fit.accuracy(2e5, 400.0) == pytest.approx(transition(400.0, 2e5), abs=0.01)


def refusal(table, out):
    result = CliRunner().invoke(app, ["fit", str(table), "--out", str(out)])
    assert result.exit_code == 3
    assert not out.exists()
    (line,) = [line for line in result.stderr.splitlines() if line]
    return line


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no measurements"),
        (["a,100,0,9,10,0", "a,200,1,5,10,0"], "line 3: a has two descriptions"),
        (["a,100,0,9,10,0", "a,100,0,8,10,0"], "line 3: a has step 0 twice"),
        (["a,100,0,1,10,0.1", "b,200,0,1,10,0.1"], "every model only guesses"),
        (["a,100,0,2,10,0", "a,100,30,9,10,0"], "accuracy rises with the step"),
    ],
)
def test_what_no_fit_can_be_made_of_is_refused_in_one_line(tmp_path, rows, words):
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["model,parameters,step,correct,trials,chance", *rows]))
    assert words in refusal(table, tmp_path / "out.json")


def test_too_many_rows_are_said_before_one_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("sizer.io.MOST_ROWS", 3)
    path = tmp_path / "table.csv"
    header = "model,parameters,step,correct,trials\n"
    path.write_text(header + "a,10,no number,1,2\n" * 4)
    with pytest.raises(MeasurementError, match=r"holds 4 rows, 3 are the most that are read; give"):
        fit(path)
    path.write_text(header + "a,10,no number,1,2\n" * 3)
    with pytest.raises(MeasurementError, match="not a number"):
        fit(path)


def test_a_calibration_without_a_law_is_fitted_again(tmp_path):
    found, warnings = fitted(small(SIZES[:2]), tmp_path)
    again = tmp_path / "again.json"
    result = CliRunner().invoke(app, ["fit", str(tmp_path / "out.json"), "--out", str(again)])
    assert result.exit_code == 0
    assert replace(load(again), request=found.request) == found
    assert load(again).fit_warnings == warnings


def test_curves_without_noise_between_them(tmp_path):
    """Models that share no step at all: each its own crossings, and laws of all points."""
    curves = [
        curve(f"m{n}", n, STEPS[i::5], transition(STEPS[i::5], n), TRIALS, 0.05)
        for i, n in enumerate(SIZES)
    ]
    found, _ = fitted(curves, tmp_path)
    assert found.laws
    with (tmp_path / "table.csv").open() as lines:
        assert len(list(csv.reader(lines))) == 1 + len(STEPS)
