"""`sizer calibrate` stopped at any moment: the same line goes on and ends with the same result."""

import random
import signal

import pytest
from stopped import BLOCK, CELLS, IMAGES, Line
from tiny import save_images, save_ladder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a ladder and images."""
    folder = tmp_path_factory.mktemp("given")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", IMAGES)
    return folder


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
