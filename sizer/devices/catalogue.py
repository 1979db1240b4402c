"""The device catalogue: TOML files, checked before anything of them is used.

What lies in a file is data alone: it is parsed by tomllib, and nothing in it is ever run.
"""

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from sizer.devices.units import parse_bytes
from sizer.errors import DeviceError
from sizer.results import Device, DeviceKind, Engine, Precision, Timing

SHIPPED = Path(__file__).with_name("catalogue.toml")
EXTERNAL = "external"
Text = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0, lt=1e12)]
Count = Annotated[int, Field(gt=0, lt=10**15)]


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
    precision: Precision
    runtime: Text
    latency_ms: Positive
    source: Text
    engine: Engine = "cpu"
    threads: Count = 1


@dataclass(frozen=True, slots=True)
class _Device:
    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Text
    core: Text
    kind: DeviceKind
    clock_mhz: Positive
    source: Text
    board: Text | None = None
    ram: Memory | None = None
    flash: Literal["external"] | Memory | None = None
    timings: tuple[_Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class _Catalogue:
    __pydantic_config__ = ConfigDict(extra="forbid")

    devices: Annotated[tuple[_Device, ...], Field(min_length=1)]
    models: dict[str, _Model] = Field(default_factory=dict)


def read_catalogue(path: Path = SHIPPED) -> tuple[Device, ...]:
    """The devices of a file. Raises DeviceError that names the file, the line and the key."""
    text = _read(path)
    try:
        raw = TypeAdapter(_Catalogue).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DeviceError(f"{path}: not TOML: {error}; correct that line") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, text, first["loc"], first["msg"]) from None
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


def all_devices(own: Path | None) -> tuple[Device, ...]:
    """The shipped devices and those of a user's file, which replace shipped ones of their name."""
    added = () if own is None else read_catalogue(own)
    replaced = {device.name.lower() for device in added}
    shipped = (device for device in read_catalogue() if device.name.lower() not in replaced)
    return (*shipped, *added)


def find_device(devices: Sequence[Device], name: str) -> Device:
    """The device of that name or board, in any case. Raises DeviceError that suggests near ones."""
    known = {word.lower(): device for device in devices for word in (device.board, device.name) if word}
    wanted = name.strip().lower()
    if wanted in known:
        return known[wanted]
    near = [word for word in known if wanted and wanted in word][:3]
    near += [word for word in difflib.get_close_matches(wanted, known, 3) if word not in near]
    names = list(dict.fromkeys(known[word].name for word in near))
    hint = f"did you mean {' or '.join(names)}?" if names else "`sizer devices` lists them"
    raise DeviceError(f"device {name!r} is not in the catalogue; {hint}")


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
        lines += [f"[models.{_quoted(timing.model)}]", f"macs = {timing.macs}"]
        lines += [f"source = {_quoted(timing.source)}", ""]
    lines.append("[[devices]]")
    for key in ("name", "board", "core", "kind", "clock_mhz", "source"):
        if (value := getattr(device, key)) is not None:
            lines.append(f"{key} = {_quoted(value) if isinstance(value, str) else value}")
    flash = f"{device.flash} B" if device.flash is not None else None
    memory = {"ram": f"{device.ram} B" if device.ram is not None else None}
    memory["flash"] = EXTERNAL if device.external_flash else flash
    lines += [f"{key} = {_quoted(value)}" for key, value in memory.items() if value]
    for timing in device.timings:
        lines += ["", "[[devices.timings]]"]
        lines += [
            f"{key} = {_quoted(value) if isinstance(value := getattr(timing, key), str) else value}"
            for key in ("model", "precision", "runtime", "engine", "threads", "latency_ms", "source")
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: what must be escaped there is escaped."""
    body = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", body) + '"'


def _device(raw: _Device, models: dict[str, _Model]) -> Device:
    timings = tuple(
        Timing(
            model=timing.model,
            macs=models[timing.model].macs,
            precision=timing.precision,
            runtime=timing.runtime,
            latency_ms=timing.latency_ms,
            source=timing.source,
            engine=timing.engine,
            threads=timing.threads,
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
        board=raw.board,
        ram=raw.ram,
        flash=raw.flash if isinstance(raw.flash, int) else None,
        external_flash=external,
        timings=timings,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}; give a TOML file of devices") from None
    except UnicodeDecodeError:
        raise DeviceError(f"{path}: not UTF-8 text; give a TOML file of devices") from None


def _wrong(path: Path, text: str, place: tuple[Any, ...], message: str) -> DeviceError:
    keys = [part for part in place if not isinstance(part, str) or part.isidentifier()]
    where = ".".join(str(part) for part in keys) or "content"
    return DeviceError(f"{path}, line {_line(text, place)}: {where}: {message}")


def _line(text: str, place: tuple[Any, ...]) -> int:
    """The line of a key as nearly as its header and name tell; 1 where there is none."""
    lines = text.splitlines()
    headers = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*devices\s*\]\]", line)]
    at = 0
    if len(place) > 1 and isinstance(place[1], int) and place[1] < len(headers):
        at = headers[place[1]]
    for key in (part for part in place if isinstance(part, str)):
        pattern = re.compile(rf"[\s\[{{,.\"']*(?:.*[{{,]\s*)?{re.escape(key)}[\"']?\s*[\]=]")
        at = next((i for i in range(at, len(lines)) if pattern.match(lines[i])), at)
    return at + 1
