"""What resizing leaves of noise that each pixel has of its own."""

import pytest
from scipy.integrate import quad

from sizer.datasets.records import Preprocessing
from sizer.noise.resampling import noise_kept


def keys(x):
    """The kernel of bicubic resampling, a = -1/2 (Keys 1981, doi:10.1109/TASSP.1981.1163711)."""
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


@pytest.mark.parametrize("times", [2, 5, 10])
def test_a_kernel_leaves_the_root_of_its_energy(times):
    """Along both axes, and `times` as wide; a box of as many pixels would leave 1 / times."""
    energy, _ = quad(lambda x: keys(x) ** 2, -2, 2, points=[-1, 0, 1])
    kept = noise_kept((24 * times, 24 * times), Preprocessing((24, 24, 3)))
    assert kept == pytest.approx(energy / times, rel=0.1)


def test_what_has_the_inputs_size_keeps_all():
    assert noise_kept((24, 24), Preprocessing((24, 24, 3))) == 1
