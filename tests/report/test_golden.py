"""What the shipped calibrations answer, word for word, in every format.

`python tests/report/test_golden.py` writes the files in `golden/` anew; read the difference.
"""

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sizer.cli import command_modules, load_commands
from sizer.cli.app import app
from sizer.report import page

load_commands(command_modules())
ANSWERED = {}  # by function and question
GOLDEN = Path(__file__).parent / "golden"
WIDTH = {"COLUMNS": "100"}  # of the terminal
DIGITS = 6  # of a number that JSON gives in full: the last ones are the machine's
FORMATS = ("text", "json", "markdown")
MODEL = Path("models/builtin/small-8-seed0.onnx")
DEVICES = ("--device", "STM32F411RE", "--device", "STM32H747XI", "--max-latency", "50")


def question(step, accuracy, *more):
    return ("recommend", "--noise-step", str(step), "--target-acc", str(accuracy), *more)


ANSWERS = {
    "recommended": question(200, 0.75),
    "devices-answer": question(200, 0.75, *DEVICES),
    "bounded": question(100, 0.9),
    "unreachable": question(300, 0.9),
    "untrusted": question(1000, 0.5),
    "predict": ("predict", "--parameters", "2e5", "--noise-step", "300"),
    "plan": ("plan", "--noise-step", "300", "--target-acc", "0.6", "--budget", "1"),
    "backtest": ("backtest", "cifar100-noise", "--hold-out", "1"),
    "devices-list": ("devices", "--core", "M7"),
    "devices-check": ("devices", "check", MODEL, *DEVICES),
    "noise": ("noise", "--step", "300"),
}
CASES = [
    (f"{name}.{form}", (*line, "--format", form))
    for name, line in ANSWERS.items()
    for form in FORMATS
]
REPORTS = [
    ("answer.html", question(200, 0.75, *DEVICES, "--report")),
    ("answer.md", question(200, 0.75, *DEVICES, "--report")),
    ("unreachable.html", question(300, 0.9, "--report")),
    ("ladder.html", ("report", "cifar100-clean", "--out")),
    ("ladder.md", ("report", "cifar100-clean", "--out")),
    ("ladder.json", ("report", "cifar100-clean", "--out")),
]


def run(line, monkeypatch):
    """The answer, and the warnings among what is said beside it."""
    words = [str(word) for word in line]
    remember(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["sizer", *words])
    monkeypatch.chdir(Path(__file__).parents[2])
    result = CliRunner(env=WIDTH).invoke(app, words)
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    return "\n".join([result.stdout.rstrip(), *warnings]) + "\n"


def remember(monkeypatch):
    """What is slow is worked out once for all formats."""
    for place in ("sizer.plan", "sizer.backtest"):
        monkeypatch.setattr(place, remembered(attribute(place)))
    for name in ("requirement_map", "outlook"):
        monkeypatch.setattr(page, name, remembered(getattr(page, name)))


def attribute(place):
    module, _, name = place.rpartition(".")
    return getattr(import_module(module), name)


def remembered(function):
    def answer(*arguments, progress=None, **question):
        key = (function, *arguments, *question.items())
        if key not in ANSWERED:
            ANSWERED[key] = function(*arguments, **question)
        return ANSWERED[key]

    return answer


def asked(name, line, _folder, monkeypatch):
    text = run(line, monkeypatch)
    return rounded(json.loads(text)) if name.endswith("json") else text


def written(name, line, folder, monkeypatch):
    """A report, without the drawings, and without the calibration that its JSON holds."""
    path = folder / name
    run((*line, path), monkeypatch)
    text = path.read_text(encoding="utf-8").replace(str(folder), "FOLDER")
    if name.endswith("json"):
        fields = json.loads(text)
        fields["calibration"] = sorted(fields["calibration"])
        fields["requirements"]["cells"] = fields["requirements"]["cells"][::8]
        return rounded(fields)
    text = re.sub(r"Python [\d.]+, numpy [\d.]+", "PROGRAMS", text)
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    return re.sub(r'(<path class="[a-z]+" d=)"[^"]*"', r"\1", text)


def rounded(fields):
    """JSON of fields, their numbers to a few digits."""
    text = json.dumps(fields, indent=1)
    text = re.sub(r"Python [\d.]+, numpy [\d.]+", "PROGRAMS", text)
    return re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda n: f"{float(n[0]):.{DIGITS}g}", text) + "\n"


CHECKS = [(asked, *case) for case in CASES] + [(written, *case) for case in REPORTS]


@pytest.mark.parametrize(("output", "name", "line"), CHECKS, ids=[name for _, name, _ in CHECKS])
def test_the_answer_is_the_one_kept(output, name, line, tmp_path, monkeypatch):
    kept = GOLDEN / f"{output.__name__}-{name}"
    assert output(name, line, tmp_path, monkeypatch) == kept.read_text(encoding="utf-8")


def test_every_kept_answer_is_asked_for():
    kept = {path.name for path in GOLDEN.iterdir()}
    assert kept == {f"{output.__name__}-{name}" for output, name, _ in CHECKS}


def write(folder):
    for output, name, line in CHECKS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            text = output(name, line, folder, monkeypatch)
        (GOLDEN / f"{output.__name__}-{name}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        write(Path(temporary))
