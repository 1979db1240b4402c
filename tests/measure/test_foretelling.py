"""How long a measurement will take is said before it begins, where it is long."""

from dataclasses import replace

import numpy as np
import pytest
from opened import open_model
from tiny import save_images, save_ladder

import sizer
from sizer.datasets import open_dataset
from sizer.measure import foretelling
from sizer.measure.cells import source_of
from sizer.measure.store import open_store
from sizer.noise import Noise
from sizer.progress import ignore_progress

IMAGES, CORES = 200, 4


@pytest.fixture
def data(tmp_path):
    return open_dataset(str(save_images(tmp_path / "data.npz", IMAGES)), "test")


@pytest.fixture
def models(tmp_path, data, monkeypatch):
    monkeypatch.setattr(foretelling, "usable_cores", lambda: CORES)
    files = sorted(save_ladder(tmp_path / "ladder", (2, 4)).iterdir())
    return [open_model(file, data.info) for file in files]


def test_an_image_takes_time(models):
    assert all(0 < model.seconds < 1 for model in models)


def test_it_is_the_work_over_the_cores(models):
    timed = [replace(models[0], seconds=1.0), replace(models[1], seconds=3.0)]
    images = {timed[0].info.name: 600, timed[1].info.name: 200}
    (line,) = foretelling.foretold(timed, images)
    assert line.startswith("measuring 2 models: about 5 minutes on this machine")
    assert list(foretelling.foretold(timed, dict.fromkeys(images, 10))) == []


def test_what_is_kept_takes_none(models, data, tmp_path):
    first, second = (model.info.name for model in models)
    with open_store(tmp_path / "cells.sqlite") as store:
        kept = np.zeros(50, np.int64)
        store.keep(source_of(models[0], data, Noise()), (100.0, 0, 50), kept)
        given = (models, data, Noise(), store)
        assert foretelling.images_left(*given, (0.0, 100.0), None) == {first: 350, second: 400}
        assert foretelling.images_left(*given, (0.0, 200.0), None) == {first: 400, second: 400}
        planned = foretelling.images_left(*given, None, 100)
        assert planned[second] - planned[first] == 50
        assert planned[second] == 100 * foretelling.PLANNED


def test_calibrate_says_it_before_it_measures(tmp_path, models, monkeypatch):
    monkeypatch.setattr(foretelling, "LONG", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = []

    def progress(phase):
        told.append(phase)
        return ignore_progress

    asked = {"data": tmp_path / "data.npz", "steps": (0, 100, 200, 400)}
    sizer.calibrate(tmp_path / "ladder", **asked, tell=told.append, progress=progress)
    said = next(i for i, line in enumerate(told) if "on this machine" in line)
    assert said < told.index("measuring")
