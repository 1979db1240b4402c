"""The plots of a report: pure functions of results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from sizer.noise.units import in_words, sigma_ticks
from sizer.report.draw import Axis, Canvas, Note, Plot, Readout, Shape, labelled
from sizer.report.format import accuracy, short_count, size_up

if TYPE_CHECKING:
    from sizer.calibration import Calibration
    from sizer.prediction.advice import Advice
    from sizer.prediction.outlook import MapCell, Outlook, RequirementMap
    from sizer.prediction.question import Requirement
    from sizer.scaling.curves import NoiseCurve
    from sizer.scaling.width import WidthLaw

DENSE = 80  # points of a fitted curve
GUESSED = 0.03  # of the accuracy above chance: where no size has that, nothing is drawn
HEADROOM = 1.12  # of the accuracies' axis, for words above the curves
FAINTEST, DARKEST = 42, 88  # per cent of ink, of the smallest and the largest size
LABELS = 1.35  # the widths' axis goes on this far, for the names of its lines
NONE = {"unreachable": 0, "untrusted": -1, "bounded": -1}  # in place of a size
LEAST_ROWS, LEAST_COLUMNS = 2, 6  # of the map, to hold words: rows, and a part of its columns
BANDS = ((1, 2, 5), (1, 3), (1,))  # sizes at which the map changes its colour, times powers of ten
COLOURS = 6  # of the map, at most


def curves_plot(
    calibration: Calibration,
    requirement: Requirement | None = None,
    outlook: Outlook | None = None,
) -> Plot:
    """Accuracy against noise: the measured sizes, the fitted law, and the answer among them."""
    sizes = calibration.sizes
    canvas = _curves_canvas(calibration, requirement)
    shapes: list[Shape] = [
        Shape("chance", canvas.line([(end, calibration.chance) for end in _ends(canvas.x)]))
    ]
    dense = np.linspace(*_ends(canvas.x), DENSE)
    for rank, (size, curve) in enumerate(pooled(calibration.measured_curves).items()):
        shade = _shade(rank, len(sizes))
        if calibration.fit is not None:
            fitted = np.clip(calibration.fit.accuracy(size, dense), 0, 1)
            shapes.append(Shape("curve", canvas.line(zip(dense, fitted, strict=True)), shade))
        measured = [point for point in curve if point[0] <= canvas.x.last]
        shapes.append(Shape("dots", canvas.dots(measured), shade))
    notes = [canvas.at("chance", canvas.x.first, calibration.chance)]
    if outlook is not None:
        shapes += _outlook_shapes(canvas, outlook)
    if requirement is not None:
        shapes += _wanted_shapes(canvas, requirement)
        notes += _wanted_notes(canvas, requirement)
    lines = f", the {calibration.fit.law} law as lines" if calibration.fit else ""
    return Plot(
        description=(
            f"Accuracy of {len(sizes)} sizes, {sizes[0]:,} to {sizes[-1]:,} parameters, against "
            f"noise: measured as dots{lines}."
        ),
        shapes=shapes,
        notes=notes,
        **accuracy_axes(canvas, calibration.schedule),
    )


def accuracy_axes(canvas: Canvas, schedule: str | None) -> dict[str, Any]:
    """Of accuracy against noise: their names and ticks."""
    return {
        "x_name": "noise step" if schedule else "noise",
        "y_name": "accuracy",
        "x_ticks": labelled(canvas.x, 8),
        "y_ticks": labelled(canvas.y, 6),
        **_sigma_axis(canvas.x, schedule),
    }


def _sigma_axis(steps: Axis, schedule: str | None) -> dict[str, Any]:
    """The second axis above: the same noise in grey levels, where its unit is known."""
    if schedule is None:
        return {}
    ticks = [
        (steps.share(step), f"{sigma}", _psnr(step, schedule) or "no noise")
        for step, sigma in sigma_ticks(schedule, steps.first, steps.last)
    ]
    return {"upper": ticks, "upper_name": "sigma, grey levels"}


def _curves_canvas(calibration: Calibration, requirement: Requirement | None) -> Canvas:
    """To the noise where nothing but guessing is left, and to above the highest accuracy."""
    shares = [cell.correct / cell.trials for cell in calibration.cells]
    best = max(shares)
    guessing = calibration.chance + GUESSED * (best - calibration.chance)
    steps = sorted({cell.step for cell in calibration.cells})
    seen = [cell.step for cell in calibration.cells if cell.correct / cell.trials > guessing]
    last = next((step for step in steps if step > max(seen)), steps[-1])
    if requirement is not None:
        best, last = max(best, requirement.target_accuracy), max(last, requirement.noise_step)
    return Canvas(Axis(steps[0], last), Axis(0, best * HEADROOM))


def _ends(axis: Axis) -> tuple[float, float]:
    return axis.first, axis.last


def _shade(rank: int, count: int) -> int:
    return round(FAINTEST + (DARKEST - FAINTEST) * rank / max(1, count - 1))


def pooled(curves: Sequence[NoiseCurve]) -> dict[int, list[tuple[float, float]]]:
    """(step, accuracy) over all trainings of a size, by size, in the order of the curves."""
    counts: dict[int, dict[float, tuple[int, int]]] = {}
    for curve in curves:
        of_size = counts.setdefault(curve.size, {})
        for step, right, tried in zip(curve.steps, curve.correct, curve.trials, strict=True):
            correct, trials = of_size.get(step, (0, 0))
            of_size[step] = correct + right, trials + tried
    return {
        size: [(step, correct / trials) for step, (correct, trials) in sorted(by_step.items())]
        for size, by_step in counts.items()
    }


def _outlook_shapes(canvas: Canvas, seen: Outlook) -> list[Shape]:
    return [
        Shape("band", canvas.band(seen.steps, seen.low, seen.high)),
        Shape("next", canvas.line(zip(seen.steps, seen.next_training, strict=True))),
        Shape("answer", canvas.line(zip(seen.steps, seen.mean, strict=True))),
    ]


def _wanted_shapes(canvas: Canvas, wanted: Requirement) -> list[Shape]:
    step, target = wanted.noise_step, wanted.target_accuracy
    return [
        Shape("want", canvas.line([(canvas.x.first, target), (step, target)])),
        Shape("want", canvas.line([(step, 0), (step, canvas.y.last)])),
        Shape("target", canvas.dots([(step, target)])),
    ]


def _wanted_notes(canvas: Canvas, wanted: Requirement) -> list[Note]:
    step, target = wanted.noise_step, wanted.target_accuracy
    side = "right" if canvas.x.share(step) < 0.6 else "left"
    return [canvas.at(f"{accuracy(target)} wanted", step, canvas.y.last, f"{side} wanted")]


def widths_plot(calibration: Calibration) -> Plot | None:
    """Width of the fall against size, both in logarithms, with the law of each level pair."""
    law = calibration.width_law
    widths = [width for width in calibration.widths if width.width.value]
    if law is None or not law.pairs or not widths:
        return None
    sizes = sorted({width.parameters for width in widths})
    estimates = [width.width for width in widths]
    ends = [bound for known in estimates for bound in (known.low, known.high) if bound]
    values = [known.value for known in estimates if known.value] + ends
    canvas = Canvas(
        Axis(sizes[0] / 1.15, sizes[-1] * (sizes[-1] / sizes[0]) ** (LABELS - 1), True),
        Axis(min(values) / 1.15, max(values) * 1.15, True),
    )
    return Plot(
        description=f"Width of the fall against parameters, both logarithmic: {law.verdict}.",
        x_name="parameters",
        y_name=f"width in {law.control}",
        x_ticks=[(canvas.x.share(tick), short_count(tick)) for tick in canvas.x.ticks(7)],
        y_ticks=labelled(canvas.y, 7),
        shapes=[_paper_band(canvas, law, sizes), *_width_shapes(canvas, calibration, law, sizes)],
        notes=[
            canvas.at(
                f"{pair.levels[0]:g} to {pair.levels[1]:g}",
                sizes[-1] * 1.08,
                pair.prefactor * sizes[-1] ** -(pair.exponent.value or 0.0),
                "right middle",
            )
            for pair in law.pairs
        ],
    )


def _paper_band(canvas: Canvas, law: WidthLaw, sizes: Sequence[int]) -> Shape:
    """The slopes that the paper finds, through the middle of those that were measured."""
    centre = np.sqrt(sizes[0] * sizes[-1])
    heights = [np.log(p.prefactor) - (p.exponent.value or 0) * np.log(centre) for p in law.pairs]
    ends = np.array([sizes[0], centre, sizes[-1]], dtype=float)
    steep, flat = (
        np.exp(np.mean(heights)) * (ends / centre) ** -exponent for exponent in (0.30, 0.27)
    )
    return Shape("paper", canvas.band(ends.tolist(), steep.tolist(), flat.tolist()))


def _width_shapes(
    canvas: Canvas, calibration: Calibration, law: WidthLaw, sizes: Sequence[int]
) -> list[Shape]:
    shapes = []
    for rank, pair in enumerate(law.pairs):
        shade = _shade(rank, len(law.pairs))
        exponent = pair.exponent.value or 0.0
        ends = [(size, pair.prefactor * size**-exponent) for size in (sizes[0], sizes[-1])]
        points = [
            (width.parameters, width.width)
            for width in calibration.widths
            if width.levels == pair.levels and width.width.value
        ]
        bars = "".join(
            canvas.line([(size, known.low), (size, known.high)])
            for size, known in points
            if known.low and known.high
        )
        dots = canvas.dots((size, known.value or 1.0) for size, known in points)
        shapes += [
            Shape("curve", canvas.line(ends), shade),
            Shape("bars", bars, shade),
            Shape("dots", dots, shade),
        ]
    return shapes


def map_plot(required: RequirementMap, advice: Advice | None) -> Plot:
    """The size that each requirement takes, in shades; what has none is named in words."""
    canvas = _map_canvas(required)
    edges = band_edges(required)
    paths: dict[str, str] = {}
    for row, target in enumerate(required.targets):
        column = 0
        for kind, run in groupby(_kind(cell, edges) for cell in required.cells[row]):
            width = len(list(run))
            paths[kind] = paths.get(kind, "") + _cells_box(canvas, required, column, width, target)
            column += width
    shapes = [
        Shape(f"cells c{kind}" if kind.isdigit() else kind, path)
        for kind, path in sorted(paths.items())
    ]
    beyond = _edge_of_the_ladder(canvas, required)
    if beyond:
        shapes.append(Shape("edge", beyond))
    notes = [
        *_region_note(canvas, required, "unreachable", "no size"),
        *_region_note(canvas, required, "bounded", "not known"),
    ]
    wanted = advice.requirement if advice else None
    if wanted is not None and _inside(canvas, wanted):
        point = [(wanted.noise_step, wanted.target_accuracy)]
        shapes.append(Shape("target", canvas.dots(point)))
    return Plot(
        description=(
            f"Parameters to train for each accuracy at each noise, with {required.confidence:.0%} "
            "confidence; the same values are in the table below."
        ),
        x_name="noise step",
        y_name="accuracy wanted",
        x_ticks=labelled(canvas.x, 8),
        y_ticks=labelled(canvas.y, 8),
        shapes=shapes,
        notes=notes,
        legend=_legend(required, bool(beyond)),
        readout=_readout(required, advice),
        **_sigma_axis(canvas.x, required.schedule),
    )


def _edge_of_the_ladder(canvas: Canvas, required: RequirementMap) -> str:
    """The line above which a size is larger than any that was trained, or none can be named."""
    x, y, path = _gap(required.steps), _gap(required.targets), ""
    before = None
    for column, step in enumerate(required.steps):
        sizes = [row[column].recommended for row in required.cells]
        inside = [size is not None and size <= required.largest for size in sizes]
        if not any(inside):
            before = None
            continue
        top = required.targets[len(inside) - 1 - inside[::-1].index(True)] + y / 2
        corners = [(step - x / 2, top), (step + x / 2, top)]
        if before is not None:
            corners.insert(0, (step - x / 2, before))
        path += canvas.line(corners)
        before = top
    return path


def _map_canvas(required: RequirementMap) -> Canvas:
    """Half a cell beyond the first and the last value, which are the middles of theirs."""
    x, y = _gap(required.steps) / 2, _gap(required.targets) / 2
    return Canvas(
        Axis(required.steps[0] - x, required.steps[-1] + x),
        Axis(required.targets[0] - y, required.targets[-1] + y),
    )


def _gap(values: Sequence[float]) -> float:
    return values[1] - values[0] if len(values) > 1 else 1.0


def _inside(canvas: Canvas, wanted: Requirement) -> bool:
    shares = canvas.x.share(wanted.noise_step), canvas.y.share(wanted.target_accuracy)
    return all(0 <= share <= 1 for share in shares)


def band_edges(required: RequirementMap) -> list[float]:
    """Sizes between which the map has one colour each, ascending; the last holds all of them."""
    named = [cell.recommended for row in required.cells for cell in row if cell.recommended]
    if not named:
        return []
    powers = range(int(np.log10(min(named))), int(np.log10(max(named))) + 2)
    for factors in BANDS:
        every = [float(by * 10.0**power) for power in powers for by in factors]
        first = next(i for i, edge in enumerate(every) if edge >= min(named))
        last = next(i for i, edge in enumerate(every) if edge >= max(named))
        if last - first < COLOURS:
            break
    return every[max(first, last + 1 - COLOURS) : last + 1]


def _legend(required: RequirementMap, beyond: bool) -> list[tuple[str, str]]:
    """Style and upper end of each band of sizes, and the line of the largest trained one."""
    edges = band_edges(required)
    bands = [(f"c{i}", f"up to {short_count(edge)}") for i, edge in enumerate(edges)]
    rest = [("unknown", "not known"), ("none", "no size reaches it")]
    if beyond:
        rest.append(("edge", f"above it: larger than {required.largest:,}, the largest trained"))
    return [*bands, *rest]


def _readout(required: RequirementMap, advice: Advice | None) -> Readout:
    """What is told of each cell, and the answer, where the map has the requirement."""
    sizes = [
        [_told(cell.recommended) or NONE[cell.verdict] for cell in row] for row in required.cells
    ]
    wanted = None
    if advice is not None and _inside(_map_canvas(required), advice.requirement):
        named = advice.built if advice.verdict == "recommended" else None
        question = advice.requirement
        told = named or NONE[advice.verdict]
        wanted = question.noise_step, question.target_accuracy, told, advice.noise()
    noises = [in_words(step, required.schedule) for step in required.steps]
    psnr = [_psnr(step, required.schedule) for step in required.steps]
    return Readout(required.steps, required.targets, sizes, noises, psnr, wanted)


def _told(size: int | None) -> int | None:
    """In three digits, rounded up."""
    return None if size is None else int(size_up(size).replace(",", ""))


def _psnr(step: float, schedule: str | None) -> str:
    if schedule is None or not step:
        return ""
    from sizer.noise import schedule_named

    return f"PSNR {schedule_named(schedule).psnr_db(step):.1f} dB"


def _kind(cell: MapCell, edges: Sequence[float]) -> str:
    """The band of a recommended size, or the verdict."""
    if cell.recommended is None:
        return cell.verdict
    return str(next(i for i, edge in enumerate(edges) if cell.recommended <= edge))


def _cells_box(
    canvas: Canvas, required: RequirementMap, column: int, width: int, target: float
) -> str:
    x, y = _gap(required.steps), _gap(required.targets) / 2
    left = required.steps[column] - x / 2
    return canvas.box(left, left + width * x, target - y, target + y)


def _region_note(canvas: Canvas, required: RequirementMap, verdict: str, words: str) -> list[Note]:
    """The words, in the middle of the largest rectangle of cells with that verdict, if any is
    large enough to hold them.
    """
    is_it = np.array([[cell.verdict == verdict for cell in row] for row in required.cells])
    best, place = 0, (0.0, 0.0)
    for bottom in range(len(is_it)):
        for top in range(bottom + LEAST_ROWS, len(is_it) + 1):
            column, width = _longest_run(list(np.all(is_it[bottom:top], axis=0)))
            large = width * LEAST_COLUMNS >= len(required.steps)
            if large and width * (top - bottom) > best:
                best = width * (top - bottom)
                place = column + (width - 1) / 2, (bottom + top - 1) / 2
    if not best:
        return []
    step = required.steps[0] + place[0] * _gap(required.steps)
    target = required.targets[0] + place[1] * _gap(required.targets)
    return [canvas.at(words, step, target, "centre")]


def _longest_run(flags: Sequence[bool]) -> tuple[int, int]:
    """Where the longest run of True begins, and its length."""
    best, column = (0, 0), 0
    for flag, run in groupby(flags):
        width = len(list(run))
        if flag and width > best[1]:
            best = column, width
        column += width
    return best
