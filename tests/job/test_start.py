"""`sizer start` on real pictures: what it refuses before anything is trained, and a whole job."""

import json

import numpy as np
import pytest
from easy import CLASSES, easy_folder

import sizer
from sizer import errors
from sizer.datasets import open_dataset
from sizer.datasets.records import Preprocessing
from sizer.job.noise import job_noise
from sizer.noise import linear_schedule
from sizer.progress import no_progress


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return easy_folder(tmp_path_factory.mktemp("photos"), count=120)


def asked(**changes):
    return {"accuracy": 0.8, "sigma": 10.0, **changes}


class TestRefusals:
    """Each is one line, and leaves no folder behind."""

    @pytest.mark.parametrize(
        ("changes", "error", "words"),
        [
            ({"accuracy": 0.25}, errors.UsageError, "commonest class"),
            ({"accuracy": 1.0}, errors.UsageError, "less than 1"),
            ({"sigma": None}, errors.UsageError, "noise once: --camera"),
            ({"step": 20.0}, errors.UsageError, "noise once: --camera"),
            ({"camera": "no/camera", "sigma": None}, errors.DataError, "no/camera"),
            ({"devices": "toaster"}, errors.DeviceError, "toaster"),
            ({"devices": "STM32F411RE", "max_ram": "60KiB"}, errors.DeviceError, "smaller --side"),
            ({"budget": "soon"}, errors.UsageError, "90m"),
            ({"budget": "0.001s"}, errors.UsageError, "smallest training takes"),
            ({"confidence": 0.2}, errors.UsageError, "confidence"),
            ({"precision": "fp16"}, errors.UsageError, "int8 or fp32"),
        ],
    )
    def test_a_question(self, photos, tmp_path, changes, error, words):
        with pytest.raises(error, match=words) as raised:
            sizer.start(photos, tmp_path / "job", **asked(**changes))
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "job" / "models").exists()

    def test_too_few_pictures_of_a_class_which_is_named(self, tmp_path):
        easy_folder(tmp_path / "photos", count=19 * CLASSES)
        with pytest.raises(errors.DataError, match=r"class class-0 has 19 pictures.* 20"):
            sizer.start(tmp_path / "photos", tmp_path / "job", **asked())

    def test_one_class(self, tmp_path):
        folder = easy_folder(tmp_path / "photos", count=120)
        for other in list(folder.iterdir())[1:]:
            for file in other.iterdir():
                file.unlink()
            other.rmdir()
        with pytest.raises(errors.DataError, match="two or more"):
            sizer.start(folder, tmp_path / "job", **asked())

    def test_a_plain_installation_with_the_line_that_helps(self, photos, tmp_path, monkeypatch):
        monkeypatch.setattr("sizer.extras.find_spec", lambda name: None)
        with pytest.raises(errors.MissingExtraError, match=r"pip install 'model-sizer\[train\]'"):
            sizer.start(photos, tmp_path / "job", **asked())


class TestNoise:
    def test_a_camera_is_asked_at_the_model_s_input(self, photos, tmp_path):
        camera = easy_folder(tmp_path / "camera", count=8, side=48, sigma=30, seed=1)
        data, to = open_dataset(str(photos), "test"), Preprocessing((12, 12, 3))
        noise = job_noise(dict.fromkeys(("step", "sigma", "snr_db")), camera, data, to, no_progress)
        assert noise.camera.sigma.median == pytest.approx(30, rel=0.15)
        seen = linear_schedule().sigma(noise.step)
        assert seen == pytest.approx(noise.kept * noise.camera.sigma.median, rel=0.01)
        assert noise.last >= noise.high >= noise.step

    def test_a_camera_of_another_scene_is_warned_of(self, photos, tmp_path):
        from PIL import Image

        (tmp_path / "dark").mkdir()
        for number in range(5):
            drawn = np.random.default_rng(number).normal(8, 3, (48, 48, 3))
            Image.fromarray(np.clip(drawn, 0, 255).astype(np.uint8)).save(
                tmp_path / "dark" / f"{number}.png"
            )
        data, to = open_dataset(str(photos), "test"), Preprocessing((12, 12, 3))
        level = dict.fromkeys(("step", "sigma", "snr_db"))
        noise = job_noise(level, tmp_path / "dark", data, to, no_progress)
        assert "same scene" in noise.camera.warnings[-1]


@pytest.mark.slow
def test_a_job_ends_with_a_verified_int8_model_and_goes_on_to_the_same(tmp_path):
    photos = easy_folder(tmp_path / "photos")
    said = []
    question = asked(devices="STM32H747XI", epochs=40, budget="1h", command="sizer start photos")
    job = tmp_path / "job"
    delivery = sizer.start(photos, job, **question, tell=said.append)
    assert delivery.delivered.meets
    answer = json.loads((job / "answer.json").read_text())
    assert answer["delivered"]["accuracy"] >= answer["requirement"]["target_accuracy"] == 0.8
    assert answer["delivered"]["low"] <= answer["delivered"]["accuracy"]
    assert [line.split(":")[0] for line in said[1:5]][1:] == ["noise", "to do", "cost"]
    again = sizer.start(photos, job, **question)
    assert again.delivered == delivery.delivered
    assert again.decisions == delivery.decisions
    for name in ("model.onnx", "model-int8.onnx"):
        seen = sizer.verify(job / name, job / "answer.json")
        assert (seen.meets, seen.pictures) == (True, delivery.delivered.pictures)
    assert "delivered" in (job / "report.html").read_text()
    assert sizer.load(job / "calibration.json").sizes
    with pytest.raises(errors.OutputError, match="choose another --out"):
        sizer.start(photos, job, **{**question, "accuracy": 0.7})
