"""The device catalogue: TOML files, checked before anything of them is used.

A file holds data alone: it is parsed by tomllib, and nothing in it is ever run. A user's file has
its timings in it; the many that are shipped lie beside the devices as CSV.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from sizer.devices.records import Device, DeviceKind, Processor, Timing, TimingPrecision
from sizer.devices.timings import Count, Positive, Text, read_timings
from sizer.devices.units import parse_bytes
from sizer.errors import DeviceError
from sizer.io import read_bounded

TIMING_KEYS = (
    "model", "precision", "runtime", "processor", "threads", "latency_ms", "energy_uj", "source",
)  # fmt: skip
SHIPPED = Path(__file__).with_name("catalogue.toml")
TIMINGS, NETWORKS = SHIPPED.with_name("timings.csv"), SHIPPED.with_name("networks.csv")
NEAREST = 3  # that are named for one that is not known
EXTERNAL = "external"
HEADER = r"\s*\[\[\s*devices\s*\]\]"


def _amount(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("write it as text with its unit, as in '512 KiB'")
    return parse_bytes(value)


Memory = Annotated[int, BeforeValidator(_amount), Field(gt=0)]


@dataclass(frozen=True, slots=True)
class _Model:
    __pydantic_config__ = ConfigDict(extra="forbid")

    macs: Count
    source: Text


@dataclass(frozen=True, slots=True)
class _Timing:
    __pydantic_config__ = ConfigDict(extra="forbid")

    model: Text
    precision: TimingPrecision
    runtime: Text
    latency_ms: Positive
    source: Text
    processor: Processor = "cpu"
    threads: Count = 1
    energy_uj: Positive | None = None


@dataclass(frozen=True, slots=True)
class _Device:
    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Text
    core: Text
    kind: DeviceKind
    source: Text
    clock_mhz: Positive | None = None
    accelerator: Text | None = None
    board: Text | None = None
    ram: Memory | None = None
    flash: Literal["external"] | Memory | None = None
    timings: tuple[_Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Catalogue:
    __pydantic_config__ = ConfigDict(extra="forbid")

    devices: Annotated[tuple[_Device, ...], Field(min_length=1)]
    models: dict[str, _Model] = field(default_factory=dict)


def shipped_devices() -> tuple[Device, ...]:
    """The devices that are shipped, with their timings."""
    timings = read_timings(TIMINGS, NETWORKS)
    devices = read_catalogue(SHIPPED)
    unknown = timings.keys() - {device.name for device in devices}
    if unknown:
        raise DeviceError(f"{TIMINGS}: device: {min(unknown)!r} is not in {SHIPPED.name}")
    return tuple(replace(device, timings=timings.get(device.name, ())) for device in devices)


def read_catalogue(path: Path) -> tuple[Device, ...]:
    """The devices of a file. Raises DeviceError that names the file, the line and the key."""
    text = _read(path)
    try:
        raw = TypeAdapter(_Catalogue).validate_python(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        missing = first["type"] == "missing"
        words = f"{first['loc'][-1]} is missing" if missing else first["msg"]
        raise _wrong(path, text, first["loc"][:-1] if missing else first["loc"], words) from None
    except (ValueError, RecursionError) as error:  # the second of brackets without end
        raise DeviceError(f"{path}: not TOML: {error}; correct that line") from None
    names: set[str] = set()
    for i, device in enumerate(raw.devices):
        if device.name.lower() in names:
            raise _wrong(path, text, ("devices", i, "name"), f"{device.name!r} is there twice")
        names.add(device.name.lower())
        for j, timing in enumerate(device.timings):
            if timing.model not in raw.models:
                place = ("devices", i, "timings", j, "model")
                raise _wrong(path, text, place, f"{timing.model!r} is none of the models")
    return tuple(_device(device, raw.models) for device in raw.devices)


def all_devices(file: Path | None) -> tuple[Device, ...]:
    """The shipped devices and those of a user's file, which replace shipped ones of their name."""
    added = () if file is None else read_catalogue(file)
    replaced = {device.name.lower() for device in added}
    shipped = (device for device in shipped_devices() if device.name.lower() not in replaced)
    return (*shipped, *added)


def find_device(devices: Sequence[Device], name: str) -> Device:
    """The device of that name or board, in any case. Raises DeviceError that names the nearest."""
    boards = {device.board.lower(): device for device in devices if device.board}
    known = boards | {device.name.lower(): device for device in devices}
    wanted = name.strip().lower()
    if wanted in known:
        return known[wanted]
    near = sorted(known, key=lambda word: _unlikeness(wanted, word))
    names = list(dict.fromkeys(known[word].name for word in near))[:NEAREST]
    raise DeviceError(
        f"device {name!r} is not in the catalogue; the nearest are {', '.join(names)}; "
        "`sizer devices` lists all"
    )


