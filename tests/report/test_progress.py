"""What is shown while work is done."""

import sys

from rich.progress import Progress

from sizer.cli import progress as bars


def test_a_phase_that_comes_again_has_one_bar(monkeypatch):
    shown = Progress(disable=True)
    monkeypatch.setattr(bars, "bars", lambda: shown)
    monkeypatch.setattr(bars, "PATIENCE", -1.0)  # a bar for every phase
    with bars.measuring_progress() as progress:
        for phase, total in (("looking", 10), ("measuring", 5), ("looking", 20)):
            report = progress(phase)
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
