"""The master curve of planted ladders, and ladders that have none to lend."""

import numpy as np
import pytest
from planted_falls import SIGMAS
from typer.testing import CliRunner

import sizer
from sizer.cli.app import app
from sizer.errors import MeasurementError
from sizer.universality.borrowing import master_of, require_others


def test_it_is_the_planted_shape(tables):
    master = master_of([tables("one", half=50, half_exponent=0.1)])
    ratio = np.array([0.3, 0.6, 1.0, 1.5, 2.0])
    assert master.at(ratio) == pytest.approx(np.exp(-np.log(2) * ratio**1.5), abs=0.01)
    assert master.half_noise == pytest.approx(50, rel=0.02)
    assert master.spread < 0.01
    assert master.ladders == ("one",)


def test_of_two_ladders_it_is_the_mean_and_how_steep_each_is_counts_for_no_spread(tables):
    ladders = [tables("one", steepness=1.2), tables("two", steepness=1.8)]
    master = master_of(ladders)
    each = [np.exp(-np.log(2) * 0.5**k) for k in (1.2, 1.8)]
    assert master.at(np.array([0.5]))[0] == pytest.approx(np.mean(each), abs=0.015)
    assert master.spread < 0.1 * np.ptp(each)


def test_what_no_steepness_explains_is_spread(tables):
    within_a_ladder = tables("drifting", steepness=1.2, steepness_exponent=0.15)
    assert master_of([within_a_ladder]).spread > 3 * master_of([tables("one")]).spread


def test_a_shipped_ladder_collapses_within_a_hundredth():
    assert master_of(["builtin"]).spread < 0.01


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"noise": "step"}, "another unit than grey levels"),
        ({"sigmas": SIGMAS[:4]}, "too short for a shape"),
        ({"sizes": (10_000, 30_000)}, "too short for a shape"),
    ],
)
def test_what_has_no_shape_to_lend_is_refused(tables, planted, words):
    with pytest.raises(MeasurementError, match=f"odd: .*{words}"):
        master_of([tables("odd", **planted)])


def test_a_ladder_lends_nothing_to_its_own_models():
    models = sizer.load("builtin").models
    with pytest.raises(MeasurementError, match="builtin: holds the very models"):
        require_others(["builtin"], [models[3].sha256])
    require_others(["cifar100-clean"], [model.sha256 for model in models])


RUN = CliRunner()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--shape", "builtin", "--steps", "0,100"], 2, "a shape chooses the steps"),
        (["--shape", "{odd}"], 3, "another unit than grey levels"),
        (["--shape", "nowhere"], 2, "neither a file nor a shipped one"),
    ],
)
def test_a_shape_that_cannot_be_borrowed_is_refused_before_anything(
    tables, tmp_path, options, code, words
):
    odd, out = tables("odd", noise="step"), tmp_path / "out.json"
    given = [option.format(odd=odd) for option in options]
    result = RUN.invoke(app, ["calibrate", *given, "--out", str(out)])
    assert result.exit_code == code
    assert words in result.output
    assert not out.exists()


def test_the_built_in_ladder_cannot_have_its_own_shape(tmp_path):
    with pytest.raises(MeasurementError, match="builtin: holds the very models"):
        sizer.calibrate(images=500, shape="builtin")
