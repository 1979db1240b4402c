"""The public API: what it gives, what it loads, and that the command line is its first client."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sizer
from sizer import errors
from sizer.cli.app import app

ROOT = Path(__file__).parents[1]
FUNCTIONS = {
    *("backtest", "calibrate", "compare", "fit", "load", "plan", "predict", "quantize"),
    *("recommend", "start", "train", "verify"),
}
QUESTION = {"step": 200, "accuracy": 0.75}


def python(script):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def builtin():
    return sizer.load("builtin")


class TestNames:
    def test_each_is_there_and_says_what_it_does(self):
        assert set(sizer.__all__) == FUNCTIONS | {"InputFormat", "errors"}
        assert set(sizer.__all__) <= set(dir(sizer))
        for name in FUNCTIONS:
            assert callable(getattr(sizer, name))
            assert "Raises" in getattr(sizer, name).__doc__

    def test_an_unknown_one_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="nothing"):
            _ = sizer.nothing

    def test_a_type_checker_reads_the_same_names_from_the_same_homes(self):
        tree = ast.parse(Path(sizer.__file__).read_text(encoding="utf-8"))
        (block,) = [n for n in tree.body if isinstance(n, ast.If)]
        seen = {alias.name: node.module for node in block.body for alias in node.names}
        assert seen.pop("errors") == "sizer"
        assert seen == {name: f"sizer.{home}" for name, home in sizer.HOMES.items()}

    def test_importing_loads_nothing(self):
        loaded = python(
            "import sys; before = {*sys.modules}; import sizer; print(*{*sys.modules} - before)"
        )
        assert set(loaded) <= {"sizer"}

    def test_a_question_leaves_every_name_a_function(self):
        """A module of that name, once imported, would take the place of the function."""
        script = (
            "import sizer; sizer.predict('builtin', parameters=1e5, step=200); "
            "from importlib import import_module; from sizer.cli import command_modules; "
            "[import_module(f'sizer.cli.{name}') for name in command_modules()]; "
            f"print(*[name for name in {sorted(FUNCTIONS)} if not callable(getattr(sizer, name))])"
        )
        assert python(script) == []


class TestCommandLine:
    """It calls these functions, with what was typed."""

    @pytest.mark.parametrize(
        ("function", "line"),
        [
            ("recommend", "recommend --noise-step 200 --target-acc 0.75"),
            ("predict", "predict --noise-step 200 --parameters 1e5"),
            ("plan", "plan --noise-step 200 --target-acc 0.75 --max-cost 1"),
            ("backtest", "backtest builtin"),
            ("compare", "compare builtin cifar100-clean"),
            ("calibrate", "calibrate --out {0}"),
            ("fit", "fit some.csv --out {0}"),
            ("train", "train --sizes 1e4:1e5:2 --out {0}"),
            ("quantize", "quantize models/builtin --out {0}"),
            ("start", "start builtin --noise-step 200 --target-acc 0.75 --out {0}"),
            ("verify", "verify model.onnx --answer answer.json"),
        ],
    )
    def test_each_command_is_one_call(self, function, line, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise errors.DataError(f"{function} was called")

        monkeypatch.setattr(sizer, function, refuse)
        result = CliRunner().invoke(app, line.format(tmp_path / "new").split())
        assert (result.exit_code, result.stderr.strip()) == (3, f"error: {function} was called")

    @pytest.mark.parametrize(
        ("ask", "line"),
        [
            (
                lambda ladder: sizer.recommend(ladder, **QUESTION, devices="STM32F411RE"),
                "recommend --noise-step 200 --target-acc 0.75 --device STM32F411RE",
            ),
            (
                lambda ladder: sizer.predict(ladder, parameters=1e5, snr_db=3),
                "predict --snr-db 3 --parameters 1e5",
            ),
            (lambda ladder: sizer.backtest(ladder, hold_out=1), "backtest builtin --hold-out 1"),
            (
                lambda ladder: sizer.plan(ladder, step=1000, accuracy=0.75, max_cost=1),
                "plan --noise-step 1000 --target-acc 0.75 --max-cost 1",
            ),
        ],
        ids=["recommend", "predict", "backtest", "plan"],
    )
    def test_to_json_is_what_it_prints(self, builtin, ask, line):
        printed = json.loads(CliRunner().invoke(app, [*line.split(), "--format", "json"]).stdout)
        given = json.loads(ask(builtin).to_json())
        if "provenance" in given:
            del given["provenance"]["commands"], printed["provenance"]["commands"]  # how it asked
        assert given == printed


class TestAnswers:
    def test_a_calibration_its_file_and_its_name_answer_alike(self, builtin, tmp_path):
        builtin.save(tmp_path / "mine.json")
        answers = [
            sizer.predict(ladder, parameters=1e5, step=200)
            for ladder in (builtin, "builtin", tmp_path / "mine.json", str(tmp_path / "mine.json"))
        ]
        assert answers == answers[:1] * 4

    def test_nothing_is_read_twice(self, monkeypatch):
        reads, read = [], Path.read_bytes
        monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path.name) or read(path))
        sizer.recommend(sizer.load("builtin"), **QUESTION)
        assert reads == ["builtin.json"]

    def test_nothing_is_printed(self, capfd, tmp_path):
        (tmp_path / "empty.csv").write_text("")
        sizer.recommend("builtin", **QUESTION, devices=["STM32F411RE"])._repr_html_()
        with pytest.raises(errors.MeasurementError):
            sizer.fit(tmp_path / "empty.csv")
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("ask", "error", "words"),
        [
            (lambda: sizer.load("nowhere"), errors.UsageError, "shipped"),
            (lambda: sizer.load("no/where.json"), errors.CalibrationError, "no/where.json"),
            (lambda: sizer.recommend("builtin", accuracy=0.7), errors.UsageError, "noise once"),
            (
                lambda: sizer.predict("builtin", parameters=1e5, step=4000),
                errors.PredictionError,
                "outside",
            ),
            (
                lambda: sizer.recommend("builtin", **QUESTION, devices="toaster"),
                errors.DeviceError,
                "toaster",
            ),
            (lambda: sizer.calibrate(steps=(0, 9000)), errors.UsageError, r"0\.\.5000"),
            (lambda: sizer.calibrate(tolerance=-1), errors.UsageError, "tolerance"),
            (lambda: sizer.calibrate("no/models"), errors.ModelError, "no/models"),
        ],
    )
    def test_errors_are_those_of_the_command_line(self, ask, error, words):
        with pytest.raises(error, match=words) as raised:
            ask()
        assert isinstance(raised.value, errors.SizerError)
        assert "\n" not in str(raised.value)


class TestTables:
    def test_of_a_calibration_are_its_cells(self, builtin):
        frame = builtin.to_frame()
        assert len(frame) == len(builtin.cells)
        cells = {(c.model, c.step): (c.correct, c.trials) for c in builtin.cells}
        given = frame.set_index(["model", "step"])[["correct", "trials"]]
        assert {key: tuple(row) for key, row in given.iterrows()} == cells
        assert frame.parameters.is_monotonic_increasing

    def test_of_a_back_test_are_predictions_beside_measurements(self, builtin):
        test = sizer.backtest(builtin, hold_out=1)
        frame = test.to_frame()
        score = test.hold_outs[0].scores[0].accuracy
        assert len(frame) == score.points
        assert ((frame.predicted - frame.measured) ** 2).mean() ** 0.5 == pytest.approx(score.rms)

    @pytest.mark.slow
    def test_of_a_plan_are_its_candidates(self, builtin):
        plan = sizer.plan(builtin, step=300, accuracy=0.6, max_cost=1)
        frame = plan.to_frame()
        assert tuple(frame.parameters) == tuple(c.parameters for c in plan.candidates)
        assert set(frame[frame.chosen].parameters) == {c.parameters for c in plan.chosen}

    def test_of_an_answer_are_its_devices(self, builtin):
        names = ["STM32F411RE", "STM32H747XI"]
        advice = sizer.recommend(builtin, **QUESTION, devices=names)
        assert list(advice.to_frame().device) == names

    def test_take_pandas_and_say_so(self, builtin, monkeypatch):
        monkeypatch.setattr("sizer.extras.find_spec", lambda name: None)
        with pytest.raises(errors.MissingExtraError, match=r"pip install 'model-sizer\[frames\]'"):
            builtin.to_frame()


class TestShown:
    def test_html_holds_the_answer_and_runs_nothing(self, builtin):
        advice = sizer.recommend(builtin, **QUESTION)
        for result in (advice, builtin):
            html = result._repr_html_()
            assert html.lstrip().startswith('<div class="sizer">')
            assert "<script" not in html
            assert ":root" not in html  # its style stays within it
        assert f"{advice.built:,}" in advice._repr_html_()

    def test_a_file_s_name_is_text(self, tmp_path):
        rows = [f"<b>m{n},{n}000,{step},{9 - n},10,0" for n in (1, 2, 3) for step in (0, 1, 2)]
        table = tmp_path / "t.csv"
        table.write_text("\n".join(["model,parameters,step,correct,trials,chance", *rows]))
        assert "<b>m1" not in sizer.fit(table)._repr_html_()


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def cells_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def executed(cells):
    """What each cell ends with, run one after the other, as a notebook does."""
    names = {}
    for cell in cells:
        *statements, last = ast.parse(cell).body
        exec(compile(ast.Module(statements, []), "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            yield eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        else:
            exec(compile(ast.Module([last], []), "cell", "exec"), names)
            yield None


class TestDocs:
    @pytest.mark.slow
    def test_the_examples_of_the_page_run(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        page = ROOT / "docs" / "api.md"
        blocks = blocks_of(page)
        assert len(list(executed(blocks))) == len(blocks) == page.read_text().count("```") // 2
        assert "target accuracy 1.5 must lie between" in capsys.readouterr().out

    def test_the_page_names_every_function(self):
        text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
        assert set(re.findall(r"^\| `sizer\.(\w+)\(", text, re.MULTILINE)) == FUNCTIONS

    @pytest.mark.slow
    def test_the_notebook_runs_and_every_cell_shows_something(self):
        notebook = ROOT / "docs" / "first-steps.ipynb"
        cells = cells_of(notebook)
        shown = [result._repr_html_() for result in executed(cells)]
        assert len(shown) == len(cells) >= 5
        assert "recommended" in shown[1]
        assert '"outputs": []' in notebook.read_text(encoding="utf-8")
