"""What a format of data sets is."""

from collections.abc import Callable
from dataclasses import dataclass

from sizer.datasets.dataset import Dataset
from sizer.datasets.splits import Split
from sizer.datasets.survey import Reading


@dataclass(frozen=True, slots=True)
class Format:
    """words: what a user gives for it. fits: whether a data spec is one. open: reads a split."""

    words: str
    fits: Callable[[str], bool]
    open: Callable[[str, Split, Reading], Dataset]
