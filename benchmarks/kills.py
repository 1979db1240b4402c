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
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from tiny import save_images, save_ladder

IN_A_ROW = 5  # kills of one folder before it may end
RUN = "from sizer.cli import main; main()"
MADE_BY_TIME = {"timings.json"}  # how long a training took is another figure each time
STEPS = ",".join(str(step) for step in range(0, 3600, 300))
# Line, what it makes, and which line is given that.
MADE_FIRST = (("train", "trained", "quantize"), ("calibrate", "calibration.json", "report"))
LINES = {
    "train": "train --data {given}/photos.npz --sizes 5e3:1e4:2 --seeds 1 --epochs 4"
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
    labels = np.arange(1500) % 5
    pixels = (
        random_pixels.integers(0, 256, (1500, 16, 16, 3)) // 4 + labels[:, None, None, None] * 40
    )
    np.savez(given / "photos.npz", images=pixels.astype(np.uint8), labels=labels)
    save_ladder(given / "ladder")
    save_images(given / "images.npz", 3000)


def start(line: str, place: Path, given: Path) -> "subprocess.Popen[bytes]":
    place.mkdir(parents=True, exist_ok=True)
    words = line.format(given=given).split()
    environment = os.environ | {"XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        cwd=place,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )


def finish(line: str, place: Path, given: Path) -> float:
    """Run to the end; returns how many seconds it took."""
    began = time.monotonic()
    with start(line, place, given) as process:
        assert process.stderr is not None
        error = process.stderr.read().decode()
    if process.returncode:
        raise SystemExit(f"{line}: {error}")
    return time.monotonic() - began


def kill(line: str, place: Path, given: Path, after: float) -> bool:
    """Whether it was still running then."""
    with start(line, place, given) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
    return False


def results(place: Path) -> dict[str, str]:
    """Hashes of all that a line leaves outside the cache."""
    files = [file for file in sorted(place.rglob("*")) if file.is_file()]
    return {
        str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.relative_to(place).parts[0] != "cache" and file.name not in MADE_BY_TIME
    }


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
