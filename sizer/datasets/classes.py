"""The classes of a model: what they are called, and in which order it gives them."""

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sizer.errors import DataError
from sizer.io import read_bounded

WORDNET_ID = re.compile(r"n\d{8}")
LONGEST_LIST = 1 << 22  # bytes of a class file: as Python writes lists, each takes hundreds
IMAGENET = Path(__file__).with_name("imagenet.txt")
NUMBERED = re.compile(r"(\d{1,9})(?:\s*[:,;=]\s*|\s+|$)(.*)")
METADATA_KEYS = ("sizer.classes", "names", "class_names", "classes", "labels", "id2label")


@dataclass(frozen=True, slots=True)
class ClassList:
    """The classes of a model by number, each with all its names. source: who lists them."""

    source: str
    names: Mapping[int, tuple[str, ...]]

    def numbers(self) -> dict[str, int]:
        """Numbers by name, as `plain` writes it. A name of several classes means none of them."""
        numbers: dict[str, int] = {}
        twice = set[str]()
        for number, names in self.names.items():
            for name in {plain(name) for name in names}:
                if name in numbers:
                    twice.add(name)
                numbers[name] = number
        return {name: number for name, number in numbers.items() if name not in twice}


def plain(name: str) -> str:
    """A name as it is compared: in lower case, words with one space between them."""
    return re.sub(r"[\s_-]+", " ", name).strip().lower()


def imagenet_classes(outputs: int) -> ClassList | None:
    """ImageNet's 1,000 classes by their WordNet ids, as a model with so many outputs numbers them.

    One with 1,001 has a background class first, as those of TensorFlow. None for other numbers.
    """
    lines = IMAGENET.read_text(encoding="utf-8").splitlines()
    ids = [line for line in lines if not line.startswith("#")]
    background = outputs - len(ids)
    if background not in {0, 1}:
        return None
    source = "ImageNet, after a background class" if background else "ImageNet"
    return ClassList(source, {number: (name,) for number, name in enumerate(ids, background)})


def is_imagenet(names: Iterable[str]) -> bool:
    """Whether classes are called by WordNet ids."""
    return all(WORDNET_ID.fullmatch(name) for name in names)


def read_class_file(path: Path) -> tuple[ClassList, bool]:
    """The classes that a file lists, a line each: a name, a number, or a number and its name.

    A list or dictionary in JSON, or as Python writes it, will do too: of names, or of names to
    numbers. Also whether each class has its number. Names may have several parts, with commas
    between them, or begin with a WordNet id. Empty lines count as names, but at the end; `#` begins
    a comment. Raises DataError for a file that cannot be read, and for one that lists a class
    twice.
    """
    text = _text(path)
    value = _literal(text) if text.lstrip()[:1] in {"[", "{"} else None
    if value is not None:
        listed = _listed(value)
        if not listed:
            raise DataError(f"{path}: lists no classes; give names, or numbers and names")
        return ClassList(str(path), listed), not isinstance(_innermost(value), list | tuple)
    lines = _lines(text, path)
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    if not all(numbered):
        return ClassList(str(path), {i: _synonyms(line) for i, line in enumerate(lines)}), False
    names: dict[int, tuple[str, ...]] = {}
    for match in numbered:
        number = int(match[1]) if match else 0
        if number in names:
            raise DataError(f"{path}: lists class {number} twice; give each a line of its own")
        names[number] = _synonyms(match[2]) if match else ()
    return ClassList(str(path), names), True


def _text(path: Path) -> str:
    try:
        return read_bounded(path, LONGEST_LIST).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a file of class names") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text; give a file with a class name a line") from None


def _lines(text: str, path: Path) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{path}: names no class; give a class name a line")
    return lines


def _synonyms(text: str) -> tuple[str, ...]:
    """A line itself, its parts between commas, and a WordNet id before the others."""
    first, *rest = text.split(maxsplit=1) or [""]
    known = WORDNET_ID.fullmatch(first) and rest
    parts = (first, rest[0], *rest[0].split(",")) if known else ()
    return tuple(dict.fromkeys(name for name in (text, *parts, *text.split(",")) if name.strip()))


def classes_of_metadata(metadata: Mapping[str, str], model: str) -> ClassList | None:
    """The classes that a model's metadata list, None where they list none.

    As a list or a dictionary, in JSON or as Python writes it, or with commas or lines between them.
    """
    text = next((metadata[key] for key in METADATA_KEYS if metadata.get(key)), None)
    if text is None:
        return None
    value = _literal(text)
    if value is None:
        between = "\n" if "\n" in text.strip() else ","
        value = [part.strip() for part in text.strip().split(between)]
    listed = _listed(value)
    return ClassList(model, listed) if listed else None


def _literal(text: str) -> Sequence[Any] | dict[Any, Any] | None:
    """A list or a dictionary in JSON or as Python writes it; None where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list | tuple | dict):
            return value
    return None


def _innermost(value: Any) -> Any:
    """The classes inside a dictionary that says more of a model."""
    for key in METADATA_KEYS:
        if isinstance(value, dict) and isinstance(value.get(key), list | tuple | dict):
            return value[key]
    return value


def _listed(value: Any) -> dict[int, tuple[str, ...]] | None:
    """Names by number; None for what lists no classes."""
    value = _innermost(value)
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    if isinstance(value, dict) and all(isinstance(number, int) for number in value.values()):
        pairs = [(number, name) for name, number in pairs]
    try:
        listed = {int(number): _as_names(name) for number, name in pairs}
    except (TypeError, ValueError):
        return None
    return listed if len(listed) == len(pairs) and min(listed, default=-1) >= 0 else None


def _as_names(name: Any) -> tuple[str, ...]:
    if isinstance(name, list | tuple):
        return tuple(map(str, name))
    return _synonyms(str(name))
