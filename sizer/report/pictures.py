"""Pictures of a calibration: pure functions of results to figures, and the files they go into."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sizer.calibration import Calibration
from sizer.estimate import Estimate
from sizer.inference.records import ModelInfo
from sizer.noise.units import sigma_ticks
from sizer.prediction.hold_outs import HoldOut, LadderBacktest, PredictedAccuracy, PredictedSize
from sizer.report.format import short_count
from sizer.scaling.collapse import Collapse
from sizer.scaling.width import LevelExponent, WidthLaw

FORMATS = ("png", "svg")
RESOLUTION = 150  # dots per inch of the PNG
COLOURS = "viridis"
LIGHTEST = 0.82  # of the colours: the brightest yellows are hard to see on white
MARKERS = "osD^vP*X<>"  # in turn, so that no two sizes differ by their colour alone
MOST_LABELS = 20  # of sizes in a legend, beyond which they are small
PAPER = (0.27, 0.30)  # exponents of the width that Seidler & Abel 2025 find on CIFAR-100
FACTORS = (0.1, 10.0)  # predicted over needed sizes that are shown
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)
APART = 0.01  # of the range of steps, between sizes at the same step


def figures(calibration: Calibration) -> dict[str, Figure]:
    """All pictures that the calibration has the data for, by file stem."""
    pictures = {"curves": curves_figure(calibration)}
    if calibration.width_law is not None:
        pictures["widths"] = widths_figure(calibration, calibration.width_law)
    if calibration.collapse is not None and calibration.collapse.quality is not None:
        pictures["collapse"] = collapse_figure(calibration, calibration.collapse)
    return pictures


def save(pictures: dict[str, Figure], folder: Path) -> list[Path]:
    """Each figure as PNG and SVG, in a folder that exists."""
    from matplotlib import rc_context

    written = []
    with rc_context({"svg.hashsalt": "sizer"}):  # the same names inside every run's SVG
        for name, figure in pictures.items():
            for form in FORMATS:
                path = folder / f"{name}.{form}"
                without_date = {"Date": None} if form == "svg" else None
                figure.savefig(path, dpi=RESOLUTION, metadata=without_date)
                written.append(path)
    return written


def curves_figure(calibration: Calibration) -> Figure:
    """Accuracy against noise: measured points, one colour a size, and the fitted law."""
    figure, axes = _canvas(8.0, 5.0)
    fit = calibration.fit
    first, last = (end(cell.step for cell in calibration.cells) for end in (min, max))
    dense = np.linspace(first, last, 300)
    norm, labelled = _norm(calibration), set()
    for model in _models(calibration):
        steps, share, error = _curve(calibration, model)
        colour = _colour(norm, model.parameters)
        marker = _marker(calibration, model.parameters)
        axes.errorbar(steps, share, error, fmt=marker, color=colour, markersize=3.5, linewidth=0.8)
        if fit is not None and model.parameters not in labelled:
            axes.plot(dense, fit.accuracy(model.parameters, dense), color=colour, lw=1)
        labelled.add(model.parameters)
    axes.axhline(calibration.chance, color="0.5", linestyle=":", linewidth=1)
    axes.annotate("chance", (first, calibration.chance), va="bottom", ha="left", color="0.4")
    axes.set(xlabel=_noise_label(calibration), ylabel="accuracy", ylim=(0, None))
    lines = f"; lines: the {fit.law} law" if fit else ""
    axes.set_title(f"Accuracy under noise{lines}", loc="left")
    _sigma_axis(axes, calibration.schedule)
    _size_legend(figure, axes, calibration, norm)
    return figure


def _sigma_axis(axes: Axes, schedule: str | None) -> None:
    """The same noise in grey levels, above."""
    if schedule is None:
        return
    upper = axes.secondary_xaxis("top")
    ticks = sigma_ticks(schedule, *axes.get_xlim())
    upper.set_xticks([step for step, _ in ticks], [f"{sigma}" for _, sigma in ticks])
    upper.set_xlabel("sigma, grey levels of 0..255")


def widths_figure(calibration: Calibration, law: WidthLaw) -> Figure:
    """Transition width against size in log-log, one colour and marker a level pair, with the common
    law, and the slopes that the paper finds.
    """
    figure, axes = _canvas(9.0, 5.0)
    sizes = np.array(sorted({model.parameters for model in calibration.models}), dtype=float)
    centre = np.exp(np.log(sizes).mean())
    for i, pair in enumerate(law.pairs):
        _pair_widths(axes, calibration, pair, i)
        label = f"{pair.levels[0]:g} to {pair.levels[1]:g}: {_slope(pair.exponent)}"
        fitted = pair.prefactor * sizes ** -(pair.exponent.value or 0.0)
        axes.plot(sizes, fitted, color=f"C{i}", label=label)
    heights = [np.log(p.prefactor) - (p.exponent.value or 0) * np.log(centre) for p in law.pairs]
    if heights:  # no pair may have three sizes of its own
        scale = np.exp(np.mean(heights))
        common = scale * (sizes / centre) ** -(law.exponent.value or 0.0)
        axes.plot(sizes, common, "k--", lw=1.5, label=f"common: {_slope(law.exponent)}")
        steep, flat = (scale * (sizes / centre) ** -exponent for exponent in reversed(PAPER))
        label = f"the paper: $N^{{-{PAPER[0]}}}$ to $N^{{-{PAPER[1]:.2f}}}$"
        axes.fill_between(sizes, steep, flat, color="0.6", alpha=0.8, label=label)
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xscale="log", yscale="log", xlabel="parameters N", ylabel=f"width in {law.control}")
    _plain_ticks(axes)
    axes.set_title(f"Transition width: {law.verdict}", loc="left")
    axes.grid(which="both", alpha=0.15)
    return figure


def _pair_widths(axes: Axes, calibration: Calibration, pair: LevelExponent, place: int) -> None:
    """The measured widths of a level pair, with their intervals."""
    known = [w for w in calibration.widths if w.levels == pair.levels and w.width.value]
    at = [width.parameters for width in known]
    value = np.array([width.width.value for width in known])
    ends = [
        [w.width.value if end is None else end for w, end in zip(known, bounds, strict=True)]
        for bounds in ([w.width.low for w in known], [w.width.high for w in known])
    ]
    bars = np.abs(np.array(ends) - value)
    axes.errorbar(
        at, value, bars, fmt=MARKERS[place % len(MARKERS)], color=f"C{place}", markersize=4, lw=0.8
    )


def _slope(exponent: Estimate) -> str:
    """The power law with the interval of its exponent."""
    known = f"$N^{{{-(exponent.value or 0.0):.3f}}}$"
    if exponent.low is None or exponent.high is None:
        return known
    return f"{known} ({-exponent.high:.3f} to {-exponent.low:.3f})"


def _plain_ticks(axes: Axes) -> None:
    """Numbers as they are, and not as powers of ten; as many as are read at a glance."""
    for axis, form in ((axes.xaxis, short_count), (axes.yaxis, "{:g}".format)):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _, form=form: form(value)))
        axis.set_minor_formatter(NullFormatter())


def collapse_figure(calibration: Calibration, collapse: Collapse) -> Figure:
    """The curves in scaled variables: one master curve, if finite-size scaling holds."""
    figure, axes = _canvas(8.0, 5.0)
    critical = collapse.critical_step.value or 0.0
    inverse_nu, lambda_ = collapse.inverse_nu.value or 0.0, collapse.lambda_.value or 0.0
    norm = _norm(calibration)
    reference = np.exp(np.mean([np.log(model.parameters) for model in calibration.models]))
    for model in _models(calibration):
        steps, share, _ = _curve(calibration, model)
        ratio = model.parameters / reference
        order = (share - calibration.chance) / (1 - calibration.chance)
        axes.plot(
            (steps - critical) * ratio**inverse_nu,
            order * ratio**lambda_,
            f"{_marker(calibration, model.parameters)}-",
            color=_colour(norm, model.parameters),
            linewidth=0.6,
            markersize=3.5,
        )
    axes.set(
        xlabel=f"$(t - {critical:.4g}) (N/N_0)^{{{inverse_nu:.3g}}}$",
        ylabel=f"$m (N/N_0)^{{{lambda_:.3g}}}$",
    )
    axes.set_title(f"Collapse, quality {collapse.quality:.3g}: {collapse.verdict}", loc="left")
    axes.title.set_fontsize("medium")
    figure.supxlabel(
        f"m: accuracy above chance, 1 at most; N0: geometric mean of the sizes, {reference:,.0f};\n"
        "quality: mean square of what is left over in counting errors, 1 if the curves lie on one",
        fontsize="small",
        color="0.35",
    )
    _size_legend(figure, axes, calibration, norm)
    return figure


def backtest_figures(test: LadderBacktest) -> dict[str, Figure]:
    """The pictures of a back-test by file stem; that of sizes only where any was asked for."""
    pictures = {"backtest-accuracy": predictions_figure(test)}
    if any(hold_out.sizes for hold_out in test.hold_outs):
        pictures["backtest-size"] = sizes_figure(test)
    return pictures


def predictions_figure(test: LadderBacktest) -> Figure:
    """Accuracy against noise, one column a hold-out: predicted with its band, and measured; below,
    the difference.
    """
    figure, panels = _panels(test, 2)
    norm = _held_norm(test)
    for (above, below), hold_out in zip(panels, test.hold_outs, strict=True):
        for size in hold_out.held:
            points = [point for point in hold_out.accuracies if point.parameters == size]
            _predicted_curve(above, below, points, _colour(norm, size))
        above.axhline(test.chance, color="0.5", linestyle=":", linewidth=1)
        above.set_ylim(0, None)
        above.set_title(_held_title(hold_out), loc="left", fontsize="medium")
        below.axhline(0, color="0.5", linewidth=1)
        below.set_xlabel("noise step t" if test.schedule else "noise")
    panels[0][0].set_ylabel("accuracy")
    panels[0][1].set_ylabel("measured - predicted")
    figure.suptitle("Lines: predicted, with 90 % bands of the next training; points: measured")
    _held_legend(panels[0][0], norm, test)
    return figure


def _predicted_curve(
    above: Axes, below: Axes, points: Sequence[PredictedAccuracy], colour: tuple[float, ...]
) -> None:
    """The prediction is one for all trainings of a size, where they share steps."""
    ordered = sorted(points, key=lambda point: point.step)
    steps = np.array([point.step for point in ordered])
    measured = np.array([point.measured for point in ordered])
    curve = [(p.predicted.best, p.predicted.low, p.predicted.high) for p in ordered]
    mean, low, high = np.array(curve, dtype=float).T
    for axes, zero in ((above, 0.0), (below, mean)):
        axes.fill_between(steps, low - zero, high - zero, color=colour, alpha=0.2, linewidth=0)
        axes.plot(steps, measured - zero, ".", color=colour, markersize=5)
    above.plot(steps, mean, color=colour, linewidth=1)


def sizes_figure(test: LadderBacktest) -> Figure:
    """Predicted over needed size at each noise step, one panel a hold-out.

    Answers that name no size are at the foot.
    """
    figure, panels = _panels(test, 1)
    norm = _held_norm(test)
    steps = [answer.step for hold_out in test.hold_outs for answer in hold_out.sizes]
    apart = APART * (max(steps) - min(steps))
    for (axes,), hold_out in zip(panels, test.hold_outs, strict=True):
        axes.axhline(1, color="0.5", linewidth=1)
        for i, size in enumerate(hold_out.held):
            answers = [answer for answer in hold_out.sizes if answer.held_out == size]
            shift = apart * (i - (len(hold_out.held) - 1) / 2)
            _predicted_sizes(axes, answers, shift, _colour(norm, size))
        axes.set(yscale="log", ylim=FACTORS, xlabel="noise step t" if test.schedule else "noise")
        axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.set_title(_held_title(hold_out), loc="left", fontsize="medium")
    panels[0][0].set_ylabel("predicted N* / needed N")
    figure.suptitle(
        "With 90 % intervals; full: a size left out was needed, empty: one between two sizes; "
        "crosses: no size named",
        fontsize="medium",
    )
    _held_legend(panels[0][0], norm, test)
    return figure


def _predicted_sizes(
    axes: Axes, answers: Sequence[PredictedSize], shift: float, colour: tuple[float, ...]
) -> None:
    """Full circles where a size itself was needed, empty ones between two; open ends run out."""
    lowest, highest = FACTORS
    unnamed = [answer.step + shift for answer in answers if answer.verdict != "recommended"]
    axes.plot(unnamed, [lowest * 1.15] * len(unnamed), "x", color=colour, markersize=4)
    for exact, fill in ((True, colour), (False, "white")):
        told = [
            (answer.step + shift, answer.needed, answer.predicted)
            for answer in answers
            if answer.predicted is not None
            and answer.verdict == "recommended"
            and exact == (answer.needed == answer.held_out)
        ]
        at = [step for step, _, _ in told]
        low = [max((sizes.low or 0.0) / needed, lowest) for _, needed, sizes in told]
        high = [highest if s.high is None else s.high / needed for _, needed, s in told]
        value = [(sizes.best or 0.0) / needed for _, needed, sizes in told]
        axes.vlines(at, low, high, color=colour, linewidth=0.8)
        axes.plot(at, value, "o", color=colour, markersize=4, markerfacecolor=fill)


def _panels(test: LadderBacktest, rows: int) -> tuple[Figure, list[tuple[Axes, ...]]]:
    """One column a hold-out, the first row the highest; its axes from above to below."""
    count = len(test.hold_outs)
    figure = Figure(figsize=(max(7.0, 4.2 * count), 2.5 + 2.0 * rows), layout="constrained")
    heights = [2, *[1] * (rows - 1)]
    grid = figure.subplots(
        rows, count, height_ratios=heights, sharex=True, sharey="row", squeeze=False
    )
    for axes in grid.ravel():
        axes.spines[["top", "right"]].set_visible(False)
    return figure, [tuple(column) for column in grid.T]


def _held_title(hold_out: HoldOut) -> str:
    count = len(hold_out.held)
    left = "largest size left out" if count == 1 else f"{count} largest sizes left out"
    return f"{left}; fitted up to {hold_out.fitted[-1]:,}"


def _held_norm(test: LadderBacktest) -> LogNorm:
    sizes = [size for hold_out in test.hold_outs for size in hold_out.held]
    return LogNorm(min(sizes), max(sizes) if len(set(sizes)) > 1 else max(sizes) * 10)


def _held_legend(axes: Axes, norm: LogNorm, test: LadderBacktest) -> None:
    for size in sorted({size for hold_out in test.hold_outs for size in hold_out.held}):
        axes.plot([], [], color=_colour(norm, size), lw=2, label=f"N = {size:,}")
    axes.legend(frameon=False, fontsize="small", loc="upper right")


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _models(calibration: Calibration) -> Sequence[ModelInfo]:
    return sorted(calibration.models, key=lambda model: model.parameters)


def _curve(calibration: Calibration, model: ModelInfo) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, accuracies and their standard errors of one model."""
    cells = sorted((c for c in calibration.cells if c.model == model.name), key=lambda c: c.step)
    steps = np.array([cell.step for cell in cells])
    share = np.array([cell.correct / cell.trials for cell in cells])
    trials = np.array([cell.trials for cell in cells])
    return steps, share, np.sqrt(share * (1 - share) / trials)


def _norm(calibration: Calibration) -> LogNorm:
    return LogNorm(calibration.sizes[0], calibration.sizes[-1])


def _colour(norm: LogNorm, size: float) -> tuple[float, ...]:
    from matplotlib import colormaps

    return tuple(colormaps[COLOURS](LIGHTEST * norm(size)))


def _marker(calibration: Calibration, size: int) -> str:
    return MARKERS[calibration.sizes.index(size) % len(MARKERS)]


def _size_legend(figure: Figure, axes: Axes, calibration: Calibration, norm: LogNorm) -> None:
    """Each size's colour and marker beside the data, the largest first."""
    for size in reversed(calibration.sizes):
        marker = f"{_marker(calibration, size)}-"
        axes.plot([], [], marker, color=_colour(norm, size), markersize=4, label=f"{size:,}")
    labels = len(calibration.sizes)
    figure.legend(
        title="parameters N",
        frameon=False,
        fontsize="small" if labels <= MOST_LABELS else "xx-small",
        loc="outside right center",
    )


def _noise_label(calibration: Calibration) -> str:
    return "noise step t" if calibration.schedule else "noise"
