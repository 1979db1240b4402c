"""Plots as data: what is drawn where, in thousandths of a plot's width and height.

The page stretches the drawing to the width it has, while lines, dots and words keep their size.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

SPAN = 1000.0  # of a plot, either way


@dataclass(frozen=True, slots=True)
class Axis:
    """Values `first`..`last` of one direction, even in the value or in its logarithm."""

    first: float
    last: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the first and 1 at the last; half-way where these are one."""
        if self.first == self.last:
            return 0.5
        if self.logarithmic:
            return log10(value / self.first) / log10(self.last / self.first)
        return (value - self.first) / (self.last - self.first)

    def ticks(self, most: int) -> list[float]:
        """Round values on it: 1, 2 and 5 times powers of ten, or as few of them as are wanted."""
        if self.logarithmic:
            return _log_ticks(self.first, self.last, most)
        if self.first == self.last:
            return [self.first]
        apart = _round_up((self.last - self.first) / most)
        count = range(ceil(self.first / apart - 1e-9), floor(self.last / apart + 1e-9) + 1)
        return [round(i * apart, 12) for i in count]


@dataclass(frozen=True, slots=True)
class Shape:
    """An SVG path; `kind` is its style. shade: of its ink, per cent."""

    kind: str
    path: str
    shade: int = 100


@dataclass(frozen=True, slots=True)
class Note:
    """Words in a plot, at shares of its width and height from below; `kind` says on which side."""

    text: str
    x: float
    y: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Readout:
    """The values of a map: sizes[i][j] is for targets[i] at steps[j].

    A size is a count of parameters, 0 where none reaches the target, -1 where it is not known.
    noises, psnr: of each step, in words. wanted: step, target, size and noise that are told first.
    """

    steps: tuple[float, ...]
    targets: tuple[float, ...]
    sizes: Sequence[Sequence[int]]
    noises: Sequence[str] = ()
    psnr: Sequence[str] = ()
    wanted: tuple[float, float, int, str] | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture with its axes' names and ticks, each as (share, label).

    upper: the ticks of a second axis above, each as (share, label, what a pointer is told), and its
    name. legend: style and meaning. readout: where the value under a pointer is told.
    """

    description: str
    x_name: str
    y_name: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    shapes: Sequence[Shape]
    notes: Sequence[Note] = ()
    upper: Sequence[tuple[float, str, str]] = ()
    upper_name: str = ""
    legend: Sequence[tuple[str, str]] = ()
    readout: Readout | None = None


@dataclass(frozen=True, slots=True)
class Canvas:
    """Two axes, on which paths are drawn."""

    x: Axis
    y: Axis

    def point(self, x: float, y: float) -> str:
        across, up = self.x.share(x), self.y.share(y)
        return f"{_short(across * SPAN)} {_short((1 - up) * SPAN)}"

    def line(self, points: Iterable[tuple[float, float]]) -> str:
        return "M" + "L".join(self.point(x, y) for x, y in points)

    def dots(self, points: Iterable[tuple[float, float]]) -> str:
        """Lines of no length, which a round cap makes dots."""
        return "".join(f"M{self.point(x, y)}h0" for x, y in points)

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
        there = zip(xs, high, strict=True)
        back = zip(reversed(xs), reversed(low), strict=True)
        return self.line([*there, *back]) + "Z"

    def box(self, left: float, right: float, bottom: float, top: float) -> str:
        return self.line([(left, bottom), (left, top), (right, top), (right, bottom)]) + "Z"

    def at(self, text: str, x: float, y: float, kind: str = "") -> Note:
        return Note(text, self.x.share(x), self.y.share(y), kind)


def labelled(axis: Axis, most: int, form: str = "g") -> list[tuple[float, str]]:
    """The ticks of an axis and their labels."""
    return [(axis.share(value), format(value, form)) for value in axis.ticks(most)]


def _round_up(value: float) -> float:
    power = 10.0 ** floor(log10(value))
    return next(power * by for by in (1, 2, 5, 10) if power * by >= value * (1 - 1e-9))


def _log_ticks(first: float, last: float, most: int) -> list[float]:
    powers = range(floor(log10(first)), ceil(log10(last)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [float(by * 10.0**power) for power in powers for by in factors]
        ticks = [value for value in values if first <= value <= last]
        if len(ticks) <= most:
            break
    return ticks


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
