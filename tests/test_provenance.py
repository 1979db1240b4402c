"""How to reproduce: what a calibration was asked is in it, and the lines shown ask the same."""

import json
import shlex
from dataclasses import replace

import pytest
from tiny import save_images, save_ladder
from typer.testing import CliRunner

import sizer
from sizer.cli.app import app
from sizer.inference.input_format import InputFormat
from sizer.provenance import calibration_lines
from sizer.scaling.crossings import Cut

STEPS = tuple(float(step) for step in range(0, 2001, 200))


def run(line):
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A folder with a ladder and images, which the lines name from within."""
    save_ladder(tmp_path / "tiny models")
    save_images(tmp_path / "images.npz", 600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def asked(**options):
    return sizer.calibrate("tiny models", **({"data": "images.npz", "steps": STEPS} | options))


@pytest.mark.slow
class TestLines:
    @pytest.mark.parametrize(
        "options",
        [
            {"steps": None, "tolerance": 0.3},
            {
                "images": 400,
                "provider": "cpu",
                "steps": (0, 123.4567891, 400, 900, 1500),
                "input_format": InputFormat((-2.0, 2.0), (0.1, 0.2, 0.3), (1.5, 1.0, 1.0)),
            },
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_the_line_of_calibrate_makes_the_same_again(self, given, options):
        calibration = asked(**options)
        (line,) = calibration_lines(calibration)
        run(line)
        assert sizer.load("calibration.json") == calibration

    def test_another_interval_is_named(self, planted_calibration):
        calibration = sizer.load(planted_calibration)
        request = replace(calibration.request, interval="bootstrap")
        (line,) = calibration_lines(replace(calibration, request=request))
        assert line.endswith(" --interval bootstrap")

    def test_pixels_that_were_given_are_not_forgotten(self, given):
        (line,) = calibration_lines(asked(input_format=InputFormat((0.0, 1.0))))
        words = shlex.split(line)
        assert words[words.index("--input-range") + 1] == "0,1"

    @pytest.mark.parametrize("kept", ["mine.json", "calibration.json"])
    def test_fitted_again_takes_two_lines(self, given, kept):
        asked().save(kept)
        again = sizer.fit(kept, control="beta", levels="logarithmic")
        first, second = calibration_lines(again)
        (given / kept).unlink()
        run(first)
        assert (given / kept).exists()
        run(second)
        assert sizer.load("calibration.json") == again

    def test_what_was_fitted_in_a_notebook_is_said_too(self, given):
        again = sizer.fit(asked(), order_parameter="raw")
        for line in calibration_lines(again):
            run(line)
        made = sizer.load("calibration.json")
        assert made.request.measurements == "calibration.json"
        assert replace(made, request=again.request) == again

    def test_a_table_is_fitted_by_its_line(self, planted_table):
        calibration = sizer.fit(planted_table)
        (line,) = calibration_lines(calibration)
        assert line == shlex.join(["sizer", "fit", str(planted_table)])


class TestOlderFiles:
    """They do not say what was asked: it is read out of what they hold."""

    def test_they_are_read(self, planted_calibration, tmp_path):
        fields = json.loads(planted_calibration.read_text())
        del fields["request"]
        fields["precision"] = 0.1  # the name that the tolerance had
        (tmp_path / "old.json").write_text(json.dumps(fields))
        old = sizer.load(tmp_path / "old.json")
        new = sizer.load(planted_calibration)
        assert old.request is None
        assert old.tolerance == new.tolerance is not None
        assert replace(new, request=None) == old

    @pytest.mark.parametrize("images", [4000, 500])
    def test_the_steps_and_images_are_those_measured(self, images):
        builtin = sizer.load("builtin")
        cells = tuple(replace(cell, correct=0, trials=images) for cell in builtin.cells)
        (line,) = calibration_lines(replace(builtin, cells=cells, request=None))
        words = shlex.split(line)[3:]
        options = dict(zip(words[::2], words[1::2], strict=True))
        steps = tuple(sorted({cell.step for cell in cells}))
        assert tuple(map(float, options["--steps"].split(","))) == steps
        assert options.get("--images") == (None if images == 4000 else "500")

    def test_models_with_steps_of_their_own_were_measured_by_a_plan(self):
        builtin = sizer.load("builtin")
        (line,) = calibration_lines(replace(builtin, cells=builtin.cells[:-1], request=None))
        assert "--tolerance 0" in line
        assert "--steps" not in line

    def test_another_cut_takes_a_fit(self):
        builtin = sizer.load("builtin")
        pair = replace(builtin.width_law.pairs[0], levels=(0.125, 0.875))
        law = replace(builtin.width_law, pairs=(pair,))
        lines = calibration_lines(replace(builtin, width_law=law, request=None))
        assert lines[1] == "sizer fit calibration.json --levels logarithmic"


class TestRequest:
    def test_it_survives_the_file(self, given):
        calibration = asked(images=400)
        calibration.save("mine.json")
        request = sizer.load("mine.json").request
        assert request == calibration.request
        assert request.measuring.models == ("tiny models",)
        assert (request.measuring.steps, request.measuring.images) == (STEPS, 400)
        assert (request.cut, request.version) == (Cut(), sizer.__version__)

    def test_of_a_table_nothing_was_measured_here(self, planted_calibration):
        assert sizer.load(planted_calibration).request.measuring is None
