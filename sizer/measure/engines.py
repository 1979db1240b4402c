"""What runs the cells of a measurement: threads of this machine, or a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from sizer.errors import MissingExtraError

if TYPE_CHECKING:
    from sizer.measure.work import Engine

EngineChoice = Literal["threads", "ray"]


@contextmanager
def open_engine(name: EngineChoice, tell: "Callable[[str], None]") -> "Iterator[Engine]":
    """The engine of that name; `tell` is told which cluster it joins.

    Raises MissingExtraError before any work where a plain installation lacks what it takes.
    """
    if name == "threads":
        from sizer.measure.threads import run

        yield run
        return
    if find_spec("ray") is None:
        raise MissingExtraError(
            "sizer calibrate --engine ray: needs ray; "
            "install sizer with its extra, as in pip install 'sizer[ray]'"
        )
    from sizer.measure.cluster import ray_engine

    with ray_engine(tell) as engine:
        yield engine
