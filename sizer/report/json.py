"""A result as JSON: the record itself."""

import json
import math
from dataclasses import asdict, is_dataclass
from typing import Any

# Of a record within another, what would be said twice or is too long: class and its fields.
LEFT_OUT = {"CameraNoise": ("pictures", "warnings")}


def to_json(result: Any, indent: int = 2) -> str:
    """A record, a dictionary, or a sequence of records. An infinity, which JSON lacks, is null."""
    return json.dumps(plain(result), indent=indent, allow_nan=False)


def plain(result: Any) -> Any:
    """The record as dictionaries and lists."""
    if is_dataclass(result) and not isinstance(result, type):
        return _finite(_without(asdict(result), result))
    if isinstance(result, dict):
        return _finite(result)
    return [plain(record) for record in result]


def _without(fields: dict[str, Any], result: Any) -> dict[str, Any]:
    for name, inner in fields.items():
        for left_out in LEFT_OUT.get(type(getattr(result, name)).__name__, ()):
            del inner[left_out]
    return fields


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
