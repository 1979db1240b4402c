"""The command line: streams, exit codes, formats, and one line for every bad input."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from planted import ladder, write_table
from planted_models import SIZES
from tiny import CLASSES, WIDTHS, network, save_images, save_ladder
from typer.testing import CliRunner

import sizer
from sizer.calibration import load
from sizer.cli.app import app
from sizer.cli.options import complete_calibration, complete_core, complete_device, complete_ladder

COMMANDS = [command.callback.__name__ for command in app.registered_commands]
(GROUP,) = app.registered_groups
OF_DEVICES = [command.callback.__name__ for command in GROUP.typer_instance.registered_commands]
STEPS = "0,300,700,1200,2000"
FILES_AT_MOST = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from sizer.cli import main
main()
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cli-cache"))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a good ladder, good images and a good calibration of them."""
    folder = tmp_path_factory.mktemp("given")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", 500)
    return folder


def run(*arguments):
    """The command in this process; what is no planned end is raised here."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def start(*arguments, code="from sizer.cli import main; main()", **environment):
    """The command in a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, check=False
    )


def require_one_line(error, *words):
    """The last line is the error, the only one besides a progress bar."""
    lines = [line.rstrip() for line in error.splitlines() if "━" not in line]
    (line,) = [line for line in lines if line and not line.endswith(" left")]  # nor one at 0 %
    assert line.startswith("error: ")
    assert "Traceback" not in error
    for word in words:
        assert word in line


class TestHelp:
    def test_lists_every_command(self):
        text = run("--help").stdout
        assert {"calibrate", "fit", "recommend", "noise", "train", "export"} <= set(COMMANDS)
        assert all(f" {name} " in text for name in [*COMMANDS, "devices"])

    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_command_has_an_example_and_words_for_every_option(self, name):
        result = run(name, "--help")
        assert result.exit_code == 0
        assert f"Example: sizer {name} " in " ".join(result.stdout.split())
        parameters = next(c for c in app.registered_commands if c.callback.__name__ == name)
        assert "Example" not in (parameters.callback.__doc__ or "")

    @pytest.mark.parametrize("words", [[], *([name] for name in OF_DEVICES)])
    def test_devices_and_its_commands_have_an_example(self, words):
        result = run("devices", *words, "--help")
        assert result.exit_code == 0
        assert f"Example: {' '.join(['sizer devices', *words])} " in " ".join(result.stdout.split())

    @pytest.mark.parametrize("words", [[], ["recommend"], ["devices", "check"]])
    def test_the_short_form_is_the_same(self, words):
        assert run(*words, "-h").stdout == run(*words, "--help").stdout

    def test_version(self):
        assert run("--version").stdout == f"sizer {sizer.__version__}\n"

    def test_no_command_shows_the_help_and_is_a_usage_error(self):
        result = run()
        assert result.exit_code == 2
        assert "calibrate" in result.output


class TestQuiet:
    def test_nothing_but_the_answer_is_said(self, planted_table, tmp_path):
        line = ("fit", planted_table, "--out", tmp_path / "mine.json")
        assert "wrote " in run(*line).stderr
        quiet = run(*line, "--quiet")
        assert (quiet.stderr, quiet.stdout) == ("", run(*line).stdout)

    def test_errors_are_said(self):
        require_one_line(run("noise", "--step", "-1", "-q").stderr, "0..5000")


class TestNext:
    """Each command says which one comes after it, and that line is accepted."""

    def test_calibrations_end_with_a_question_that_is_answered(self, planted_table, tmp_path):
        out = tmp_path / "mine.json"
        fitted = run("fit", planted_table, "--out", out)
        (line,) = re.findall(r"next: sizer (.*)", "".join(fitted.stdout.splitlines()[-3:]))
        assert run(*shlex.split(line)).exit_code == 0

    def test_noise_ends_with_a_question_about_it(self):
        said = run("noise", "--sigma", 25).stderr
        assert said == "next: sizer recommend --sigma 25 --target-acc 0.7\n"
        assert run("noise", "--sigma", 25, "--format", "json").stderr == ""


