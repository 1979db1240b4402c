"""`sizer calibrate` in a process of its own, which can be stopped and started again."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from tiny import WIDTHS

IMAGES, BLOCK = 3000, 500
STEPS = tuple(range(0, 3600, 300))
CELLS = len(WIDTHS) * len(STEPS) * IMAGES // BLOCK
# The command line, telling a file how many labels each cell brought that its workers sent.
TELLING = """
import os, sys
from sizer.measure.work import Keeping
told = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
keep = Keeping.__call__
def telling(self, done):
    os.write(told, f"{len(done.labels)}\\n".encode())
    keep(self, done)
Keeping.__call__ = telling
from sizer.cli import main
main()
"""


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
        """Run to the end; returns how many labels were made on the way."""
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
