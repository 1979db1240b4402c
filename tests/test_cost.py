"""The cost of searching for a size: each way finds what it should on a grid that is known."""

import cost
import pytest
from cost import STEPS, Grid

SIZES = tuple(round(5000 * 1.3**i) for i in range(19))  # to 560,000
TRAINED = cost.EPOCHS * cost.TRAINED + len(STEPS) * 2000


@pytest.fixture
def grid():
    """Accuracy rises with every size; a parameter costs a multiply-accumulate."""
    rise = [800 + 60 * i for i in range(len(SIZES))]
    correct = {n: tuple(r - 50 * k for k in range(4)) for n, r in zip(SIZES, rise, strict=True)}
    return Grid(2000, dict(zip(SIZES, SIZES, strict=True)), correct)


def test_a_requirement_is_met_by_its_smallest_size_and_no_smaller_one(grid):
    asked = cost.questions(grid)
    assert len(set(asked)) == len(asked) == cost.ASKED
    assert {question.step for question in asked} == set(STEPS)
    for question in asked:
        meeting = [n for n in SIZES if grid.accuracy(n, question.step) >= question.target]
        assert meeting[0] == question.smallest
        assert cost.FIRST / 1.3 < question.smallest < cost.LAST


def test_bisection_finds_the_smallest_size_in_as_many_trainings_as_it_takes_to_halve(grid):
    for place, size in enumerate(SIZES):
        trained = list(cost.by_bisection(grid, lambda n, size=size: n >= size))
        assert min(n for n in trained if n >= size) == size
        assert len(trained) <= 5, place


def test_doubling_stops_at_the_first_that_will_do_and_never_above_twice_the_need(grid):
    for size in SIZES:
        trained = list(cost.by_doubling(grid, lambda n, size=size: n >= size))
        assert trained[-1] >= size
        assert all(n < size for n in trained[:-1])
        assert trained[-1] < 2.3 * size


def test_start_finds_a_size_and_pays_for_what_it_trained_alone(grid):
    question = cost.questions(grid)[6]
    trained, found = cost.by_start(grid, question)
    assert found in trained
    assert question.smallest <= found <= 2 * question.smallest
    assert cost.paid(grid, trained) == pytest.approx(sum(trained) * TRAINED / 1e12)
