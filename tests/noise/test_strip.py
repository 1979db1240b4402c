"""A picture with noise is one with that noise, and a strip holds one beside the other."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.noise import linear_schedule
from sizer.noise.strip import glyphs, noisy, steps_around


def noise(*words):
    return CliRunner().invoke(app, ["noise", *map(str, words)])


def test_the_noise_has_its_sigma():
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert (noisy(grey, 20.0) - 128.0).std() == pytest.approx(20, rel=0.02)
    assert np.array_equal(noisy(grey, 0.0), grey)


def test_what_is_asked_about_is_in_the_middle():
    assert steps_around(300, 5000) == (0, 150, 300, 450, 600)
    assert steps_around(4000, 5000) == (0, 2000, 4000, 5000)
    assert steps_around(0, 5000) == (0,)


def test_glyphs_are_a_square_of_them():
    assert glyphs().shape == (48, 48, 3)


def test_a_strip_of_a_photograph(tmp_path):
    rows = np.tile(np.arange(256, dtype=np.uint8), (200, 1))
    Image.fromarray(rows).save(tmp_path / "photo.jpg")
    out = tmp_path / "strip.png"
    result = noise("--step", 300, "--show", tmp_path / "photo.jpg", "--out", out)
    assert result.exit_code == 0
    assert f"wrote {out}" in result.stderr
    strip = np.asarray(Image.open(out).convert("L"), dtype=float)
    first, third = strip[:200, :256], strip[:200, 2 * 264 : 2 * 264 + 256]
    middle = slice(120, 136)  # where nothing is clipped
    sigma = linear_schedule().sigma(300)
    colours = np.sqrt(0.299**2 + 0.587**2 + 0.114**2)  # of luma: each channel has its own noise
    found = (third - first)[:, middle].std()
    assert found == pytest.approx(colours * sigma, rel=0.1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--show", "a.png"), 2, "needs a noise level"),
        (("--step", 30, "--show", "a.png"), 3, "a.png"),
        (("--step", 30, "--show", "/dev/zero"), 3, "/dev/zero"),
        (("--step", 30, "--flat-field", "walls"), 2, "give one of"),
        (("--burst", "nowhere"), 3, "nowhere"),
    ],
)
def test_what_cannot_be_shown(words, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = noise(*words)
    assert result.exit_code == code
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
