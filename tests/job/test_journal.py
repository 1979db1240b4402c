"""The journal: decisions outlive the process, and another job is never mixed in."""

import pytest

from sizer.errors import OutputError
from sizer.job.journal import FILE_NAME, Decision, Journal
from sizer.prediction.accuracy import AccuracyRange

ASKED = {"accuracy": "0.8", "side": "64"}
RECOMMENDED = Decision((5000,), "recommended", AccuracyRange(0.7, 0.8, 0.9), recommended=True)


def test_a_decision_is_there_again_with_all_that_was_promised(tmp_path):
    Journal(tmp_path, ASKED).decide(Decision((1000, 2000), "first"))
    Journal(tmp_path, ASKED).decide(RECOMMENDED)
    again = Journal(tmp_path, ASKED)
    assert again.sizes == (1000, 2000, 5000)
    assert again.decisions[1] == RECOMMENDED


def test_time_is_counted_over_all_runs(tmp_path):
    first = Journal(tmp_path, ASKED)
    first.save()
    text = (tmp_path / FILE_NAME).read_text()
    (tmp_path / FILE_NAME).write_text(text.replace('"seconds": 0.0', '"seconds": 500.0'))
    assert Journal(tmp_path, ASKED).seconds >= 500


def test_another_question_is_refused_by_the_name_of_what_differs(tmp_path):
    Journal(tmp_path, ASKED).save()
    with pytest.raises(OutputError, match=r"side 64, not 32; choose another --out"):
        Journal(tmp_path, {**ASKED, "side": "32"})


@pytest.mark.parametrize(
    "change",
    [
        ('"seconds": 0.0', '"seconds": -1e300'),
        ("5000", "0"),
        ("5000", "1" + "0" * 30),
        ('"best": 0.8', '"best": 80.0'),
        ("0.9", "0.1"),
    ],
)
def test_decisions_that_nobody_took_are_refused(tmp_path, change):
    Journal(tmp_path, ASKED).decide(RECOMMENDED)
    text = (tmp_path / FILE_NAME).read_text()
    assert change[0] in text
    (tmp_path / FILE_NAME).write_text(text.replace(*change))
    with pytest.raises(OutputError, match=FILE_NAME):
        Journal(tmp_path, ASKED)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"version": 9}', "\x00"])
def test_a_file_that_is_no_journal_is_left_alone(tmp_path, content):
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(OutputError, match=FILE_NAME):
        Journal(tmp_path, ASKED)
    assert (tmp_path / FILE_NAME).read_text() == content
