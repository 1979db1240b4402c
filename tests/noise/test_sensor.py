"""Read noise and gain, planted in flat fields and bursts, are found; so is what spoils them."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from sizer.errors import DataError
from sizer.noise.sensor import sensor_noise

READ, GAIN = 2.0, 0.5


def seen(light, rng, read=READ, gain=GAIN):
    """A picture of light (height, width), in grey levels, by a camera of that noise."""
    electrons = rng.poisson(np.maximum(light, 0) / gain)
    return np.clip(np.rint(gain * electrons + rng.normal(0, read, light.shape)), 0, 255)


def save(pixels, path):
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def flat_fields(folder, develop=lambda picture: picture, **camera):
    rng = np.random.default_rng(0)
    slope = np.linspace(0.95, 1.05, 192)[None, :].repeat(192, axis=0)
    for i, brightness in enumerate(np.linspace(10, 200, 10)):
        save(develop(seen(brightness * slope, rng, **camera)), folder / f"{i}.png")
    return folder


def burst(folder):
    rng = np.random.default_rng(1)
    scene = np.kron(rng.uniform(10, 200, (6, 6)), np.ones((32, 32)))
    for i in range(4):
        save(seen(scene, rng), folder / f"{i}.png")
    return folder


@pytest.mark.parametrize(("shot", "make"), [("flat field", flat_fields), ("burst", burst)])
def test_planted_noise_is_found(tmp_path, shot, make):
    found = sensor_noise(make(tmp_path), shot)
    assert found.gain.value == pytest.approx(GAIN, rel=0.05)
    assert found.gain.low < GAIN < found.gain.high
    assert found.read_noise.value == pytest.approx(READ, rel=0.2)
    for level in found.levels:
        planted = np.sqrt(READ**2 + GAIN * level.brightness)
        assert level.sigma == pytest.approx(planted, rel=0.05)
    assert found.sigma == max(level.sigma for level in found.levels)
    assert not found.enough
    assert found.warnings == ()


def test_noise_of_the_electronics_alone_is_one_sigma(tmp_path):
    found = sensor_noise(flat_fields(tmp_path, read=6.0, gain=0.001))
    assert found.enough
    assert found.sigma == pytest.approx(6.0, rel=0.05)


def test_a_developed_picture_is_told_from_a_raw_one(tmp_path):
    def develop(picture):
        return np.rint(255 * (picture / 255) ** (1 / 2.2))

    (warning,) = sensor_noise(flat_fields(tmp_path, develop)).warnings
    assert "processed" in warning


def test_what_is_no_picture_is_counted(tmp_path):
    (flat_fields(tmp_path) / "broken.png").write_bytes(b"\x89PNG")
    found = sensor_noise(tmp_path)
    assert (found.used, found.skipped) == (10, 1)


@pytest.mark.parametrize("shot", ["flat field", "burst"])
def test_more_pictures_take_no_more_memory(tmp_path, shot):
    rng, peaks = np.random.default_rng(2), []
    for count in (4, 16):
        for i in range(count):
            save(seen(np.full((300, 300), 20.0 + i), rng), tmp_path / f"{i:02}.png")
        tracemalloc.start()
        assert sensor_noise(tmp_path, shot).used == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("pictures", "words"),
    [([100], "takes two or more"), ([0, 255], "is black or white"), ([100, 100], "one brightness")],
)
def test_what_shows_nothing_is_refused(tmp_path, pictures, words):
    for i, brightness in enumerate(pictures):
        save(np.full((64, 64), brightness), tmp_path / f"{i}.png")
    with pytest.raises(DataError, match=words):
        sensor_noise(tmp_path)
