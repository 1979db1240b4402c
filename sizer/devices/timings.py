"""The published timings that are shipped: two CSV files, checked whole before anything is used.

`timings.csv` has a row for each timing, with who published it and under which licence.
`networks.csv` has the multiply-accumulates of each network and who counted them, both empty where
nobody did.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sizer.devices.records import Processor, Timing, TimingPrecision
from sizer.errors import DeviceError
from sizer.io import read_bounded

Text = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0, lt=1e12)]
Count = Annotated[int, Field(gt=0, lt=10**15)]


@dataclass(frozen=True, slots=True)
class _Network:
    __pydantic_config__ = ConfigDict(extra="forbid")

    network: Text
    macs: Count | None = None
    source: Text | None = None


@dataclass(frozen=True, slots=True)
class _Timing:
    __pydantic_config__ = ConfigDict(extra="forbid")

    device: Text
    processor: Processor
    runtime: Text
    precision: TimingPrecision
    network: Text
    latency_ms: Positive
    source: Text
    licence: Text
    threads: Count | None = None
    version: Text | None = None
    energy_uj: Positive | None = None


def read_timings(timings: Path, networks: Path) -> dict[str, tuple[Timing, ...]]:
    """The timings of each device. Raises DeviceError that names file, line and column."""
    macs = _read_networks(networks)
    of_device: dict[str, list[Timing]] = {}
    for line, row in enumerate(_rows(timings, TypeAdapter(list[_Timing])), start=2):
        if row.network not in macs:
            raise DeviceError(
                f"{timings}, line {line}: network: {row.network!r} is not in {networks.name}"
            )
        of_device.setdefault(row.device, []).append(_timing(row, macs[row.network]))
    return {device: tuple(listed) for device, listed in of_device.items()}


def _timing(row: _Timing, macs: int | None) -> Timing:
    return Timing(
        model=row.network,
        macs=macs,
        precision=row.precision,
        runtime=row.runtime,
        latency_ms=row.latency_ms,
        source=row.source,
        processor=row.processor,
        threads=row.threads,
        version=row.version,
        energy_uj=row.energy_uj,
        licence=row.licence,
    )


def _read_networks(path: Path) -> Mapping[str, int | None]:
    macs: dict[str, int | None] = {}
    for line, row in enumerate(_rows(path, TypeAdapter(list[_Network])), start=2):
        if row.network in macs:
            raise DeviceError(f"{path}, line {line}: network: {row.network!r} is there twice")
        if (row.macs is None) != (row.source is None):
            raise DeviceError(f"{path}, line {line}: macs and their source: give both or neither")
        macs[row.network] = row.macs
    return macs


def _rows(path: Path, adapter: TypeAdapter[Any]) -> Any:
    """The rows of a CSV file, an empty cell as one that is not there."""
    try:
        lines = read_bounded(path).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path}: {error}; install sizer again") from None
    rows = [
        {name: cell for name, cell in row.items() if cell}
        for row in csv.DictReader(lines, restkey="more cells than columns")
    ]
    try:
        return adapter.validate_python(rows)
    except ValidationError as error:
        first = error.errors()[0]
        line, *column = first["loc"]
        where = ".".join(str(part) for part in column)
        raise DeviceError(f"{path}, line {int(line) + 2}: {where}: {first['msg']}") from None
