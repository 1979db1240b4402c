"""Pictures decoded on all cores: Pillow decodes and resamples outside Python's lock."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sizer.cores import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function of each item, in order. Raises what it raises for the first item that fails."""
    with ThreadPoolExecutor(usable_cores()) as threads:
        return list(threads.map(function, items))
