"""Run the quick tests with the lowest versions that pyproject.toml allows."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
PLACE = ROOT / ".venv-lowest"
PYTHON = PLACE / "bin" / "python"


def run(*line: object) -> None:
    subprocess.run([str(word) for word in line], cwd=ROOT, check=True, env=os.environ)


def main() -> None:
    install = (UV, "pip", "install", "--quiet", "--python", PYTHON)
    run(UV, "venv", "--quiet", "--clear", PLACE)
    run(UV, "pip", "install", "--quiet", "--python", PYTHON, "pip")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--requirement", "torch.txt")
    run(*install, "--resolution", "lowest-direct", "--editable", ".[test]")
    run(PYTHON, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", "-m", "not slow")


if __name__ == "__main__":
    main()
