"""The machine here as a device: what it says of itself, and networks timed on it."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sizer.devices.records import Device, Timing
from sizer.errors import ModelError, OutputError
from sizer.io import write_text

if TYPE_CHECKING:
    from sizer.inference.child import Child

CPU_INFO = Path("/proc/cpuinfo")
HIGHEST_CLOCK = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")  # kHz


def add_device(
    name: str, models: Sequence[Path], output: Path, input_side: int | None = None
) -> Device:
    """Time ONNX files on this machine, one thread, and write it as a device of that name.

    The file is for `devices_file`. input_side: pixels, of models that take any. Raises ModelError
    for a file that cannot be timed, and OutputError where the output is there already or cannot be
    written.
    """
    from sizer.devices.catalogue import to_toml
    from sizer.inference.child import Child, bounds_of, size_of
    from sizer.inference.sized import with_side

    if output.exists():
        raise OutputError(f"{output}: exists; choose another --out or remove it")
    with TemporaryDirectory() as folder, Child() as child:
        sized = [
            child.call(bounds_of(path, size_of(path)), with_side, path, input_side, Path(folder))
            for path in models
        ]
        timings = tuple(_timed(path, child) for path in sized)
    device = replace(this_machine(name), timings=timings)
    write_text(output, to_toml(device))
    return device


def _timed(path: Path, child: "Child") -> Timing:
    from sizer.devices.graph import read_operations
    from sizer.inference.child import bounds_of
    from sizer.inference.model import read_in
    from sizer.inference.timing import RUNS, RUNTIME, median_milliseconds

    file = read_in(child, path)
    operations, inputs = child.call(bounds_of(path, file.size), read_operations, path)
    macs = sum(operation.macs for operation in operations)
    if macs < 1:
        raise ModelError(f"{path}: has no multiply-accumulates to time; give a network")
    return Timing(
        model=path.stem,
        macs=macs,
        precision=file.precision or "fp32",
        runtime=RUNTIME,
        latency_ms=child.call(
            bounds_of(path, file.size, RUNS * sum(inputs.values())), median_milliseconds, path
        ),
        source="timed by sizer on the machine itself",
    )


def this_machine(name: str) -> Device:
    """A device of that name with what is known of this machine, without timings.

    What the machine does not say stays unknown.
    """
    return Device(
        name=name,
        core=_stated(r"model name\s*:\s*(.+)") or platform.machine() or "unknown",
        kind="linux",
        source="this machine, by its operating system",
        clock_mhz=_clock_mhz(),
        ram=_memory(),
        external_flash=True,
    )


def _stated(pattern: str) -> str | None:
    try:
        stated = re.search(pattern, CPU_INFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return stated[1].strip() if stated else None


def _clock_mhz() -> float | None:
    try:
        return int(HIGHEST_CLOCK.read_text()) / 1000
    except (OSError, ValueError):
        stated = _stated(r"cpu MHz\s*:\s*([0-9.]+)")
        return float(stated) if stated else None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
