"""What networks are trained on: the processor's cores, or a GPU."""

import ctypes
from contextlib import suppress

from sizer.errors import ProviderError
from sizer.networks.recipe import Accelerator, AcceleratorChoice

SHARING = 4  # small models that keep one GPU busy between them
DRIVERS = ("libcuda.so.1", "nvcuda.dll")


def choose_accelerator(requested: AcceleratorChoice) -> Accelerator:
    """CUDA if asked for or usable, else the CPU.

    Raises ProviderError if CUDA is asked for by name and torch cannot use it.
    """
    if requested == "cpu":
        return "cpu"
    if _cuda_works():
        return "cuda"
    if requested == "cuda":
        raise ProviderError(
            "accelerator cuda: torch finds no usable CUDA device; install a driver and torch's "
            "build for CUDA, or take --accelerator cpu"
        )
    return "cpu"


def _cuda_works() -> bool:
    """Whether torch has a GPU; torch, which takes long to load, is asked only beside a driver."""
    for driver in DRIVERS:
        with suppress(OSError):
            ctypes.CDLL(driver)
            import torch

            return torch.cuda.is_available()
    return False


def trained_at_once(accelerator: Accelerator, cores: int) -> int:
    """How many models share this machine: one a core, or a few on the GPU."""
    return cores if accelerator == "cpu" else min(cores, SHARING)
