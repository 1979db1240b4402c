"""A Ray cluster: how one is joined, what it has room for, and whether its nodes are alike.

`ray` is imported inside functions, since it is an extra.
"""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from sizer.cores import usable_cores
from sizer.errors import ClusterError

EngineChoice = Literal["processes", "ray"]

ADDRESS = "RAY_ADDRESS"  # Ray's own convention: the cluster to join
ATTEMPTS = 5  # workers that may be lost in a row over one thing, before it must be its fault
KNOCK = 5.0  # seconds to try whether an address answers, for Ray itself tries for minutes
PATIENCE = 1.0  # seconds to wait for results before the cluster is looked at again


@contextlib.contextmanager
def cluster(doing: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Join the cluster that RAY_ADDRESS names, or start one of this machine alone, for a block.

    `tell` is told what is done on which one. Raises ClusterError where it cannot be joined or
    started.
    """
    # What Ray's nodes report is printed to stdout, where only answers belong.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            tell(f"{doing} on {_connect()}")
            yield
        finally:
            import ray

            ray.shutdown()


def _connect() -> str:
    """Join the cluster that is named, or start one here; returns which, in words."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read by what Ray starts: nothing phones home
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # of tasks that an error here has left behind
    address = os.environ.get(ADDRESS)
    if address:
        _require_answer(address)
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    here = {"num_cpus": usable_cores(), "include_dashboard": False}
    try:
        joined = ray.init(address=address or "local", **quiet, **({} if address else here))
    except Exception as error:  # Ray's own exceptions here share no narrower base
        where = f"{ADDRESS}={address}" if address else "a Ray cluster on this machine"
        raise ClusterError(
            f"{where}: cannot be reached ({first_line(error)}); "
            "join this machine to it with ray start, or take --engine processes"
        ) from None
    if address:
        place = f"the Ray cluster at {joined.address_info['address']}, which {ADDRESS} names"
    else:
        place = f"a Ray cluster of this machine alone, as {ADDRESS} is not set"
    return f"{place}: {room('CPU')} CPUs, {room('GPU')} GPUs"


def _require_answer(address: str) -> None:
    """Raise ClusterError for an address that is not a node's, or where none answers."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{ADDRESS}={address}: sizer runs on a node of the cluster, not as a remote client; "
            "join this machine with ray start, and give HOST:PORT"
        )
    host, colon, port = address.rpartition(":")
    if not colon:
        return  # one of Ray's own words, such as auto
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"{ADDRESS}={address}: no Ray cluster answers ({error}); give the HOST:PORT that "
            "ray start showed, or take --engine processes"
        ) from None


def room(resource: str) -> int:
    """How much of a resource the cluster has now, `CPU` or `GPU`."""
    import ray

    return int(ray.cluster_resources().get(resource, 0))


def require_room(resource: str, remedy: str) -> None:
    """Raise ClusterError where the cluster has none of a resource; remedy: else than more nodes."""
    if room(resource) < 1:
        raise ClusterError(f"the Ray cluster has no {resource}; join a node that has one{remedy}")


def require_same(versions_there: str, packages: tuple[str, ...]) -> None:
    """In a worker: raise ClusterError where its packages are others than those of who asks."""
    here = versions(packages)
    if here != versions_there:
        import ray

        node = ray.util.get_node_ip_address()
        raise ClusterError(
            f"node {node} has {here}, this machine {versions_there}; install the same there"
        )


@lru_cache
def versions(packages: tuple[str, ...]) -> str:
    """The versions of packages, as far as they are installed here."""
    installed = []
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            installed.append(f"{name} {version(name)}")
    return ", ".join(installed)


def cause_of(error: BaseException) -> BaseException:
    """What a worker itself raised, where it raised anything, else the loss of it."""
    return getattr(error, "cause", None) or error


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".: ")
