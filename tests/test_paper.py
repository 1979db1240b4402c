"""The study of docs/paper.md: what was made is kept, and its tables say what was measured."""

import paper
import pytest
from paper import Part

import sizer


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes one part whose input is a file; returns how often it was made."""
    monkeypatch.setattr(paper, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(paper, "TABLES", paper.ROOT / "out" / f"{tmp_path.name}.md")
    paper.TABLES.parent.mkdir(exist_ok=True)
    source, calls = tmp_path / "input", []

    def make(content):
        source.write_text(content)
        part = Part("p", "Title", 0.0, (source,), lambda: calls.append(1) or "words")
        paper.make_all([part], [].append)
        return len(calls)

    yield make
    paper.TABLES.unlink(missing_ok=True)


def test_a_part_is_made_once_and_again_where_its_input_changed(made):
    assert [made("a"), made("a"), made("b"), made("a")] == [1, 1, 2, 2]
    assert "## Title\n\nwords" in paper.TABLES.read_text()


def test_what_is_saved_is_said_as_far_as_it_was_measured():
    clean, noise = sizer.load("cifar100-clean"), sizer.load("cifar100-noise")
    told = {step: list(paper.savings(clean, noise, step)) for step in (20, 50, 80)}
    assert told[20] == [
        *("0.599", "more than 3,581,871", "less than 1"),
        *("0.574", "more than 3,581,871", "less than 0.3"),
    ]
    assert told[50] == ["0.410", "80,000", "45", "0.391", "58,000", "19"]
    assert told[80][1:3] == ["less than 11,920", "more than 300"]


def test_an_accuracy_is_the_mean_of_the_trainings_of_a_size():
    ladder = sizer.load("builtin")
    first, second = (curve for curve in ladder.curves if curve.size == ladder.sizes[0])
    expected = (first.accuracy[0] + second.accuracy[0]) / 2
    assert paper.accuracy(ladder, ladder.sizes[0], 0.0) == pytest.approx(expected)
