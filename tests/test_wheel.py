"""The wheel works where nothing of the checkout is: built, installed afresh, and asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*line: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in line], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_installed_wheel_answers_at_once(tmp_path: Path) -> None:
    built = run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--no-deps")
    for what in (("--require-hashes", "--requirement", ROOT / "requirements.txt"), (wheel,)):
        installed = run(*install, *what, cwd=tmp_path)
        assert installed.returncode == 0, installed.stderr
    assert run(python, "-m", "pip", "check", cwd=tmp_path).returncode == 0
    sizer = tmp_path / "env" / "bin" / "sizer"
    line = ["recommend", "--noise-step", "200", "--target-acc", "0.75", "--format", "json"]
    page = tmp_path / "answer.html"
    answered = run(sizer, *line, "--device", "STM32H747XI", "--report", page, cwd=tmp_path)
    assert answered.returncode == 0, answered.stderr
    assert "</html>" in page.read_text(encoding="utf-8")
    answer = json.loads(answered.stdout)
    assert answer["verdict"] == "recommended"
    assert answer["parameters"]["recommended"] > 0
    assert [device["name"] for device in answer["devices"]] == ["STM32H747XI"]
    script = (
        "import importlib.metadata, sizer; "
        "advice = sizer.recommend(sizer.load('builtin'), step=200, accuracy=0.75); "
        "print(importlib.metadata.version('model-sizer'), sizer.__version__, advice.recommended)"
    )
    installed_version, version, size = run(python, "-c", script, cwd=tmp_path).stdout.split()
    assert installed_version == version
    assert int(size) == answer["parameters"]["recommended"]
    packages = tmp_path / "env" / "lib"
    assert list(packages.glob("*/site-packages/sizer/py.typed"))
    assert len(list(packages.glob("*/site-packages/sizer/shipped/models/builtin/*.onnx"))) == 18
