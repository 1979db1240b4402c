"""The three lines, for each sort of question: what they promise is what the record holds."""

import numpy as np
import pytest
from PIL import Image

from sizer.calibration import load
from sizer.prediction.recommend import recommend
from sizer.report.answer import lines
from sizer.report.format import accuracy, amount, size_up, two_digits

FITTING = {"devices": "STM32H747XI", "max_latency_ms": 50.0}
TOLD = {
    "recommended": ({"step": 200, "accuracy": 0.75}, ("use width ", "reaches 0.75 at sigma 41 ")),
    "bounded": (
        {"step": 100, "accuracy": 0.9},
        ("no size can be named: it takes at least ", "0.90 at sigma 22 ", "a training of "),
    ),
    "unreachable": (
        {"step": 300, "accuracy": 0.9},
        ("no size of this family reaches 0.90 ", "the most that any ", "0.90 is in reach up to "),
    ),
    "far": (
        {"step": 1000, "accuracy": 0.5},
        ("nothing is known at sigma 342 ", "noise step 1000 "),
    ),
    "device fits": (
        {"step": 200, "accuracy": 0.75, **FITTING},
        ("use ", "reaches ", "STM32H747XI, int8: fits; "),
    ),
    "device fails": (
        {"step": 200, "accuracy": 0.75, **FITTING, "max_latency_ms": 1.0},
        ("use ", "reaches ", "STM32H747XI, int8: fits; too slow: "),
    ),
    "device unknown": (
        {"step": 200, "accuracy": 0.75, "devices": "STM32H743ZI", "precision": "fp16"}
        | {"max_latency_ms": 50.0},
        ("use ", "reaches ", "STM32H743ZI, fp16: fits; latency not known"),
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_each_line_begins_as_its_question_asks(case):
    question, starts = TOLD[case]
    told = lines(recommend("builtin", **question))
    assert len(told) == len(starts)
    assert [line[: len(start)] for line, start in zip(told, starts, strict=True)] == [*starts]


def test_of_pictures_their_number_is_told(tmp_path):
    noise = np.random.default_rng(0).normal(120, 20, (3, 64, 64, 3))
    for i, picture in enumerate(np.clip(noise, 0, 255).astype(np.uint8)):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    _, reaches = lines(recommend("builtin", accuracy=0.75, noise_from=tmp_path))
    assert reaches.startswith("reaches 0.75 at sigma 20 grey levels (step ")
    assert reaches.endswith("), the median of 3 pictures, 90 % sure")
    _, reaches = lines(recommend("builtin", accuracy=0.75, noise_from=tmp_path / "0.png"))
    assert reaches.endswith("), one picture's, 90 % sure")


def test_the_size_is_one_that_can_be_built():
    advice = recommend("builtin", step=200, accuracy=0.75)
    assert advice.built == advice.architecture.parameters >= advice.recommended
    assert f"{advice.built:,} parameters, " in lines(advice)[0]


def test_a_family_that_sizer_does_not_build_has_its_size_rounded_up(planted_calibration):
    advice = recommend(load(planted_calibration), step=300, accuracy=0.7)
    assert advice.architecture is None
    told = int(lines(advice)[0].split()[1].replace(",", ""))
    assert advice.recommended <= told <= 1.01 * advice.recommended


def test_many_devices_are_counted():
    told = lines(recommend("builtin", step=200, accuracy=0.75, devices="all"))[-1]
    assert told.startswith("of 7")
    assert " fit" in told


@pytest.mark.parametrize(
    ("write", "value", "words"),
    [
        (accuracy, 0.4, "0.40"),
        (accuracy, 0.815, "0.815"),
        (amount, 664_416, "0.66 M"),
        (amount, 5_600_000, "5.6 M"),
        (amount, 388_000_000, "0.39 G"),
        (size_up, 71_324, "71,400"),
        (size_up, 950, "950"),
        (two_digits, 19.4, "19"),
        (two_digits, 1234.0, "1,200"),
    ],
)
def test_numbers_have_the_digits_that_they_deserve(write, value, words):
    assert write(value) == words
