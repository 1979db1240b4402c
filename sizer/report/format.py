"""How numbers, intervals, amounts and names are written: in one way, everywhere."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sizer.estimate import Estimate
    from sizer.prediction.accuracy import AccuracyRange
    from sizer.prediction.sizes import SizeEstimate

UNKNOWN = "-"
SMALLER = "fewer than a tenth of the smallest model's"  # parameters: no smaller size is looked at
LONGEST_NAME = 200  # characters; a name, a path or a verdict that is longer is cut
LONGEST = 2000  # characters of any text that is shown; a command that makes a ladder is long


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
    """`310,000 (240,000 to 420,000)` parameters; an open end is said in words."""
    if sizes is None or sizes.best is None:
        return UNKNOWN
    low = "any size" if not sizes.low else f"{sizes.low:,.0f}"
    high = "no upper bound" if sizes.high is None else f"{sizes.high:,.0f}"
    best = f"{sizes.best:,.0f}" if sizes.best else SMALLER
    return f"{best} ({low} to {high})" if sizes.high != 0 else SMALLER


def accuracy_range(accuracy: "AccuracyRange") -> str:
    """`0.612 (0.604 to 0.621)`."""
    return f"{accuracy.best:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def noise_step(step: float) -> str:
    return f"{step:.4g}"


def memory(size: int | None) -> str:
    """Bytes as KiB, or a dash; whole MiB and GiB as those."""
    if size is None:
        return UNKNOWN
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size / 2**10:,.0f} KiB"


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
