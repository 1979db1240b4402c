"""`sizer calibrate` stopped at any moment: the same line goes on and ends with the same result."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from tiny import WIDTHS, save_images, save_ladder

IMAGES, BLOCK = 3000, 500
STEPS = tuple(range(0, 3600, 300))
CELLS = len(WIDTHS) * len(STEPS) * IMAGES // BLOCK
# The command line, telling a file how many images each model was really shown.
TELLING = """
import os, sys
from sizer.inference import predictor
told = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
prepare = predictor.OnnxPredictor.prepare
def telling(self, clean, epsilon):
    labels = prepare(self, clean, epsilon)
    def tell(mu, sigma):
        os.write(told, f"{len(clean)}\\n".encode())
        return labels(mu, sigma)
    return tell
predictor.OnnxPredictor.prepare = telling
from sizer.cli import main
main()
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a ladder and images."""
    folder = tmp_path_factory.mktemp("given")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", IMAGES)
    return folder


class Line:
    """One command line, which can be started again and again."""

    def __init__(self, given, place):
        self.place = place
        self.store = place / "cache" / "sizer" / "cells.sqlite"
        self.out, self.told = place / "out.json", place / "told"
        self.command = [
            *(sys.executable, "-c", TELLING, str(self.told)),
            *("calibrate", str(given / "ladder"), "--data", str(given / "images.npz")),
            *("--steps", ",".join(map(str, STEPS)), "--out", str(self.out), "--provider", "cpu"),
        ]
        self.environment = os.environ | {"XDG_CACHE_HOME": str(place / "cache")}

    def start(self):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command, env=self.environment, text=True, **pipes)

    def finish(self):
        """Run to the end; returns how many images were shown to models."""
        self.told.unlink(missing_ok=True)
        with self.start() as process:
            error = process.stderr.read()
        assert process.returncode == 0, error
        return sum(map(int, self.told.read_text().split())) if self.told.exists() else 0

    def cells(self):
        """All finished cells, with their labels as they lie in the store."""
        if not self.store.exists():
            return {}
        query = """SELECT description, step, start, stop, labels
            FROM cells JOIN sources ON sources.id = cells.source"""
        with closing(sqlite3.connect(self.store, timeout=10)) as connection:
            try:
                return {row[:4]: row[4] for row in connection.execute(query)}
            except sqlite3.OperationalError:  # its tables are not made yet
                return {}

    def stop_when(self, cells, after, how):
        """Send a signal, some seconds after so many cells are finished; what it said and gave."""
        with self.start() as process:
            while len(self.cells()) < cells and process.poll() is None:
                time.sleep(0.005)
            time.sleep(after)
            process.send_signal(how)
            return process.stderr.read(), process.wait()


@pytest.fixture(scope="module")
def undisturbed(given, tmp_path_factory):
    line = Line(given, tmp_path_factory.mktemp("undisturbed"))
    assert line.finish() == CELLS * BLOCK
    return line


def test_killed_again_and_again_it_ends_with_the_same_cells_and_file(given, undisturbed, tmp_path):
    line, moments = Line(given, tmp_path), random.Random(77)
    for most in (CELLS // 3, 2 * CELLS // 3, CELLS):  # the last may fall into the fit
        before = line.cells()
        least = moments.randrange(len(before) + 1, most)
        _, code = line.stop_when(least, moments.uniform(0, 0.1), signal.SIGKILL)
        after = line.cells()
        assert code == -signal.SIGKILL
        assert len(after) >= least
        assert before.items() <= after.items()
        assert not line.out.exists()
    left = CELLS - len(line.cells())
    assert line.finish() == left * BLOCK
    assert line.cells() == undisturbed.cells()
    assert len(line.cells()) == CELLS
    assert line.out.read_bytes() == undisturbed.out.read_bytes()


def test_interrupted_it_says_so_in_one_line_and_loses_nothing(given, undisturbed, tmp_path):
    line = Line(given, tmp_path)
    error, code = line.stop_when(20, 0.02, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in error
    assert error.splitlines()[-1] == "interrupted; nothing measured is lost: the same line goes on"
    finished = line.cells()
    assert 20 <= len(finished) < CELLS
    assert finished.items() <= undisturbed.cells().items()
    assert not line.out.exists()
