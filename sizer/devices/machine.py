"""What this machine says of itself; what it does not say stays unknown."""

import os
import platform
import re
from pathlib import Path

from sizer.results import Device

CPU_INFO = Path("/proc/cpuinfo")
HIGHEST_CLOCK = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")  # kHz


def this_machine(name: str) -> Device:
    """A device of that name with what is known of this machine, without timings."""
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
        found = re.search(pattern, CPU_INFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return found[1].strip() if found else None


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