class TestCompletion:
    @pytest.mark.parametrize(
        ("complete", "typed", "first"),
        [
            (complete_device, "stm32h7", "STM32H743ZI"),
            (complete_core, "cortex-m7", "Cortex-M7"),
            (complete_calibration, "bu", "builtin"),
            (complete_ladder, "cifar", "cifar100-clean"),
        ],
    )
    def test_names_begin_as_typed(self, complete, typed, first):
        found = complete(typed)
        assert found[0] == first
        assert all(name.lower().startswith(typed) for name in found)


class TestStreams:
    def test_fit_and_recommend(self, planted_table, tmp_path):
        out = tmp_path / "mine.json"
        fitted = start("fit", planted_table, "--out", out, "--details")
        assert fitted.returncode == 0
        assert fitted.stderr.endswith(f"wrote {out}\n")  # after a bar, where it took a while
        assert "Accuracy at noise step t" in fitted.stdout
        assert "narrows with size" in " ".join(fitted.stdout.split())
        lines = fitted.stdout.splitlines()
        assert max(len(line) for line in lines if not line.startswith("next: ")) <= 80
        question = ("recommend", "--noise-step", 300, "--target-acc", 0.7, "--calibration", out)
        answered = start(*question)
        assert (answered.returncode, answered.stderr) == (0, "")
        assert answered.stdout.startswith("use ")
        assert len(answered.stdout.splitlines()) == 2
        answered = start(*question, "--details")
        assert "mean curve reaches it at" in answered.stdout
        assert max(map(len, answered.stdout.splitlines())) <= 80

    def test_calibrate_from_models_to_pictures(self, given, tmp_path, monkeypatch):
        monkeypatch.setattr("sizer.cli.progress.PATIENCE", -1.0)  # a bar for every phase
        out, plots = tmp_path / "mine.json", tmp_path / "pictures"
        result = run(
            *("calibrate", given / "ladder", "--data", given / "images.npz", "--steps", STEPS),
            *("--out", out, "--plots", plots, "--provider", "cpu"),
        )
        assert result.exit_code == 0
        assert "next: sizer recommend --calibration " in result.stdout
        assert f"wrote {out}" in result.stderr
        assert "measuring" in result.stderr
        assert "measuring" not in result.stdout
        calibration = load(out)
        assert [model.name for model in calibration.models] == [
            path.stem for path in sorted((given / "ladder").iterdir())
        ]
        assert {cell.trials for cell in calibration.cells} == {500}
        for name in ("curves", "widths", "collapse"):
            assert (plots / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
            assert b"<svg" in (plots / f"{name}.svg").read_bytes()

    def test_users_text_is_no_markup(self, planted_table, tmp_path):
        name = "[b]m[/b]"
        table = tmp_path / "marked.csv"
        table.write_text(planted_table.read_text().replace("m10000-0", name))
        result = run("fit", table, "--out", tmp_path / "[red].json", "--details")
        assert name in result.stdout
        assert "[red].json" in result.stderr
        missing = run("fit", tmp_path / "[dim].csv", "--out", tmp_path / "o.json")
        assert "[dim].csv" in missing.stderr


def ask(calibration, *more, step=300, target=0.7):
    question = ("--noise-step", step, "--target-acc", target, "--calibration", calibration)
    return run("recommend", *question, *more)


class TestRecommend:
    @pytest.mark.parametrize(
        ("step", "target", "code", "words"),
        [
            (300, 0.7, 0, "use "),
            (0, 0.99, 1, "no size of this family reaches 0.99"),
            (1200, 0.5, 4, "nothing is known at "),
        ],
    )
    @pytest.mark.parametrize("form", ["text", "json", "markdown"])
    def test_exit_codes_are_those_of_the_verdicts(
        self, planted_calibration, step, target, code, words, form
    ):
        result = ask(planted_calibration, "--format", form, step=step, target=target)
        assert result.exit_code == code
        start_of = {"text": words, "json": '{\n  "verdict": "', "markdown": f"**{words}"}
        assert result.stdout.startswith(start_of[form])

    def test_json(self, planted_calibration):
        result = ask(planted_calibration, "--format", "json", "--confidence", 0.8)
        told = json.loads(result.stdout)
        assert result.stderr == ""
        assert told["requirement"] == {
            "noise_step": 300.0,
            "target_accuracy": 0.7,
            "confidence": 0.8,
        }
        sizes = told["parameters"]
        assert sizes["low"] < sizes["best"] < sizes["high"]
        assert isinstance(sizes["recommended"], int)
        assert told["measured"]["parameters"] in SIZES
        assert told["backtest"]["hold_out"] == 3
        assert told["devices"] == []
        assert told["architecture"] is None

    @pytest.mark.parametrize("form", ["text", "markdown"])
    def test_words(self, planted_calibration, form):
        text = ask(planted_calibration, "--details", "--format", form).stdout
        for word in ("accuracy wanted", "measured to reach it", "back-test", "confidence"):
            assert word in text
        assert re.search(r"[\d,]+ \([\d,]+ to [\d,]+\)\s+parameters", " ".join(text.split()))


class TestNoise:
    def test_one_level_in_every_unit(self):
        found = json.loads(run("noise", "--step", 100, "--format", "json").stdout)
        assert found["sigma"] == pytest.approx(22.4, abs=0.05)
        text = run("noise", "--sigma", found["sigma"]).stdout
        assert "100.0" in text

    def test_no_noise_has_no_ratio_in_json(self):
        found = json.loads(run("noise", "--step", 0, "--format", "json").stdout)
        assert found["snr_db"] is None
        assert found["sigma"] == 0


class TestUsage:
    def test_no_command_shows_the_help(self):
        result = run()
        assert result.exit_code == 2
        assert "Usage: " in result.stdout

    def test_a_command_misspelt(self):
        result = run("recomend")
        assert result.exit_code == 2
        require_one_line(result.stderr, "recomend", "'recommend'")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("noise", "--step", "5000.5"), ("5000.5", "0..5000")),
            (("noise", "--step", "-1"), ("-1", "0..5000")),
            (("noise",), ("give the noise once",)),
            (("noise", "--step", "1", "--sigma", "2"), ("give the noise once",)),
            (("noise", "--sigma", "1e14"), ("beyond the last step",)),
            (("noise", "--step", "1", "--format", "xml"), ("--format", "'xml'", "'text', 'json'")),
            (("calibrate", "--steps", "0,100,5001"), ("--steps", "0..5000")),
            (("calibrate", "--steps", "0,100,nan"), ("--steps", "0..5000")),
            (("calibrate", "--steps", "-1,100,200"), ("--steps", "0..5000")),
            (("calibrate", "--steps", "a,b,c"), ("--steps", "numbers")),
            (("calibrate", "--provider", "tpu"), ("--provider", "cuda")),
            (("fit", "x.csv", "--control", "time"), ("--control", "log-snr")),
            (("calibrate", "--control", "beta"), ("No such option", "--control")),
            (("calibrate", "--tolerance", "-1"), ("--tolerance", "x>=0")),
            (("calibrate", "--input-range", "1"), ("--input-range", "two numbers")),
            (("calibrate", "--mean", "a"), ("--mean", "numbers")),
            (("calibrate", "--images", "0"), ("--images", "1")),
            (("calibrate", "--imags", "5"), ("--imags", "--images")),
            (("recommend", "--target-acc", "0.7"), ("give the noise once",)),
            (("recommend", "--target-acc", "high"), ("--target-acc", "'high' is not a valid")),
        ],
    )
    def test_one_line_and_exit_code_2(self, arguments, words, planted_calibration, tmp_path):
        options = {
            "calibrate": ("--out", tmp_path / "o.json"),
            "fit": ("--out", tmp_path / "o.json"),
            "recommend": ("--calibration", planted_calibration),
            "noise": (),
        }
        result = run(*arguments, *options[arguments[0]])
        assert result.exit_code == 2
        assert result.stdout == ""
        require_one_line(result.stderr, *words)
        assert not (tmp_path / "o.json").exists()

    @pytest.mark.parametrize("target", ["0.1", "0.05", "1", "1.5", "nan", "-3"])
    def test_a_target_outside_chance_to_one(self, planted_calibration, target):
        result = ask(planted_calibration, target=target)
        assert result.exit_code == 2
        require_one_line(result.stderr, f"target accuracy {float(target):g}", "chance, 0.1, and 1")

    def test_a_calibration_that_is_not_shipped(self):
        result = ask("nosuch")
        assert result.exit_code == 2
        require_one_line(result.stderr, "'nosuch'")

    def test_a_folder_is_no_calibration_of_its_name(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "nosuch").mkdir()
        require_one_line(ask("nosuch").stderr, "'nosuch'", "neither a file nor a shipped one")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("train", "--sizes", "1e4:1e5:3", "--out", "ladder"),
            ("export", "b0", "--out", "b0.onnx"),
        ],
    )
    def test_a_plain_installation_names_the_extra(self, arguments, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setitem(sys.modules, "torch", None)
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (3, "")
        require_one_line(
            result.stderr, f"sizer {arguments[0]}: needs torch", "'model-sizer[train]'"
        )
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("arguments", [("recommend",), ("noise", "--step", "x"), ("frob",)])
    def test_what_the_parser_refuses(self, arguments):
        assert run(*arguments).exit_code == 2


TABLE = "model,parameters,step,correct,trials,chance\n"


class TestBadTables:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", ("no column model",)),
            ("model,parameters,step\n", ("no column correct, trials",)),
            (TABLE, ("holds no measurements",)),
            (TABLE + "a,100,0,nan,10,0\n", ("line 2", "correct is nan")),
            (TABLE + "a,100,inf,5,10,0\n", ("line 2", "step is inf")),
            (TABLE + "a,100,0,-5,10,0\n", ("line 2", "correct is -5")),
            (TABLE + "a,100,0,5,-10,0\n", ("line 2", "trials is -10")),
            (TABLE + "a,100,0,5,4,0\n", ("line 2", "trials", "not below correct")),
            (TABLE + "a,100,0,0,0,0\n", ("line 2", "trials must be at least 1")),
            (TABLE + "a,100,0,2.5,10,0\n", ("line 2", "correct is 2.5", "whole")),
            (TABLE + "a,0,0,5,10,0\n", ("line 2", "parameters must be positive")),
            (TABLE + "a,1e99,0,5,10,0\n", ("line 2", "parameters is 1e99")),
            (TABLE + "a,100,0,5,10,1\n", ("line 2", "chance below 1")),
            (TABLE + "a,100,0,five,10,0\n", ("line 2", "'five', not a number")),
            (TABLE + "a,100,0,5\n", ("line 2", "trials is ''")),
            (TABLE + ",100,0,5,10,0\n", ("line 2", "model is empty")),
            (TABLE + "a,100,0,5,10,0\na,100,0,6,10,0\n", ("line 3", "step 0 twice")),
            (TABLE + "a,100,0,5,10,0\na,200,1,6,10,0\n", ("line 3", "two descriptions")),
            (TABLE + "a,100,0,5,10,0\nb,200,0,6,10,0.1\n", ("chance must be the same",)),
            (
                "model,parameters,step,correct,trials,training\n"
                "a,100,0,5,10,clean\nb,200,0,5,10,noise 0..900\n",
                ("different trainings", "clean, noise 0..900"),
            ),
        ],
    )
    def test_one_line_names_file_and_fault(self, tmp_path, text, words):
        table, out = tmp_path / "table.csv", tmp_path / "out.json"
        table.write_text(text)
        result = run("fit", table, "--out", out)
        assert result.exit_code == 3
        require_one_line(result.stderr, *words)
        if "line" in words[0]:
            assert "table.csv, line" in result.stderr
        assert not out.exists()
        assert list(tmp_path.iterdir()) == [table]

    @pytest.mark.parametrize("contents", [b"\x89PNG\r\n\x1a\n\x00\x00", b"\xff\xfe\x00"])
    def test_what_is_no_text(self, tmp_path, contents):
        table = tmp_path / "table.csv"
        table.write_bytes(contents)
        result = run("fit", table, "--out", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, "table.csv")

    @pytest.mark.parametrize("name", ["missing.csv", "missing.json", ""])
    def test_what_is_no_file(self, tmp_path, name):
        result = run("fit", tmp_path / name, "--out", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(tmp_path / name))


