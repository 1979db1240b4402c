"""What is shown while work is done."""

import sys
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from sizer.cli import progress as bars
from sizer.networks.manifest import Epoch
from sizer.networks.reports import EpochDone


def test_a_phase_that_comes_again_has_one_bar(monkeypatch):
    shown = Progress(disable=True)
    monkeypatch.setattr(bars, "bars", lambda: shown)
    monkeypatch.setattr(bars, "PATIENCE", -1.0)  # a bar for every phase
    with bars.measuring_progress() as progress:
        for phase, total in (("looking", 10), ("measuring", 5), ("looking", 20), ("measuring", 0)):
            report = progress(phase)
            report(0, total)
            report(total, total)
    assert [(task.description, task.total) for task in shown.tasks] == [
        ("looking", 20),
        ("measuring", 5),
    ]
    assert all(task.finished for task in shown.tasks)


def test_work_without_a_phase_shows_nothing_and_makes_no_bar(monkeypatch, capsys):
    monkeypatch.setattr(bars, "bars", lambda: sys.exit("made a bar"))
    with bars.measuring_progress():
        pass
    assert capsys.readouterr() == ("", "")


COSTS = {"small-128-seed10": 30.0, "small-4-seed0": 10.0}


def epoch(name, done):
    return EpochDone(name, done, Epoch(3.4567, 0.0123))


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [0.0]
    monkeypatch.setattr(bars, "monotonic", lambda: now[0])
    return now


class TestTrainings:
    def shown(self):
        seen = []
        return seen, bars.Trainings(10, COSTS, lambda *state: seen.append(state))

    def test_the_time_left_is_at_the_pace_of_what_was_done(self, clock):
        seen, show = self.shown()
        clock[0] = 60.0
        show(epoch("small-128-seed10", 1))
        clock[0] = 200.0
        for done in range(1, 8):
            show(epoch("small-4-seed0", done))
        assert seen[-1][:3] == (100.0, 400.0, "0:10:00 left")

    def test_what_was_done_before_says_nothing_of_the_pace(self, clock):
        seen, show = self.shown()
        clock[0] = 30.0
        show(epoch("small-128-seed10", 9))
        assert seen == [(270.0, 400.0, "0:02:10 left", "small-128-seed10 9/10 loss 3.46 acc 0.01")]

    def test_a_run_that_begins_anew_adds_its_epochs(self, clock):
        seen, show = self.shown()
        for done in (1, 2, 3, 1):
            clock[0] += 1
            show(epoch("small-4-seed0", done))
        assert [state[:2] for state in seen[2:]] == [(30.0, 400.0), (40.0, 430.0)]

    def test_not_on_a_terminal_a_line_tells_every_tenth(self, capsys):
        with bars.training_progress() as progress:
            show = progress(10, {"small-4-seed0": 1.0})
            for done in range(1, 11):
                show(epoch("small-4-seed0", done))
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 10
        assert lines[2].startswith("training: 30 %, ")
        assert lines[2].endswith(" left, small-4-seed0 3/10 loss 3.46 acc 0.01")

    def test_the_bar_fits_eighty_columns(self, monkeypatch, clock):
        terminal = Console(file=StringIO(), force_terminal=True, width=80, legacy_windows=False)
        monkeypatch.setattr(bars, "talk", lambda: terminal)
        with bars.training_progress() as progress:
            show = progress(100, COSTS)
            clock[0] = 100_000.0
            show(epoch("small-128-seed10", 1))
        last = [text.plain for text in Text.from_ansi(terminal.file.getvalue()).split()][-1]
        assert "small-128-seed10 1/100 loss 3.46 acc 0.01" in last
        assert len(last) <= 80


def test_where_no_bar_moves_long_work_says_how_long_it_will_take(clock, capsys):
    lines = bars.Lines()
    for clock[0], done in ((30.0, 1), (90.0, 3), (100.0, 4)):
        lines.say("measuring", done, 12)
    assert capsys.readouterr().err == "measuring: 25%, 0:04:30 left\n"
