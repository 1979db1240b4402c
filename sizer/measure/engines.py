"""What runs the cells of a measurement: threads of this machine, or a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from sizer.extras import require_extra

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
    require_extra("ray", "sizer calibrate --engine ray")
    from sizer.measure.cluster import ray_engine

    with ray_engine(tell) as engine:
        yield engine