def fresh_ladder(given, folder):
    shutil.copytree(given / "ladder", folder)
    return folder


def calibrate(models, data, out, *more):
    return run(
        *("calibrate", models, "--data", data, "--steps", STEPS, "--out", out),
        *("--provider", "cpu", *more),
    )


BAD_MODELS = {
    "empty": (lambda path: path.write_bytes(b""), ("is empty", "export the model again")),
    "truncated": (
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        ("not an ONNX file, or a truncated one",),
    ),
    "no ONNX": (lambda path: path.write_text("weights"), ("not an ONNX file",)),
    "wrong shape": (
        lambda path: onnx.save(network(4, shape=(8, 8, 2)), path),
        ("takes ?x8x8x2, which has no axis of 1 or 3 channels",),
    ),
    "wrong classes": (
        lambda path: onnx.save(network(4, classes=CLASSES + 2), path),
        ("tiny-4.onnx 7; calibrate each by itself",),
    ),
}


class TestBadCalibrations:
    @pytest.mark.parametrize("kind", BAD_MODELS)
    def test_models(self, given, tmp_path, kind):
        spoil, words = BAD_MODELS[kind]
        models = fresh_ladder(given, tmp_path / "ladder")
        spoil(models / "tiny-4.onnx")
        result = calibrate(models, given / "images.npz", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(models / "tiny-4.onnx"), *words)
        assert not (tmp_path / "out.json").exists()

    @pytest.mark.parametrize(
        ("name", "words"),
        [("missing.onnx", ("cannot be read",)), ("nowhere", ("cannot be read",))],
    )
    def test_models_that_are_not_there(self, given, tmp_path, name, words):
        result = calibrate(tmp_path / name, given / "images.npz", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(tmp_path / name), *words)

    def test_a_folder_without_models(self, given, tmp_path):
        (tmp_path / "ladder").mkdir()
        result = calibrate(tmp_path / "ladder", given / "images.npz", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(tmp_path / "ladder"), "holds no .onnx file")

    def test_fewer_than_three_sizes(self, given, tmp_path):
        models = save_ladder(tmp_path / "ladder", WIDTHS[:2])
        result = calibrate(models, given / "images.npz", tmp_path / "out.json")
        assert result.exit_code == 0
        warning = "2 different sizes: no width law, no collapse, no scaling law"
        before, _, after = result.stderr.partition("wrote")
        assert warning in before  # before anything is measured
        assert f"warning: {warning}" in after

    def test_no_crossings_are_warned_of(self, given, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        arguments = ("calibrate", given / "ladder", "--data", given / "images.npz")
        result = run(*arguments, "--steps", "0,1,2", "--out", tmp_path / "out.json")
        assert result.exit_code == 0
        assert "warning: no curve crosses a level" in result.stderr
        assert (tmp_path / "cache" / "sizer" / "cells.sqlite").stat().st_size > 0

    def test_a_table_of_signal_instead_of_noise(self, tmp_path):
        """An SNR in dB grows where noise falls."""
        rows = ["model,parameters,step,correct,trials"]
        rows += [f"m{n},{n},{db},{50 + 20 * db},1000" for n in (10, 100, 1000) for db in range(40)]
        table = tmp_path / "snr.csv"
        table.write_text("\n".join(rows))
        result = run("fit", table, "--out", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, "accuracy rises with the step", "noise and not a signal")

    def test_a_table_without_chance_is_warned_of(self, planted_table, tmp_path):
        lines = [line.split(",") for line in planted_table.read_text().splitlines()]
        column = lines[0].index("chance")
        table = tmp_path / "table.csv"
        table.write_text("\n".join(",".join(p[:column] + p[column + 1 :]) for p in lines))
        result = run("fit", table, "--out", tmp_path / "out.json")
        assert result.exit_code == 0
        assert "warning: the table has no column `chance`" in result.stderr
        assert load(tmp_path / "out.json").chance == 0

    @pytest.mark.parametrize("wrong", [-1, 0.5])
    def test_labels_out_of_range(self, given, tmp_path, wrong):
        labels = np.arange(50) % CLASSES + 0 * wrong
        labels[7] = wrong
        data = save_images(tmp_path / "images.npz", 50, labels)
        result = calibrate(given / "ladder", data, tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, "images.npz", "label of image 7", f"{wrong}")

    def test_a_label_that_the_models_do_not_know(self, given, tmp_path):
        labels = np.arange(50) % CLASSES
        labels[7] = CLASSES
        data = save_images(tmp_path / "images.npz", 50, labels)
        result = calibrate(given / "ladder", data, tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, "gives 5 classes, the data have 6 classes")

    @pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 torn"])
    def test_data_that_is_damaged(self, given, tmp_path, contents):
        (tmp_path / "images.npz").write_bytes(contents)
        result = calibrate(given / "ladder", tmp_path / "images.npz", tmp_path / "out.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(tmp_path / "images.npz"))

    def test_more_images_than_there_are(self, given, tmp_path):
        result = calibrate(
            given / "ladder", given / "images.npz", tmp_path / "out.json", "--images", 501
        )
        assert result.exit_code == 2
        require_one_line(result.stderr, "501 images", "1 to 500")

    def test_cuda_that_is_not_there(self, given, tmp_path):
        arguments = ("calibrate", given / "ladder", "--data", given / "images.npz")
        result = start(
            *arguments, "--provider", "cuda", "--out", tmp_path / "o.json", CUDA_VISIBLE_DEVICES=""
        )
        assert result.returncode == 3
        require_one_line(result.stderr, "provider cuda", "--provider cpu")


class TestBadOutputs:
    @pytest.mark.parametrize("name", ["missing/out.json", "file/out.json", "folder"])
    def test_what_cannot_be_written_stops_before_any_work(self, planted_table, tmp_path, name):
        (tmp_path / "file").write_text("a file")
        (tmp_path / "folder").mkdir()
        result = run("fit", planted_table, "--out", tmp_path / name)
        assert result.exit_code == 3
        assert result.stdout == ""
        require_one_line(result.stderr, str(tmp_path / name))
        assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}

    @pytest.mark.parametrize("contents", [b"", b"my notes\n", b'{"version": 1}', b"\x89PNG\x00"])
    @pytest.mark.parametrize("command", ["fit", "calibrate"])
    def test_another_format_is_left_untouched(
        self, given, planted_table, tmp_path, contents, command
    ):
        out = tmp_path / "notes"
        out.write_bytes(contents)
        source = planted_table if command == "fit" else given / "ladder"
        result = run(command, source, "--out", out)
        assert result.exit_code == 3
        require_one_line(result.stderr, str(out), "exists and is no calibration", "remove it")
        assert out.read_bytes() == contents
        assert list(tmp_path.iterdir()) == [out]

    def test_an_older_calibration_is_replaced(self, planted_table, planted_calibration, tmp_path):
        out = tmp_path / "out.json"
        text = planted_calibration.read_text()
        out.write_text(text.replace('"created_with": "', '"created_with": "older '))
        assert run("fit", planted_table, "--out", out).exit_code == 0
        assert out.read_text() == text

    def test_pictures_that_could_not_be_written_are_refused_first(self, planted_table, tmp_path):
        out, plots = tmp_path / "out.json", tmp_path / "file"
        plots.write_text("a file")
        result = run("fit", planted_table, "--out", out, "--plots", plots)
        assert result.exit_code == 3
        assert f"error: {plots}: " in result.stderr
        assert not out.exists()
        assert plots.read_text() == "a file"

    @pytest.mark.parametrize("contents", ["", "{", "[]", '{"version": 1}', "nonsense"])
    def test_a_calibration_that_is_none(self, tmp_path, contents):
        path = tmp_path / "mine.json"
        path.write_text(contents)
        result = ask(path)
        assert result.exit_code == 3
        require_one_line(result.stderr, str(path), "not a calibration", "make one with")

    def test_a_missing_calibration(self, tmp_path):
        result = ask(tmp_path / "mine.json")
        assert result.exit_code == 3
        require_one_line(result.stderr, str(tmp_path / "mine.json"), "No such file")


class TestFullDisk:
    """A limit on the size of files, which is what a full disk looks like to a program."""

    def test_the_calibration_that_was_there_stays(
        self, planted_table, planted_calibration, tmp_path
    ):
        out = tmp_path / "out.json"
        shutil.copy(planted_calibration, out)
        before = out.read_bytes()
        result = start(8192, "fit", planted_table, "--out", out, code=FILES_AT_MOST)
        assert len(before) > 8192
        assert (result.returncode, result.stdout) == (3, "")
        require_one_line(result.stderr, str(out), "choose another output")
        assert out.read_bytes() == before
        assert list(tmp_path.iterdir()) == [out]

    @pytest.mark.slow
    def test_the_cells_that_were_kept_stay_and_the_same_line_goes_on(self, given, tmp_path):
        out, cache = tmp_path / "out.json", str(tmp_path / "cache")
        line = ("calibrate", given / "ladder", "--data", given / "images.npz", "--steps", STEPS)
        line = (*line, "--out", out, "--provider", "cpu")
        # first with room enough for the images' copy in the cache, not for the cells' log
        stopped = start(60_000, *line, code=FILES_AT_MOST, XDG_CACHE_HOME=cache)
        assert stopped.returncode == 3
        require_one_line(stopped.stderr, "cells.sqlite", "make room", "run the same line again")
        assert not out.exists()
        assert start(*line, XDG_CACHE_HOME=cache).returncode == 0
        elsewhere = tmp_path / "undisturbed.json"
        assert calibrate(given / "ladder", given / "images.npz", elsewhere).exit_code == 0
        assert out.read_bytes() == elsewhere.read_bytes()

    def test_on_a_real_full_disk(self, planted_table, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no right to mount a small disk")
        try:
            result = run("fit", planted_table, "--out", disk / "out.json")
            left = list(disk.iterdir())
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        assert result.exit_code == 3
        require_one_line(result.stderr, str(disk / "out.json"), "No space left on device")
        assert not left


def test_noise_of_the_order_of_a_millionth_is_fitted_as_any_other(tmp_path):
    def accuracy(step, size):
        return 0.9 / (1 + np.exp((step - 4e-6) / 5e-7)) * (1 - size**-0.3)

    curves = ladder(accuracy, (100, 1000, 10_000), np.linspace(0, 8e-6, 20), trials=1000)
    result = run("fit", write_table(tmp_path / "t.csv", curves), "--out", tmp_path / "o.json")
    assert result.exit_code == 0
    assert load(tmp_path / "o.json").collapse.critical_step.value < 8e-6
