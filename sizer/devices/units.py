"""Amounts of memory as people write them."""

from functools import cache
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from pydantic import ByteSize, TypeAdapter

# What a program takes beside the network: a picture of 160 x 120 in RGB565 (37.5 KiB), and ten KiB
# for its stack, its heap and the drivers.
RESERVE_RAM = "48KiB"


def parse_bytes(text: str) -> int:
    """`512KiB` (1024) or `512KB` (1000) to bytes; a bare number is bytes.

    Raises ValueError, which says what is accepted.
    """
    from pydantic import ValidationError

    try:
        return int(_amount().validate_python(text.strip()))
    except (ValidationError, OverflowError):
        shown = text if len(text) < 40 else text[:40] + "..."
        raise ValueError(
            f"{shown!r} is no amount of memory; write 512KiB (1024) or 512KB (1000)"
        ) from None


@cache
def _amount() -> "TypeAdapter[ByteSize]":
    """Made once: it takes a millisecond, and a catalogue holds a hundred amounts."""
    from pydantic import ByteSize, Field, TypeAdapter

    return TypeAdapter(Annotated[ByteSize, Field(lt=2**60)])


def show_bytes(size: float) -> str:
    """Bytes as KiB, from 10 MiB on as MiB."""
    unit, name = (2**20, "MiB") if size >= 10 * 2**20 else (2**10, "KiB")
    return f"{size / unit:,.1f}".removesuffix(".0") + f" {name}"
