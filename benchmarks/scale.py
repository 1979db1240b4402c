"""How long and how much memory much of something takes: steps, rows of a table, models in a folder.

Each is one line of `sizer` in a process of its own; its peak is of the kernel, children included.

Run: python benchmarks/scale.py --steps 2000 --rows 1000000 --models 3000
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from tiny import save_images, save_ladder

RUN = "from sizer.cli import main; main()"


def table(path: Path, models: int, steps: int) -> None:
    """Curves that fall later the larger a model is."""
    with path.open("w") as file:
        file.write("model,parameters,step,correct,trials,chance\n")
        for model in range(models):
            size = 1000 * 4**model if models < 10 else 1000 + 10 * model
            for step in range(steps):
                noise = 3 * step / steps / (1 + model / models)
                correct = round(100 + 800 / (1 + noise**4))
                file.write(f"m{model},{size},{step * 3000 / steps:g},{correct},1000,0.1\n")


def run(what: str, line: str, folder: Path) -> None:
    """One line; prints a row."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *line.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    said = (ended.stderr.strip().splitlines() or [""])[-1][:120]
    print(f"| {what} | {ended.returncode} | {seconds:.0f} s | {peak:,} MiB | {said} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--models", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        print("| what | exit | time | peak so far | said last |\n|---|---|---|---|---|", flush=True)
        if options.steps:
            table(folder / "steps.csv", 5, options.steps)
            run(f"fit 5 models x {options.steps:,} steps", "fit steps.csv --out s.json", folder)
            run("report of them", "report s.json --out s.html", folder)
        if options.rows:
            table(folder / "rows.csv", options.rows // 1000, 1000)
            run(f"fit {options.rows:,} rows", "fit rows.csv --out r.json", folder)
        if options.models:
            save_ladder(folder / "many", tuple(range(2, 2 + options.models)))
            save_images(folder / "images.npz", 60)
            line = "calibrate many --data images.npz --provider cpu --steps 0,300,900 --out m.json"
            run(f"calibrate {options.models:,} models x 3 steps", line, folder)


if __name__ == "__main__":
    main()
