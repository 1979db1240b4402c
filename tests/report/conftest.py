"""A requirement map takes seconds: it is worked out once for each calibration."""

import functools

import pytest

from sizer.report import page


@pytest.fixture(scope="session", autouse=True)
def one_map_a_calibration():
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("requirement_map", "outlook"):
            monkeypatch.setattr(page, name, functools.cache(getattr(page, name)))
        yield
