"""Answers of the shipped calibrations, kept as JSON, and how each format tells them, word for word.

What is kept as JSON need not be what is answered today. `python tests/report/test_golden.py` asks
anew and writes all files in `golden/`; read the difference. `... test_golden.py told` writes only
how the kept answers are told.
"""

import ast
import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from sizer.calibration import load
from sizer.cli import command_modules, load_commands
from sizer.cli.app import app
from sizer.devices.records import Device, DeviceVerdict
from sizer.noise import NoiseLevel
from sizer.prediction.accuracy import Prediction
from sizer.prediction.advice import Advice
from sizer.prediction.hold_outs import LadderBacktest
from sizer.prediction.outlook import Outlook, RequirementMap
from sizer.prediction.plan import TrainingPlan
from sizer.provenance import Provenance
from sizer.report import (
    advice,
    backtest,
    calibration,
    devices,
    noise,
    page,
    plan,
    prediction,
    terminal,
)
from sizer.report import json as as_json
from sizer.report.markdown import markdown

GOLDEN = Path(__file__).parent / "golden"
WIDTH = "100"  # columns of the terminal
DIGITS = 6  # of a number: the last ones are the machine's
DEVICES = ("--device", "STM32F411RE", "--device", "STM32H747XI", "--max-latency", "50")
MODEL = "models/builtin/small-8-seed0.onnx"


def question(step, accuracy, *more):
    return ("recommend", "--noise-step", str(step), "--target-acc", str(accuracy), *more)


# By name: the line that asks, the record of the answer, and what is said of it.
ANSWERS = {
    "recommended": (question(200, 0.75), Advice, advice.document),
    "held": (question(200, 0.75, *DEVICES), Advice, advice.document),
    "bounded": (question(100, 0.9), Advice, advice.document),
    "unreachable": (question(300, 0.9), Advice, advice.document),
    "untrusted": (question(1000, 0.5), Advice, advice.document),
    "predict": (
        ("predict", "--parameters", "2e5", "--noise-step", "300"),
        Prediction,
        prediction.document,
    ),
    "plan": (
        ("plan", "--noise-step", "300", "--target-acc", "0.6", "--max-cost", "1"),
        TrainingPlan,
        plan.document,
    ),
    "backtest": (
        ("backtest", "cifar100-noise", "--hold-out", "1"),
        LadderBacktest,
        backtest.document,
    ),
    "devices": (("devices", "--core", "M7"), tuple[Device, ...], devices.document),
    "check": (
        ("devices", "check", MODEL, *DEVICES),
        tuple[DeviceVerdict, ...],
        devices.verdicts_document,
    ),
    "noise": (("noise", "--step", "300"), NoiseLevel, noise.document),
}
REPORTS = {  # by name: the calibration, and the answer on its page
    "report-held": ("builtin", "held"),
    "report-ladder": ("cifar100-clean", None),
}
TOLD = [
    *(f"{name}.{form}" for name in ANSWERS for form in ("txt", "md")),
    *(f"{name}.{form}" for name in REPORTS for form in ("md", "html")),
    *("calibration.txt", "calibration.md"),
]


def kept(name, kind):
    return msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=kind)


def told(file):
    """What a format makes of a kept answer."""
    name, _, form = file.partition(".")
    if name in REPORTS:
        return written(report(*REPORTS[name]), form)
    if name == "calibration":
        document = calibration.document(load("cifar100-clean"))
    else:
        _, kind, document_of = ANSWERS[name]
        document = document_of(kept(name, kind))
    return markdown(document) + "\n" if form == "md" else shown(document)


def shown(document):
    """What the terminal shows, and below it what it does with details, where there are any."""
    short, whole = in_terminal(document, False), in_terminal(document, True)
    return short if short == whole else f"{short}\n$ --details\n{whole}"


def in_terminal(document, details):
    """With the warnings where they come."""
    with (
        io.StringIO() as out,
        redirect_stdout(out),
        redirect_stderr(out),
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        monkeypatch.setenv("COLUMNS", WIDTH)
        terminal.show(document, details)
        return out.getvalue()


def report(name, answer):
    asked = kept(answer, Advice) if answer else None
    return page.Report(
        name=name,
        calibration=load(name),
        provenance=kept(f"provenance-{name}", Provenance),
        requirements=kept(f"map-{name}", RequirementMap),
        advice=asked,
        outlook=kept("outlook", Outlook) if asked and asked.recommended else None,
    )


def written(report, form):
    """The report; of its page without the style, the script and what is drawn."""
    if form == "md":
        return page.as_markdown(report)
    text = re.sub(r"<(style|script)>.*?</\1>", "", page.as_html(report), flags=re.DOTALL)
    return re.sub(r'(<path class="[a-z0-9 ]+" d=)"[^"]*"', r"\1", text)


@pytest.fixture(scope="module", autouse=True)
def types_alone():
    with pytest.MonkeyPatch.context() as monkeypatch:
        resolve_types(monkeypatch)
        yield


def resolve_types(monkeypatch):
    """What modules import for types alone, by which records are read from JSON."""
    for module in [module for name, module in sys.modules.items() if name.startswith("sizer.")]:
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                names = dict(vars(module))
                exec(compile(ast.Module(node.body, []), module.__name__, "exec"), names)
                for name in names.keys() - vars(module).keys():
                    monkeypatch.setattr(module, name, names[name], raising=False)


@pytest.mark.parametrize("file", TOLD)
def test_an_answer_is_told_as_it_was(file):
    assert told(file) == (GOLDEN / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ANSWERS)
def test_json_is_the_record_itself(name):
    answer = kept(name, ANSWERS[name][1])
    text = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    assert json.loads(as_json.to_json(answer)) == json.loads(text)


def test_every_file_kept_is_looked_at():
    records = [*ANSWERS, "outlook"]
    records += [f"{kind}-{name}" for kind in ("map", "provenance") for name, _ in REPORTS.values()]
    assert {path.name for path in GOLDEN.iterdir()} == {*TOLD, *(f"{r}.json" for r in records)}


def keep(name, fields):
    text = re.sub(r"Python [\d.]+, numpy [\d.]+", "PROGRAMS", json.dumps(fields, indent=1))
    text = re.sub(r"(?<![\d,])-?\d+\.\d+(e-?\d+)?", lambda n: f"{float(n[0]):.{DIGITS}g}", text)
    (GOLDEN / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def ask_anew():
    """Write the records that are told."""
    load_commands(command_modules())
    for name, (line, _, _) in ANSWERS.items():
        sys.argv = ["sizer", *line]
        keep(name, json.loads(CliRunner().invoke(app, [*line, "--format", "json"]).stdout))
    for name in {name for name, _ in REPORTS.values()}:
        asked = page.report_of(load(name), name, f"sizer report {name}", None)
        keep(f"map-{name}", as_json.plain(asked.requirements))
        keep(f"provenance-{name}", as_json.plain(replace(asked.provenance)))
    size = kept("held", Advice).recommended
    keep("outlook", as_json.plain(page.outlook(load("builtin"), size, 0.9)))


def write(all_anew):
    with pytest.MonkeyPatch.context() as monkeypatch:
        resolve_types(monkeypatch)
        if all_anew:
            ask_anew()
        for file in TOLD:
            (GOLDEN / file).write_text(told(file), encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1:] != ["told"])
