"""The answer of `compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sizer.report.document import (
    Document,
    Figure,
    Section,
    Table,
    Warnings,
)
from sizer.report.draw import Axis, Canvas, Plot, Shape, labelled
from sizer.report.format import interval, number, short
from sizer.universality.shape import EXPONENTIAL_SKEW, form

if TYPE_CHECKING:
    from sizer.universality.compare import ComparedLadder, Comparison

DENSE = 80  # points of the common curve
ENDS = (0.05, 4.0)  # of noise over the half noise, that are drawn
FAINTEST, DARKER = 30, 60  # per cent of ink of the first ladder, and more of the last
# By the name of a quantity, its heading.
EXPONENTS = {
    "half_noise_exponent": "half noise",
    "width_exponent": "width",
    "clean_exponent": "clean",
}
SHAPE = {"steepness_exponent": "k ~ N^e", "log_steepness": "ln k", "skew": "skew"}


def document(comparison: Comparison) -> Document:
    """The verdict, the exponents of each ladder, the tests, and the collapsed curves."""
    warnings = (Warnings(comparison.warnings),) if comparison.warnings else ()
    exponents = (
        f"Exponents e of ~ N^e with 90 % intervals: half noise, where half of the accuracy above "
        f"chance is lost ({comparison.unit}); width, from 3/4 to 1/4 of it; clean accuracy"
    )
    shape = (
        "Shape exp(-ln 2 (noise / half noise)^k): how k goes with N, ln k, and the skew, "
        f"{EXPONENTIAL_SKEW:.2f} for that form whatever k is"
    )
    tables = (
        _figures_table(comparison, exponents, EXPONENTS),
        _figures_table(comparison, shape, SHAPE),
        _tests_table(comparison),
    )
    return Document(
        title="Do these ladders belong to one class?",
        answer=(f"{comparison.verdict}: {comparison.reason}",),
        source="sizer compare",
        sections=(
            Section("", (*tables, *warnings)),
            Section("One shape", (_shape_table(comparison), _collapsed(comparison))),
            Section("Each model", tuple(_falls_table(ladder) for ladder in comparison.ladders)),
        ),
    )


def _figures_table(comparison: Comparison, title: str, headings: dict[str, str]) -> Table:
    rows = tuple(
        (short(ladder.name), *(interval(ladder.figures[name], ".2f") for name in headings))
        for ladder in comparison.ladders
    )
    return Table(title, ("ladder", *headings.values()), rows)


def _tests_table(comparison: Comparison) -> Table:
    title = (
        "The same in all: every interval within the margin of the mean; differ: chance explains it "
        "in less than one case of ten"
    )
    rows = tuple(
        (
            heading,
            test.verdict,
            number(test.common, ".2f"),
            number(test.spread, ".2f"),
            f"{test.margin:g}",
            number(test.p_value, ".2g"),
        )
        for name, heading in (EXPONENTS | SHAPE).items()
        for test in (comparison.equalities[name],)
    )
    return Table(title, ("figure", "verdict", "mean", "spread", "margin", "p"), rows)


def _shape_table(comparison: Comparison) -> Table:
    title = "What the form misses in accuracy (RMS): with its own k, and with the mean k of others"
    rows = tuple(
        (
            short(ladder.name),
            f"{len(ladder.falls)}",
            f"{ladder.sizes[0]:,} to {ladder.sizes[1]:,}",
            f"{ladder.residual_rms:.3f}",
            number(ladder.borrowed_rms, ".3f"),
        )
        for ladder in comparison.ladders
    )
    return Table(title, ("ladder", "models", "parameters", "own", "borrowed"), rows)


def _falls_table(ladder: ComparedLadder) -> Table:
    title = f"{short(ladder.name)}: accuracy without noise, half noise, k, width and skew"
    rows = tuple(
        (
            short(fall.model),
            f"{fall.parameters:,}",
            f"{fall.clean:.3f}",
            f"{fall.half_noise:.3g}",
            f"{fall.steepness:.2f}",
            number(fall.width),
            number(fall.skew, ".2f"),
        )
        for fall in ladder.falls
    )
    headings = ("model", "parameters", "clean", "half noise", "k", "width", "skew")
    return Table(title, headings, rows, detail=True)


def _collapsed(comparison: Comparison) -> Figure:
    names = ", ".join(short(ladder.name) for ladder in comparison.ladders)
    caption = (
        "All curves in scaled variables: one curve, if the shape is one. From the lightest to the "
        f"darkest: {names}. The line has the mean k."
    )
    return Figure("collapsed", caption, collapsed_plot(comparison))


def collapsed_plot(comparison: Comparison) -> Plot:
    """Share of the clean accuracy that is left, against noise over the half noise."""
    canvas = Canvas(Axis(*ENDS, logarithmic=True), Axis(0, 1.1))
    noise = np.geomspace(*ENDS, DENSE)
    steepness = np.exp(comparison.equalities["log_steepness"].common or 0.0)
    line = canvas.line(zip(noise, form(noise, 1.0, 1.0, steepness, chance=0.0), strict=True))
    count = max(1, len(comparison.ladders) - 1)
    shapes = [Shape("curve", line)] + [
        Shape("dots", canvas.dots(_scaled(ladder)), round(FAINTEST + DARKER * number / count))
        for number, ladder in enumerate(comparison.ladders)
    ]
    return Plot(
        description="Share of the clean accuracy left against noise over the half noise.",
        x_name="noise / half noise",
        y_name="share of the clean accuracy",
        x_ticks=labelled(canvas.x, 7),
        y_ticks=labelled(canvas.y, 6),
        shapes=shapes,
    )


def _scaled(ladder: ComparedLadder) -> list[tuple[float, float]]:
    return [
        point
        for fall in ladder.falls
        for point in fall.scaled
        if ENDS[0] <= point[0] <= ENDS[1] and 0 <= point[1] <= 1.1
    ]
