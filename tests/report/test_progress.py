"""What the terminal shows while work is done."""

from rich.progress import Progress

from sizer import terminal


def test_a_phase_that_comes_again_has_one_bar(monkeypatch):
    shown = Progress(disable=True)
    monkeypatch.setattr(terminal, "_progress", lambda: shown)
    with terminal.measuring_progress() as progress:
        for phase, total in (("looking", 10), ("measuring", 5), ("looking", 20)):
            report = progress(phase)
            report(total, total)
    assert [(task.description, task.total) for task in shown.tasks] == [
        ("looking", 20),
        ("measuring", 5),
    ]
    assert all(task.finished for task in shown.tasks)
