"""Write requirements.txt and constraints.txt: every package that runs and tests need, with hashes.

The files serve any platform and Python from 3.11 on. torch and what it alone brings are left out.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
BUILD = (
    "hatchling\neditables\n"  # installed before, since a build of its own would fetch unproved ones
)
OF_TORCH = re.compile(r"^(nvidia-|cuda-|triton$|torch$)")
HEADER = "# Made by `make lock`: {what}.\n"
LOCKS = {
    "requirements.txt": ((), "what sizer needs to run"),
    "constraints.txt": (("--extra", "test"), "what its tests need too, but torch (torch.txt)"),
}


def compiled(extras: tuple[str, ...], pins: str, *options: str) -> str:
    """What uv answers for pyproject.toml and the build; `pins` are kept where they are allowed."""
    with tempfile.TemporaryDirectory() as folder:
        build, kept = Path(folder) / "build.in", Path(folder) / "kept.txt"
        build.write_text(BUILD)
        kept.write_text(pins)
        line = [
            *(str(UV), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
            *("--no-header", "--no-annotate", "--output-file", str(kept)),
            *("--constraint", "torch.txt", *extras, *options, "pyproject.toml", str(build)),
        ]
        subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return kept.read_text()


def lock(name: str) -> None:
    extras, what = LOCKS[name]
    target = ROOT / name
    pins = target.read_text() if target.exists() else ""
    names = re.findall(r"^([\w.-]+)==", compiled(extras, pins), re.MULTILINE)
    left_out = [f"--no-emit-package={name}" for name in names if OF_TORCH.match(name)]
    text = compiled(extras, pins, "--generate-hashes", *left_out)
    target.write_text(HEADER.format(what=what) + text)


def main() -> None:
    for name in LOCKS:
        lock(name)


if __name__ == "__main__":
    main()