def _unlikeness(wanted: str, word: str) -> tuple[bool, float]:
    """What holds the wanted word first, then by the share of letters in common."""
    return (not wanted or wanted not in word, -difflib.SequenceMatcher(None, wanted, word).ratio())


def select(
    devices: Sequence[Device], word: str | None, core: str | None, ram: int | None
) -> tuple[Device, ...]:
    """Devices with the word in name or board, that core, and at least that much RAM, bytes."""
    return tuple(
        device
        for device in devices
        if (word or "").lower() in f"{device.name} {device.board or ''}".lower()
        and (core or "").lower() in device.core.lower()
        and (ram is None or (device.ram is not None and device.ram >= ram))
    )


def to_toml(device: Device) -> str:
    """A file of one device, that `read_catalogue` reads back."""
    lines = []
    for timing in {timing.model: timing for timing in device.timings}.values():
        model = {"macs": timing.macs, "source": timing.source}
        lines += [f"[models.{_value(timing.model)}]", *_pairs(model), ""]
    amounts = {
        "ram": None if device.ram is None else f"{device.ram} B",
        "flash": None if device.flash is None else f"{device.flash} B",
    }
    if device.external_flash:
        amounts["flash"] = EXTERNAL
    keys = ("name", "board", "core", "accelerator", "kind", "clock_mhz", "source")
    lines += ["[[devices]]", *_pairs({key: getattr(device, key) for key in keys} | amounts)]
    for timing in device.timings:
        facts = {key: getattr(timing, key) for key in TIMING_KEYS}
        lines += ["", "[[devices.timings]]", *_pairs(facts)]
    return "\n".join(lines) + "\n"


def _pairs(facts: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in facts.items() if value is not None]


def _value(value: object) -> str:
    """A number, or a TOML basic string with its special characters escaped."""
    if not isinstance(value, str):
        return str(value)
    body = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda control: f"\\u{ord(control[0]):04x}", body) + '"'


def _device(raw: _Device, models: dict[str, _Model]) -> Device:
    timings = tuple(
        Timing(
            model=timing.model,
            macs=models[timing.model].macs,
            precision=timing.precision,
            runtime=timing.runtime,
            latency_ms=timing.latency_ms,
            source=timing.source,
            processor=timing.processor,
            threads=timing.threads,
            energy_uj=timing.energy_uj,
        )
        for timing in raw.timings
    )
    external = raw.flash == EXTERNAL
    return Device(
        name=raw.name,
        core=raw.core,
        kind=raw.kind,
        clock_mhz=raw.clock_mhz,
        source=raw.source,
        accelerator=raw.accelerator,
        board=raw.board,
        ram=raw.ram,
        flash=raw.flash if isinstance(raw.flash, int) else None,
        external_flash=external,
        timings=timings,
    )


def _read(path: Path) -> str:
    try:
        return read_bounded(path).decode()
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}; give a TOML file of devices") from None
    except UnicodeDecodeError:
        raise DeviceError(f"{path}: not UTF-8 text; give a TOML file of devices") from None


def _wrong(path: Path, text: str, place: tuple[Any, ...], message: str) -> DeviceError:
    where = ".".join(str(part) for part in place if not _is_choice(part)) or "content"
    return DeviceError(f"{path}, line {_line(text, place)}: {where}: {message}")


def _is_choice(part: object) -> bool:
    """Whether pydantic names a branch of a union here, and not a key of the file."""
    return isinstance(part, str) and ("[" in part or part == "")


def _line(text: str, place: tuple[Any, ...]) -> int:
    """The line of a key, or of the entry that lacks it, as nearly as the text tells."""
    lines, at = text.splitlines(), 0
    for i, part in enumerate(place):
        if isinstance(part, int):
            entry = HEADER if place[i - 1] == "devices" else r"(?:.*[{,])?\s*model\s*="
            entries = [j for j in range(at, len(lines)) if re.match(entry, lines[j])]
            at = entries[part] if part < len(entries) else at
        else:
            key = rf"[\s\[]*(?:.*[{{,.])?\s*[\"']?{re.escape(str(part))}[\"']?\s*[\].=]"
            at = next((j for j in range(at, _end(lines, at)) if re.match(key, lines[j])), at)
    return at + 1


def _end(lines: Sequence[str], start: int) -> int:
    """The line at which the next device starts."""
    after = range(start + 1, len(lines))
    return next((i for i in after if re.match(HEADER, lines[i])), len(lines))
