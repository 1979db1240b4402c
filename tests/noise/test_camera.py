"""The camera's noise: planted at a known sigma, and what is no picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from sizer.cli.app import app
from sizer.datasets.images import decode
from sizer.errors import DataError
from sizer.noise import camera, linear_schedule
from sizer.noise.camera import camera_noise, picture_sigma

STEP_FROM_SIGMA = linear_schedule().step_from_sigma


def scene(side):
    """A smooth picture away from black and white, (side, side, 3)."""
    rows, columns = np.meshgrid(*2 * [np.linspace(0, 3, side)], indexing="ij")
    channels = [np.sin(rows + k) * np.cos(columns - k) for k in range(3)]
    return 127 + 30 * np.stack(channels, axis=-1)


def noisy(sigma, side=64, seed=0):
    """The scene with Gaussian noise, as 8-bit pixels: above sigma 40, black and white clip it."""
    drawn = np.random.default_rng(seed).normal(0, sigma, (side, side, 3))
    return np.rint(np.clip(scene(side) + drawn, 0, 255)).astype(np.uint8)


def save(folder, sigmas, suffix=".png", **options):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i}{suffix}" for i in range(len(sigmas))]
    for i, (path, sigma) in enumerate(zip(paths, sigmas, strict=True)):
        Image.fromarray(noisy(sigma, seed=i)).save(path, **options)
    return paths


def estimate(paths):
    return camera_noise(paths, linear_schedule())


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


class TestPlantedNoise:
    @settings(max_examples=30, deadline=None)  # the first one imports scikit-image
    @given(sigma=st.floats(2, 30), seed=st.integers(0, 2**32 - 1))
    def test_is_found_again(self, sigma, seed):
        """The median of 3 x 132^2 deviations has a relative error of 0.6 %."""
        assert picture_sigma(noisy(sigma, 256, seed)) == pytest.approx(sigma, rel=0.04)

    @settings(max_examples=30, deadline=None)
    @given(sigma=st.floats(5, 30), seed=st.integers(0, 2**32 - 1))
    def test_on_the_smallest_pictures_it_is_coarser_but_not_off(self, sigma, seed):
        found = [picture_sigma(noisy(sigma, 32, seed + i)) for i in range(8)]
        assert np.mean(found) == pytest.approx(sigma, rel=0.12)

    def test_clipping_hides_some(self):
        assert 60 < picture_sigma(noisy(80, 256)) < 75

    def test_a_grey_picture_and_a_flat_channel_count_once(self):
        pixels = noisy(20, 256)
        assert picture_sigma(pixels[..., :1]) == pytest.approx(20, rel=0.04)
        pixels[..., 1:] = 0
        assert picture_sigma(pixels) == pytest.approx(20, rel=0.04)

    def test_only_the_middle_of_a_large_picture_is_looked_at(self, monkeypatch):
        monkeypatch.setattr(camera, "LARGEST_SIDE", 64)
        pixels = noisy(40, 96)
        pixels[16:80, 16:80] = noisy(10)
        assert picture_sigma(pixels) == picture_sigma(noisy(10))

    @pytest.mark.filterwarnings("error")
    def test_stripes_without_noise_have_none(self):
        stripes = np.zeros((64, 64, 1), np.uint8)
        stripes[:, 32:] = 200
        assert picture_sigma(stripes) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize(
        ("pixels", "problem"),
        [
            (np.zeros((15, 40, 3), np.uint8), "smaller than 16 pixels"),
            (np.full((40, 40, 3), 255, np.uint8), "one flat colour"),
        ],
    )
    @pytest.mark.filterwarnings("error")
    def test_a_picture_that_shows_none_is_refused(self, pixels, problem):
        with pytest.raises(ValueError, match=problem):
            picture_sigma(pixels)


class TestSpread:
    def test_median_and_the_middle_nine_tenths(self, tmp_path):
        sigmas = np.linspace(5, 30, 41)
        found = estimate(save(tmp_path, sigmas))
        expected = np.percentile(sigmas, [50, 5, 95])
        sigma, step = found.sigma, found.step
        assert [sigma.median, sigma.low, sigma.high] == pytest.approx(expected, rel=0.1)
        for name in ("median", "low", "high"):
            assert getattr(step, name) == STEP_FROM_SIGMA(getattr(sigma, name))
        assert (found.used, found.skipped, found.warnings) == (41, 0, ())

    def test_compression_with_loss_is_warned_of(self, tmp_path):
        found = estimate(save(tmp_path, [20, 20], ".jpg", quality=85))
        assert found.sigma.median < 17
        assert "2 of 2 pictures were compressed" in found.warnings[0]


class TestWhatIsNoPicture:
    @pytest.fixture
    def folder(self, tmp_path):
        good = save(tmp_path, [20, 20, 20])
        (tmp_path / "text.png").write_text("not a picture")
        (tmp_path / "cut.png").write_bytes(good[0].read_bytes()[:500])
        (tmp_path / "empty.jpg").touch()
        (tmp_path / "notes.txt").write_text("no picture, and no picture's name")
        return tmp_path

    def test_is_skipped_and_counted(self, folder):
        result = run("noise", folder, "--format", "json")
        answer = json.loads(result.stdout)
        assert result.exit_code == 0
        assert (answer["used"], answer["skipped"]) == (3, 3)
        assert answer["sigma"]["median"] == pytest.approx(20, rel=0.1)
        for name in ("text.png", "cut.png", "empty.jpg"):
            assert f"skipped: {folder / name} is not a readable picture" in result.stderr
        assert "notes.txt" not in result.stderr
        assert "3, 3 skipped" in run("noise", folder).stdout

    def test_a_decompression_bomb_is_refused_before_it_is_unpacked(self, tmp_path, monkeypatch):
        (path,) = save(tmp_path, [20])
        for limit in (64 * 64 - 1, 64 * 64 // 2 - 1):  # Pillow warns of one and raises on the other
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
            with pytest.raises(DataError, match=rf"has more than {limit:,} pixels"):
                estimate([path])

    def test_a_huge_file_is_not_read(self, tmp_path):
        path = tmp_path / "huge.png"
        with path.open("wb") as file:
            file.truncate(camera.LARGEST_FILE + 1)
        with pytest.raises(DataError, match="larger than 256 MiB"):
            estimate([path])

    def test_a_file_that_goes_away_is_skipped(self, tmp_path):
        paths = save(tmp_path, [20, 20])

        def take_away(_done, _total):
            paths[1].unlink(missing_ok=True)

        found = camera_noise(paths, progress=lambda _phase: take_away)
        assert (found.used, found.skipped) == (1, 1)
        assert "cannot be read (No such file" in str(found.pictures[1].problem)

    @given(contents=st.binary(max_size=200))
    def test_any_bytes_are_skipped_without_a_crash(self, contents):
        def damaged(_path):
            return decode(b"\x89PNG\r\n\x1a\n" + contents)

        with pytest.raises(ValueError, match="is not"):
            damaged(Path("any.png"))

    @pytest.mark.parametrize("name", ["nothing", "text.png", "folder"])
    def test_none_left_is_one_line(self, tmp_path, name):
        (tmp_path / "text.png").write_text("not a picture")
        (tmp_path / "folder").mkdir()
        result = run("noise", tmp_path / name)
        (line,) = [line for line in result.stderr.splitlines() if "━" not in line]
        assert (result.exit_code, result.stdout) == (3, "")
        assert line.startswith(f"error: {tmp_path / name}: ")

    def test_pictures_and_a_level_contradict_each_other(self, folder):
        result = run("noise", folder, "--sigma", 3)
        assert (result.exit_code, result.stdout) == (2, "")


class TestRecommend:
    def ask(self, folder, *more):
        return run("recommend", "--target-acc", 0.75, "--noise-from", folder, *more)

    def test_answers_for_the_median_and_warns_of_the_noisy_end(self, tmp_path):
        save(tmp_path, np.linspace(10, 35, 11))
        result = self.ask(tmp_path, "--format", "json")
        answer = json.loads(result.stdout)
        step = answer["camera"]["step"]
        assert answer["requirement"]["noise_step"] == step["median"]
        assert step["low"] < step["median"] < step["high"]
        assert set(answer["camera"]) == {"sigma", "step", "used", "skipped"}
        (warning,) = [text for text in answer["warnings"] if "noisy end" in text]
        at_high = json.loads(
            run(
                *("recommend", "--target-acc", 0.75, "--noise-step", step["high"]),
                *("--format", "json"),
            ).stdout
        )
        assert at_high["parameters"]["recommended"] > answer["parameters"]["recommended"]
        assert f"use {at_high['architecture']['parameters']:,} parameters" in warning
        assert "camera's step" in self.ask(tmp_path, "--details").stdout

    @pytest.mark.parametrize("side", [16, 64, 128])
    def test_what_resizing_to_the_models_input_leaves_is_said(self, tmp_path, side):
        """The built-in models see 16 x 16 pixels."""
        Image.fromarray(noisy(20, side)).save(tmp_path / "picture.png")
        at_noise = ("--noise-from", tmp_path, "--format", "json")
        for line in (("recommend", "--target-acc", 0.75), ("predict", "--parameters", 2e5)):
            answer = json.loads(run(*line, *at_noise).stdout)
            said = [text for text in answer["warnings"] if "resizing leaves" in text]
            assert len(said) == (side > 16)
        if said:
            assert f"{side} x {side}, the models see 16 x 16" in said[0]
            sigma = camera_noise([tmp_path]).sigma.median
            asked = float(said[0].partition("--sigma ")[2].split()[0])
            assert asked == pytest.approx(sigma * 16 / side, rel=0.35)

    def test_one_picture_has_no_noisier_end(self, tmp_path):
        save(tmp_path, [20])
        answer = json.loads(self.ask(tmp_path, "--format", "json").stdout)
        assert not any("noisy end" in text for text in answer["warnings"])

    def test_the_noise_is_given_once(self, tmp_path):
        result = self.ask(tmp_path, "--sigma", 20)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--noise-from" in result.stderr

    def test_a_table_in_another_unit_has_no_use_for_pictures(self, planted_calibration, tmp_path):
        result = self.ask(tmp_path, "--calibration", planted_calibration)
        assert result.exit_code == 2
        assert "its own unit" in result.stderr
