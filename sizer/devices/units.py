"""Amounts of memory as people write them."""

import re

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20}
UNITS["GIB"] = 2**30
# What a program takes beside the network: a picture of 160 x 120 in RGB565 (37.5 KiB), and ten KiB
# for its stack, its heap and the drivers.
RESERVE_RAM = "48KiB"
AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMG]?i?B)?", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """`512KiB` (1024) or `512KB` (1000) to bytes; a bare number is bytes.

    Raises ValueError, which says what is accepted.
    """
    amount = AMOUNT.fullmatch(text.strip())
    if amount is None:
        raise ValueError(f"{text!r} is no amount of memory; write 512KiB (1024) or 512KB (1000)")
    return round(float(amount[1]) * UNITS[(amount[2] or "").upper()])


def show_bytes(size: float) -> str:
    """Bytes as KiB, from 10 MiB on as MiB."""
    return f"{size / 2**20:,.1f} MiB" if size >= 10 * 2**20 else f"{size / 2**10:,.1f} KiB"
