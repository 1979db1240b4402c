"""Ladders of planted classes, compared; and inputs that cannot be."""

import json

import numpy as np
import pytest
from planted_falls import SIGMAS, falling, falling_table
from typer.testing import CliRunner

import sizer
from sizer.cli.app import app
from sizer.errors import MeasurementError
from sizer.table import read_table

RUN = CliRunner()


def test_exponents_and_shape_are_those_planted(tables):
    first = tables("first", half_exponent=0.2, steepness_exponent=0.05)
    comparison = sizer.compare([first, tables("second")])
    figures = comparison.ladders[0].figures
    assert figures["half_noise_exponent"].value == pytest.approx(0.2, abs=0.002)
    assert figures["steepness_exponent"].value == pytest.approx(0.05, abs=0.002)
    assert comparison.ladders[1].figures["log_steepness"].value == pytest.approx(
        np.log(1.5), abs=0.002
    )
    assert comparison.ladders[0].residual_rms < 0.001


def test_one_class_at_other_scales_of_noise(tables):
    comparison = sizer.compare([tables("first", half=30), tables("second", half=70)])
    assert comparison.verdict == "one class"
    assert comparison.ladders[0].borrowed_rms < 0.001


def test_what_differs_is_named(tables):
    comparison = sizer.compare([tables("first"), tables("second", half_exponent=-0.1)])
    assert comparison.verdict == "no one class"
    assert comparison.equalities["half_noise_exponent"].verdict == "differ"
    assert comparison.equalities["log_steepness"].verdict == "the same"
    assert "half noise exponent" in comparison.reason


def test_a_few_lucky_trainings_tell_nothing(tmp_path):
    random = np.random.default_rng(1)
    paths = [
        falling_table(
            tmp_path / f"{name}.csv",
            falling(luck=random),
            sizes=(50_000, 70_000, 100_000),
            trials=2000,
            random=random,
        )
        for name in ("first", "second")
    ]
    comparison = sizer.compare(paths)
    assert comparison.equalities["half_noise_exponent"].verdict == "cannot be told"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["one"], "two calibrations or more"),
        (["one", "other-unit"], "call its column sigma"),
        (["one", "two-sizes"], "too short for a shape"),
        (["one", "three-noises"], "too short for a shape"),
        (["one", "one"], "given twice"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tables, given, words):
    made = {
        "one": tables("one"),
        "other-unit": tables("other-unit", noise="step"),
        "two-sizes": tables("two-sizes", sizes=(10_000, 20_000)),
        "three-noises": tables("three-noises", sigmas=[0, 50, 100]),
    }
    with pytest.raises(MeasurementError, match=words):
        sizer.compare([made[name] for name in given])
    result = RUN.invoke(app, ["compare", *(str(made[name]) for name in given)])
    assert result.exit_code == 3
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_table_in_sigma_is_of_the_schedule(tables):
    table = read_table(tables("first"))
    steps = sorted({cell.step for cell in table.cells})
    assert [table.schedule.sigma(step) for step in steps] == pytest.approx(SIGMAS.tolist())


def test_a_sigma_beyond_the_schedule_is_refused_with_its_line(tables):
    path = tables("first")
    path.write_text(path.read_text().replace(",200.0,", ",1e14,"))
    with pytest.raises(MeasurementError, match=r"line 12: .*beyond the last step"):
        read_table(path)


def test_the_command_writes_a_page_and_json(tables, tmp_path):
    paths = [str(tables("first")), str(tables("second"))]
    result = RUN.invoke(app, ["compare", *paths, "--format", "json"])
    told = json.loads(result.stdout)
    assert told["verdict"] == "one class"
    assert len(told["ladders"]) == 2
    for name, begins in (("c.html", "<!doctype html>"), ("c.md", "<!--"), ("c.json", "{")):
        path = tmp_path / name
        assert RUN.invoke(app, ["compare", *paths, "--report", str(path)]).exit_code == 0
        assert path.read_text().lower().startswith(begins)
        assert RUN.invoke(app, ["compare", *paths, "--report", str(path)]).exit_code == 0


def test_it_gives_a_table_of_models(tables):
    comparison = sizer.compare([tables("first"), tables("second")])
    frame = comparison.to_frame()
    assert len(frame) == 10
    assert set(frame["ladder"]) == {"first", "second"}
