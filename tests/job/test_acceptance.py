"""Accepting a model: the interval of a count, what is asked of a CSV, and durations."""

import pytest
from scipy.stats import binomtest

from sizer.errors import DataError, UsageError
from sizer.job.acceptance import accept, counting_interval
from sizer.job.budget import parse_duration
from sizer.job.predictions import read_predictions
from sizer.prediction.question import Requirement

WANTED = Requirement(20.0, 0.8, 0.9)


@pytest.mark.parametrize(
    ("correct", "trials"), [(0, 5), (5, 5), (3, 7), (190, 240), (9000, 10_000)]
)
def test_the_interval_is_wilson_s(correct, trials):
    expected = binomtest(correct, trials).proportion_ci(0.9, "wilson")
    assert counting_interval(correct, trials, 0.9) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("correct", "meets", "sure"), [(79, False, False), (80, True, False), (95, True, True)]
)
def test_a_model_meets_it_and_surely_so_only_where_the_interval_does(correct, meets, sure):
    seen = accept("m", WANTED, correct, 100, "pictures")
    assert (seen.meets, seen.sure) == (meets, sure)
    assert seen.low < seen.accuracy < seen.high


def test_predictions_are_counted_by_name_whatever_else_the_table_has(tmp_path):
    table = tmp_path / "device.csv"
    table.write_text("﻿picture,label,predicted\na, cat ,cat\nb,dog,cat\nc,dog,dog\n")
    assert read_predictions(table) == (2, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label\ncat\n", "no column predicted"),
        ("label,predicted\n", "no predictions"),
        ("label,predicted\ncat,\n", "line 2: a class is missing"),
        ("label,predicted\ncat\n", "line 2: a class is missing"),
        ("", "no column label, predicted"),
    ],
)
def test_a_table_that_cannot_be_counted_is_named(tmp_path, text, words):
    table = tmp_path / "device.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=words) as raised:
        read_predictions(table)
    assert str(table) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("2h", 7200), ("1.5h", 5400), ("40 s", 40), ("1D", 86400)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "0m", "2 weeks", "1e9h", "٣h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="--budget"):
        parse_duration(text)
