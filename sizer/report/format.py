"""How numbers, intervals, amounts and names are written: in one way, everywhere."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from sizer.estimate import rounded

if TYPE_CHECKING:
    from sizer.estimate import Estimate
    from sizer.prediction.accuracy import AccuracyRange
    from sizer.prediction.lending import Borrowed
    from sizer.prediction.sizes import SizeEstimate

T = TypeVar("T")
UNKNOWN = "-"
SMALLER = "fewer than a tenth of the smallest model's"  # parameters: no smaller size is looked at
LONGEST_NAME = 200  # characters; a name, a path or a verdict that is longer is cut
LONGEST = 2000  # characters of any text that is shown; a command that makes a ladder is long


def spread(values: Sequence[T], most: int) -> list[T]:
    """As many of the values as may be shown, the first and the last among them."""
    last = len(values) - 1
    if last < most:
        return list(values)
    return [values[round(i * last / (most - 1))] for i in range(most)]


def number(value: float | None, form: str = ".3g") -> str:
    """A figure, or a dash where it is unknown."""
    return UNKNOWN if value is None else format(value, form)


def interval(estimate: "Estimate | None", form: str = ".3g") -> str:
    """`0.28 (0.26 to 0.30)`, or as much of it as is known."""
    if estimate is None or estimate.value is None:
        return UNKNOWN
    value = format(estimate.value, form)
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval)"
    return f"{value} ({format(estimate.low, form)} to {format(estimate.high, form)})"


def size_interval(sizes: "SizeEstimate | None") -> str:
    """`310,000 (240,000 to 420,000)` parameters, three digits; an open end is said in words."""
    if sizes is None or sizes.best is None:
        return UNKNOWN
    low = "any size" if not sizes.low else rounded(sizes.low)
    high = "no upper bound" if sizes.high is None else rounded(sizes.high)
    best = rounded(sizes.best) if sizes.best else SMALLER
    return f"{best} ({low} to {high})" if sizes.high != 0 else SMALLER


def accuracy_range(accuracy: "AccuracyRange") -> str:
    """`0.612 (0.604 to 0.621)`."""
    return f"{accuracy.best:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def accuracy(share: float) -> str:
    """`0.40`, `0.815`: an accuracy that a user gave."""
    return f"{share:.2f}" if math.isclose(share, round(share, 2)) else f"{share:g}"


def rests_on(borrowed: "Sequence[Borrowed]") -> str:
    """`0.45 on builtin, 0.55 on the own measurements alone`: what an answer rests on."""
    parts = [f"{each.weight:.2f} on {short(each.calibration)}" for each in borrowed]
    own = max(0.0, 1 - sum(each.weight for each in borrowed))
    return ", ".join((*parts, f"{own:.2f} on the own measurements alone"))


def percent(share: float) -> str:
    """`90 %`, `99.5 %`."""
    return f"{100 * share:.3g} %"


def size_up(size: float) -> str:
    """A size in three digits, rounded up: no smaller one is meant."""
    unit = 10 ** max(0, len(f"{size:.0f}") - 3)
    return f"{math.ceil(size / unit) * unit:,}"


def memory(size: int | None) -> str:
    """Bytes as KiB, or a dash; whole MiB and GiB as those."""
    if size is None:
        return UNKNOWN
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size / 2**10:,.0f} KiB"


def amount(value: float) -> str:
    """`0.66 M`, `5.6 M`, `1.2 G`: work, in two digits."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit / 10:
            return f"{two_digits(value / unit)} {name}"
    return two_digits(value)


def two_digits(value: float) -> str:
    """`0.66`, `5.6`, `19`, `1,200`."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def short_count(value: float) -> str:
    """`5.4k`, `120k`, `1.2M`."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def share_of(share: float | None, count: int) -> str:
    """`7/8`, a share of a count."""
    return UNKNOWN if share is None else f"{round(share * count)}/{count}"


def capital(text: str) -> str:
    """With a capital letter first, as a line of its own begins."""
    return text[:1].upper() + text[1:]


def short(text: str, longest: int = LONGEST_NAME) -> str:
    """Text that a file holds, cut with an ellipsis where it is too long to be shown."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def visible(text: str) -> str:
    r"""Text as it may be shown: what a terminal or a reader would obey is spelled out, as `\x1b`.

    That is control characters, line ends, marks that turn the direction of writing, and halves of
    characters. It is cut at `LONGEST`.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _spelled(c) for c in text)
    return short(text, LONGEST)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
