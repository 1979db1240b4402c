"""What runs the cells of a measurement: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sizer.cluster import EngineChoice
from sizer.extras import require_extra

if TYPE_CHECKING:
    from sizer.inference.child import Children
    from sizer.measure.work import Engine


@contextmanager
def open_engine(
    name: EngineChoice, children: "Children", tell: "Callable[[str], None]"
) -> "Iterator[Engine]":
    """The engine of that name. `tell` is told which cluster it joins, and what is tried again.

    Raises MissingExtraError before any work where a plain installation lacks what it takes.
    """
    if name == "processes":
        from sizer.measure.processes import Processes

        yield Processes(children, tell)
        return
    require_extra("ray", "sizer calibrate --engine ray")
    from sizer.measure.cluster import ray_engine

    with ray_engine(tell) as engine:
        yield engine
