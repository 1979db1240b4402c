"""The pictures of a report: pure functions of results."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from sizer.calibration import Calibration
from sizer.page.draw import Axis, Canvas, Note, Plot, Shape, labelled, short_count
from sizer.results import Advice, MapCell, Outlook, Report, Requirement, RequirementMap
from sizer.scaling.width import WidthLaw

DENSE = 80  # points of a fitted curve
GUESSED = 0.03  # of the accuracy above chance: where no size has that, nothing is drawn
HEADROOM = 1.12  # of the accuracies' axis, for words above the curves
FAINTEST, DARKEST = 28, 78  # per cent of ink, of the smallest and the largest size
LABELS = 1.35  # the widths' axis goes on this far, for the names of its lines
NONE = {"unreachable": 0, "untrusted": -1}  # in place of a size
LEAST_ROWS, LEAST_COLUMNS = 2, 11  # of the map, to hold words: rows, and a part of its columns
BANDS = (1, 2, 5)  # sizes at which the map changes its shade, times powers of ten


def curves_plot(report: Report) -> Plot:
    """Accuracy against noise: the measured sizes, the fitted law, and the answer among them."""
    calibration, advice = report.calibration, report.advice
    sizes = sorted({model.parameters for model in calibration.models})
    requirement = advice.requirement if advice else None
    canvas = _curves_canvas(calibration, requirement)
    shapes: list[Shape] = [
        Shape("chance", canvas.line([(end, calibration.chance) for end in _ends(canvas.x)]))
    ]
    dense = np.linspace(*_ends(canvas.x), DENSE)
    for rank, size in enumerate(sizes):
        shade = _shade(rank, len(sizes))
        if calibration.fit is not None:
            fitted = np.clip(calibration.fit.accuracy(size, dense), 0, 1)
            shapes.append(Shape("curve", canvas.line(zip(dense, fitted, strict=True)), shade))
        measured = [point for point in _measured(calibration, size) if point[0] <= canvas.x.last]
        shapes.append(Shape("dots", canvas.dots(measured), shade))
    notes = [canvas.at("chance", canvas.x.first, calibration.chance)]
    if report.outlook is not None:
        shapes += _outlook_shapes(canvas, report.outlook)
    if requirement is not None:
        shapes += _wanted_shapes(canvas, requirement)
        notes += _wanted_notes(canvas, requirement)
    lines = f", the {calibration.fit.law} law as lines" if calibration.fit else ""
    return Plot(
        description=(
            f"Accuracy of {len(sizes)} sizes, {sizes[0]:,} to {sizes[-1]:,} parameters, against "
            f"noise: measured as dots{lines}."
        ),
        x_name="noise step" if calibration.schedule else "noise",
        y_name="accuracy",
        x_ticks=labelled(canvas.x, 8),
        y_ticks=labelled(canvas.y, 6),
        shapes=shapes,
        notes=notes,
    )


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


def _measured(calibration: Calibration, size: int) -> list[tuple[float, float]]:
    """(step, accuracy) over all trainings of a size."""
    names = {model.name for model in calibration.models if model.parameters == size}
    counts: dict[float, tuple[int, int]] = {}
    for cell in calibration.cells:
        if cell.model in names:
            correct, trials = counts.get(cell.step, (0, 0))
            counts[cell.step] = correct + cell.correct, trials + cell.trials
    return [(step, correct / trials) for step, (correct, trials) in sorted(counts.items())]


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
    return [canvas.at(f"{target:g} wanted at {step:.4g}", step, canvas.y.last, f"{side} wanted")]


def widths_plot(calibration: Calibration) -> Plot | None:
    """Width of the fall against size, both in logarithms, with the law of each level pair."""
    law = calibration.width_law
    widths = [one for one in calibration.widths if one.width.value]
    if law is None or not law.pairs or not widths:
        return None
    sizes = sorted({one.parameters for one in widths})
    ends = [bound for one in widths for bound in (one.width.low, one.width.high) if bound]
    values = [one.width.value for one in widths if one.width.value] + ends
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
        shapes=_width_shapes(canvas, calibration, law, sizes),
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


def _width_shapes(
    canvas: Canvas, calibration: Calibration, law: WidthLaw, sizes: Sequence[int]
) -> list[Shape]:
    shapes = []
    for rank, pair in enumerate(law.pairs):
        shade = _shade(rank, len(law.pairs))
        exponent = pair.exponent.value or 0.0
        ends = [(size, pair.prefactor * size**-exponent) for size in (sizes[0], sizes[-1])]
        own = [one for one in calibration.widths if one.levels == pair.levels and one.width.value]
        bars = "".join(
            canvas.line([(one.parameters, one.width.low), (one.parameters, one.width.high)])
            for one in own
            if one.width.low and one.width.high
        )
        dots = canvas.dots((one.parameters, one.width.value or 1.0) for one in own)
        shapes += [
            Shape("curve", canvas.line(ends), shade),
            Shape("bars", bars, shade),
            Shape("dots", dots, shade),
        ]
    return shapes


def map_plot(found: RequirementMap, advice: Advice | None) -> Plot:
    """The size that each requirement takes, in shades; what has none is named in words."""
    canvas = _map_canvas(found)
    edges = band_edges(found)
    paths: dict[str, str] = {}
    for row, target in enumerate(found.targets):
        column = 0
        for kind, run in groupby(_kind(cell, edges) for cell in found.cells[row]):
            width = len(list(run))
            paths[kind] = paths.get(kind, "") + _cells_box(canvas, found, column, width, target)
            column += width
    shapes = [
        Shape("cells", path, _band_shade(int(kind), len(edges)))
        if kind.isdigit()
        else Shape(kind, path)
        for kind, path in sorted(paths.items())
    ]
    notes = [
        *_region_note(canvas, found, "unreachable", "no size"),
        *_region_note(canvas, found, "untrusted", "not known"),
    ]
    wanted = advice.requirement if advice else None
    if wanted is not None and _inside(canvas, wanted):
        point = [(wanted.noise_step, wanted.target_accuracy)]
        shapes.append(Shape("target", canvas.dots(point)))
    return Plot(
        description=(
            f"Parameters to train for each accuracy at each noise, with {found.confidence:.0%} "
            "confidence; the same values are in the table below."
        ),
        x_name="noise step",
        y_name="accuracy wanted",
        x_ticks=labelled(canvas.x, 8),
        y_ticks=labelled(canvas.y, 8),
        shapes=shapes,
        notes=notes,
    )


def _map_canvas(found: RequirementMap) -> Canvas:
    """Half a cell beyond the first and the last value, which are the middles of theirs."""
    x, y = _gap(found.steps) / 2, _gap(found.targets) / 2
    return Canvas(
        Axis(found.steps[0] - x, found.steps[-1] + x),
        Axis(found.targets[0] - y, found.targets[-1] + y),
    )


def _gap(values: Sequence[float]) -> float:
    return values[1] - values[0] if len(values) > 1 else 1.0


def _inside(canvas: Canvas, wanted: Requirement) -> bool:
    shares = canvas.x.share(wanted.noise_step), canvas.y.share(wanted.target_accuracy)
    return all(0 <= share <= 1 for share in shares)


def band_edges(found: RequirementMap) -> list[float]:
    """Sizes between which the map has one shade each, ascending; the last holds all of them."""
    named = [cell.recommended for row in found.cells for cell in row if cell.recommended]
    if not named:
        return []
    powers = range(int(np.log10(min(named))), int(np.log10(max(named))) + 2)
    every = [float(by * 10.0**power) for power in powers for by in BANDS]
    first = next(i for i, edge in enumerate(every) if edge >= min(named))
    last = next(i for i, edge in enumerate(every) if edge >= max(named))
    return every[first : last + 1]


def map_legend(found: RequirementMap) -> list[tuple[int, str]]:
    """Shade and upper end of each band of sizes."""
    edges = band_edges(found)
    return [(_band_shade(i, len(edges)), short_count(edge)) for i, edge in enumerate(edges)]


def map_values(found: RequirementMap) -> list[list[int]]:
    """What is read out of each cell: a size, 0 where none reaches it, -1 where it is not known."""
    return [[cell.recommended or NONE[cell.verdict] for cell in row] for row in found.cells]


def wanted_value(found: RequirementMap, advice: Advice | None) -> list[float] | None:
    """Step, target and value of the requirement, where the map has it."""
    if advice is None or not _inside(_map_canvas(found), advice.requirement):
        return None
    size = advice.parameters.recommended if advice.parameters else None
    named = size if advice.verdict == "recommended" else None
    wanted = advice.requirement
    return [wanted.noise_step, wanted.target_accuracy, named or NONE[advice.verdict]]


def _band_shade(band: int, count: int) -> int:
    return round(14 + 72 * band / max(1, count - 1))


def _kind(cell: MapCell, edges: Sequence[float]) -> str:
    """The band of a recommended size, or the verdict."""
    if cell.recommended is None:
        return cell.verdict
    return str(next(i for i, edge in enumerate(edges) if cell.recommended <= edge))


def _cells_box(
    canvas: Canvas, found: RequirementMap, column: int, width: int, target: float
) -> str:
    x, y = _gap(found.steps), _gap(found.targets) / 2
    left = found.steps[column] - x / 2
    return canvas.box(left, left + width * x, target - y, target + y)


def _region_note(canvas: Canvas, found: RequirementMap, verdict: str, words: str) -> list[Note]:
    """The words, in the middle of the largest rectangle of cells with that verdict, if any is
    large enough to hold them.
    """
    is_it = np.array([[cell.verdict == verdict for cell in row] for row in found.cells])
    best, place = 0, (0.0, 0.0)
    for bottom in range(len(is_it)):
        for top in range(bottom + LEAST_ROWS, len(is_it) + 1):
            column, width = _longest_run(list(np.all(is_it[bottom:top], axis=0)))
            large = width * LEAST_COLUMNS >= len(found.steps)
            if large and width * (top - bottom) > best:
                best = width * (top - bottom)
                place = column + (width - 1) / 2, (bottom + top - 1) / 2
    if not best:
        return []
    step = found.steps[0] + place[0] * _gap(found.steps)
    target = found.targets[0] + place[1] * _gap(found.targets)
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
