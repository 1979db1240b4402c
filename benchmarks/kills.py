"""Kill `train`, `quantize`, `calibrate` and `report` at random moments, again and again.

Each line is first run undisturbed. Then it is started in an empty folder, killed with SIGKILL at a
moment drawn between nothing and as long as it took, given again and killed again, and at last run
to its end. What it leaves must be the undisturbed one's, byte for byte; partial files are left
out, which are swept up a minute later.

Run: python benchmarks/kills.py --kills 50
"""

import argparse
import hashlib
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import types
from importlib import import_module
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # so that no thread is there when a run is forked
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from tiny import save_images, save_ladder

from sizer.cli import main as main_of_sizer

LIBRARIES = ("lmfit", "onnxruntime.quantization", "scipy.optimize", "torch")
IN_A_ROW = 5  # kills of one folder before it may end
TOLD = "stderr"  # the file of it
MADE_BY_TIME = {"timings.json", TOLD}  # how long a training took is another figure each time
STEPS = ",".join(str(step) for step in range(0, 3600, 600))
# Line, what it makes, and which line is given that.
MADE_FIRST = (("train", "trained", "quantize"), ("calibrate", "calibration.json", "report"))
LINES = {
    "train": "train --data {given}/photos.npz --sizes 5e3:8e3:2 --seeds 1 --epochs 4"
    " --augment none --out out",
    "quantize": "quantize {given}/trained --data {given}/photos.npz --out out",
    "calibrate": "calibrate {given}/ladder --data {given}/images.npz --provider cpu"
    f" --steps {STEPS} --out out.json",
    "report": "report {given}/calibration.json --out out.html",
}


def prepare(given: Path) -> None:
    """What the lines are given."""
    import numpy as np

    random_pixels = np.random.default_rng(1)
    labels = np.arange(600) % 5
    pixels = random_pixels.integers(0, 256, (600, 8, 8, 3)) // 4 + labels[:, None, None, None] * 40
    np.savez(given / "photos.npz", images=pixels.astype(np.uint8), labels=labels)
    save_ladder(given / "ladder")
    save_images(given / "images.npz", 3000)


def start(line: str, place: Path, given: Path) -> int:
    """`sizer` in a fork of this process, which has its libraries already; returns its number."""
    place.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if process == 0:
        _become_sizer(line.format(given=given).split(), place)
    return process


def _become_sizer(words: list[str], place: Path) -> None:
    """Never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        told = os.open(place / TOLD, os.O_CREAT | os.O_RDWR | os.O_TRUNC)
        for number, stream in enumerate((nothing, nothing, told)):
            os.dup2(stream, number)
        os.chdir(place)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")
        sys.argv = ["sizer", *words]
        sys.modules["__main__"] = types.ModuleType("__main__")  # what it starts runs no benchmark
        main_of_sizer()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        os._exit(code)


def finish(line: str, place: Path, given: Path) -> float:
    """Run to the end; returns how many seconds it took."""
    began = time.monotonic()
    _, status = os.waitpid(start(line, place, given), 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{line}: {(place / TOLD).read_text()}")
    return time.monotonic() - began


def kill(line: str, place: Path, given: Path, after: float) -> bool:
    """Whether it was still running then."""
    process = start(line, place, given)
    watched = os.pidfd_open(process)
    ended, _, _ = select.select([watched], [], [], after)
    os.close(watched)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return not ended


def results(place: Path) -> dict[str, str]:
    """Hashes of all that a line leaves outside the cache."""
    files = [file for file in sorted(place.rglob("*")) if file.is_file()]
    return {
        str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.relative_to(place).parts[0] != "cache" and file.name not in MADE_BY_TIME
    }


def _load() -> None:
    """What all runs need, which then takes none of their time."""
    for name in (*LIBRARIES, *(f"sizer.cli.{line}" for line in LINES)):
        import_module(name)


def tried(name: str, kills: int, given: Path, folder: Path, moments: random.Random) -> str:
    """Kill one line so often; returns what came of it, as a row of a table."""
    line, whole = LINES[name], folder / f"{name}-whole"
    seconds = finish(line, whole, given)
    wanted, done, rounds, wrong = results(whole), 0, 0, 0
    while done < kills:
        place = folder / f"{name}-{rounds}"
        rounds += 1
        for _ in range(min(IN_A_ROW, kills - done)):
            done += kill(line, place, given, moments.uniform(0, seconds))
        finish(line, place, given)
        left = results(place)
        swept = {file: made for file, made in left.items() if not file.endswith(".partial")}
        wrong += swept != wanted
        shutil.rmtree(place)
    return f"| {name} | {done} | {rounds} | {rounds - wrong} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each line")
    parser.add_argument("--lines", nargs="+", default=list(LINES), choices=LINES)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        given = folder / "given"
        given.mkdir()
        prepare(given)
        _load()
        for name, target, user in MADE_FIRST:
            if user not in options.lines:
                continue
            place = folder / f"made-{name}"
            finish(LINES[name], place, given)
            shutil.move(place / LINES[name].split()[-1], given / target)
        print("| line | kills | folders | byte-equal |\n|---|---|---|---|", flush=True)
        for name in options.lines:
            moments = random.Random(f"{options.seed} {name}")
            print(tried(name, options.kills, given, folder, moments), flush=True)


if __name__ == "__main__":
    main()
