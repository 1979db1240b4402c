"""What trains, where there is a GPU and where there is none."""

import pytest

from sizer.errors import ProviderError
from sizer.networks import accelerator
from sizer.networks.accelerator import choose_accelerator, trained_at_once


@pytest.mark.parametrize("works", [True, False])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, works):
    monkeypatch.setattr(accelerator, "_cuda_works", lambda: works)
    assert choose_accelerator("auto") == ("cuda" if works else "cpu")
    assert choose_accelerator("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(accelerator, "DRIVERS", ("libnosuchdriver.so.1",))
    with pytest.raises(ProviderError, match=r"no usable CUDA device.*or take --accelerator cpu"):
        choose_accelerator("cuda")


def test_a_few_models_share_a_gpu_and_each_core_has_one():
    assert [trained_at_once("cpu", cores) for cores in (1, 2, 64)] == [1, 2, 64]
    assert [trained_at_once("cuda", cores) for cores in (1, 2, 64)] == [1, 2, 4]
