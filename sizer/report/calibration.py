"""What a calibration shows: the measured accuracies, the width of the fall, the laws."""

import shlex
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sizer.noise.units import grey_levels, in_short, in_words
from sizer.prediction.question import askable_steps
from sizer.report.document import (
    Block,
    Code,
    Document,
    Facts,
    Figure,
    Paragraph,
    Section,
    Table,
    Warnings,
)
from sizer.report.figures import curves_plot, pooled, widths_plot
from sizer.report.format import capital, interval, number, short, spread

if TYPE_CHECKING:
    from sizer.calibration import Calibration
    from sizer.estimate import Estimate
    from sizer.inference.records import ModelInfo
    from sizer.prediction.outlook import Outlook
    from sizer.prediction.question import Requirement
    from sizer.scaling.surface import LawFit

WIDTH_HEADINGS = ("levels", "exponent (90 %)", "widths")
ACCURACIES = ("clean_limit",)  # parameters of laws that are accuracies, beside the ceilings
MOST_STEPS = 5  # whose accuracies are in the table of models
MOST_ROWS = 20  # of the table of sizes, which a terminal shows


def document(calibration: "Calibration") -> Document:
    """What `calibrate` and `fit` made."""
    return told(calibration, "FILE")


def told(calibration: "Calibration", name: str) -> Document:
    """The same, with the name to ask it by: the ladder, what may be asked, the line that asks."""
    warnings = all_warnings(calibration)
    blocks: list[Block] = [ladder_table(calibration)]
    question = example(calibration, name)
    if question is not None:
        blocks += [Paragraph(capital(may_ask(calibration)) + "."), Code((question,), "next")]
    said = (Section("", (Warnings(warnings),)),) if warnings else ()
    sections = (*appendix(calibration), Section("", tuple(blocks)), *said)
    return Document(sections, answer=(_of_the_ladder(calibration),))


def _of_the_ladder(calibration: "Calibration") -> str:
    sizes = calibration.sizes
    return (
        f"{len(calibration.models)} models of {sizes[0]:,} to {sizes[-1]:,} parameters, measured "
        f"on {calibration.images:,} images"
    )


def ladder_table(calibration: "Calibration") -> Table:
    """The accuracy of each size, all of its trainings together, at noises that tell.

    Of very many sizes, some.
    """
    steps, curves = telling_steps(calibration), pooled(calibration.curves)
    rows = []
    for size in spread(calibration.sizes, MOST_ROWS):
        known = dict(curves[size])
        rows.append((f"{size:,}", *(number(known.get(step), ".3f") for step in steps)))
    headings = ("parameters", *(in_short(step, calibration.schedule) for step in steps))
    of_all = f"{len(rows)} of {len(curves):,} sizes" if len(rows) < len(curves) else ""
    return Table(of_all, headings, tuple(rows))


def telling_steps(calibration: "Calibration") -> list[float]:
    """The least noise, and where the largest size has lost a quarter and half of its accuracy."""
    curve = pooled(calibration.curves)[calibration.sizes[-1]]
    common = set(calibration.shared_steps)
    shared = [point for point in curve if point[0] in common] or curve
    height = shared[0][1] - calibration.chance
    levels = [calibration.chance + height * share for share in (1.0, 0.75, 0.5)]
    nearest = {min(shared, key=lambda point: abs(point[1] - level))[0] for level in levels}
    return sorted({shared[0][0], *nearest})


def may_ask(calibration: "Calibration") -> str:
    """The noise and the accuracies that are answered for."""
    first, last = askable_steps(calibration)
    largest = pooled(calibration.curves)[calibration.sizes[-1]]
    top = max(accuracy for _, accuracy in largest)
    schedule = calibration.schedule
    return (
        f"ask about any noise from {in_words(first, schedule)} to {in_words(last, schedule)}; "
        f"accuracies up to {top:.2f} were measured, and guessing has {calibration.chance:.2g}"
    )


def example(calibration: "Calibration", name: str) -> str | None:
    """A question half-way between the smallest and the largest size; None without noise to ask."""
    first, last = askable_steps(calibration)
    steps = [step for step in telling_steps(calibration) if first <= step <= last]
    if not steps:
        return None
    step, curves = steps[len(steps) // 2], list(pooled(calibration.curves).values())
    known = [dict(curve).get(step) for curve in (curves[0], curves[-1])]
    reached = [accuracy for accuracy in known if accuracy is not None]
    target = max(sum(reached) / max(1, len(reached)), calibration.chance + 0.01)
    sigma = grey_levels(step, calibration.schedule) if calibration.schedule and step else None
    noise = ("--noise-step", f"{step:g}") if sigma is None else ("--sigma", sigma)
    asked = ("--calibration", name, *noise, "--target-acc", f"{min(target, 0.99):.2f}")
    return shlex.join(("sizer", "recommend", *asked))


def headline(calibration: "Calibration") -> tuple[str, ...]:
    """What was measured, what may be asked and what was fitted, in a few words and in sentences."""
    fit = calibration.fit
    of_laws = "no law was fitted"
    if fit is not None:
        of_laws = (
            f"of {len(calibration.laws)} laws the {fit.law} law predicts left-out sizes best: "
            f"{short(fit.verdict)}"
        )
    sentences = (_of_the_ladder(calibration), may_ask(calibration), of_laws)
    return "What the ladder shows", *(f"{capital(words)}." for words in sentences)


def all_warnings(calibration: "Calibration") -> tuple[str, ...]:
    return (*calibration.warnings, *calibration.fit_warnings)


def measured(
    calibration: "Calibration",
    requirement: "Requirement | None" = None,
    outlook: "Outlook | None" = None,
) -> Section:
    """The accuracies, and among them the requirement and what the recommended size does."""
    plot = curves_plot(calibration, requirement, outlook)
    lines = f", thin lines the {calibration.fit.law} law" if calibration.fit else ""
    caption = f"Dots are measured{lines}: the fainter, the smaller the model."
    if outlook is not None:
        caption += (
            f" The strong line is the recommended size as predicted, with its "
            f"{outlook.confidence:.0%} interval; dashed is what its next training reaches."
        )
    return Section(
        "Accuracy under noise",
        (Figure("curves", caption, plot),),
    )


def facts(calibration: "Calibration") -> tuple[tuple[str, str], ...]:
    """What was measured, as pairs of name and value."""
    sizes = calibration.sizes
    steps = sorted({cell.step for cell in calibration.cells})
    counts = sorted(Counter(cell.model for cell in calibration.cells).values())
    least, most = counts[0], counts[-1]
    each = f"{most}" if least == most else f"{least} to {most} a model,"
    pairs = [
        ("models", f"{len(calibration.models)} of {len(sizes)} sizes"),
        ("parameters", f"{sizes[0]:,} to {sizes[-1]:,}"),
        ("noise steps", f"{each} from {steps[0]:g} to {steps[-1]:g}"),
        ("images a model", f"{calibration.images:,}"),
        ("chance", f"{calibration.chance:.4g}"),
    ]
    inputs = {m.input_shape for m in calibration.models if m.input_shape is not None}
    if len(inputs) > 1:
        listed = ", ".join(f"{height} x {width}" for height, width, _ in sorted(inputs))
        pairs.append(("inputs", f"{listed} pixels"))
    if calibration.models[0].precision is not None:
        pairs.append(("measured at", calibration.models[0].precision))
    if calibration.ladder is not None:
        pairs.append(("training", short(calibration.ladder.recipe.family)))
    return tuple(pairs)


def models_table(calibration: "Calibration") -> Table:
    """Each model's accuracy at a few of the steps that all models share."""
    steps = spread(calibration.shared_steps, MOST_STEPS)
    known = {
        (curve.model.name, step): share
        for curve in calibration.curves
        for step, share in zip(curve.steps, curve.accuracy.tolist(), strict=True)
    }
    several = len({model.input_shape for model in calibration.models}) > 1
    rows = []
    for model in sorted(calibration.models, key=lambda model: (model.parameters, model.name)):
        shares = [number(known.get((model.name, step)), ".3f") for step in steps]
        rows.append((short(model.name), f"{model.parameters:,}", *_input(model, several), *shares))
    precision = calibration.models[0].precision
    title = f"Accuracy at noise step t{f', {precision}' if precision else ''}"
    input_heading = ("input",) if several else ()
    headings = ("model", "parameters", *input_heading, *(f"t={step:g}" for step in steps))
    return Table(title, headings, tuple(rows), detail=True)


def _input(model: "ModelInfo", several: bool) -> tuple[str, ...]:
    """The cell for a model's height and width, where models differ in it."""
    if not several:
        return ()
    return (f"{model.input_shape[0]} x {model.input_shape[1]}" if model.input_shape else "unknown",)


def appendix(calibration: "Calibration") -> tuple[Section, ...]:
    """Every model, and what was fitted to the accuracies: the science, which no answer rests on."""
    fits = (width(calibration), *collapse(calibration), *laws(calibration))
    return tuple(replace(section, detail=True) for section in (models(calibration), *fits))


def models(calibration: "Calibration") -> Section:
    return Section("Models", (Facts(facts(calibration)), models_table(calibration)))


def width(calibration: "Calibration") -> Section:
    law, plot = calibration.width_law, widths_plot(calibration)
    blocks: list[Block] = []
    if law is None:
        missing = "There is no width law: fewer than three sizes cross a pair of levels."
        blocks = [Paragraph(missing)]
    else:
        if plot is not None:
            caption = (
                "Dots are measured, lines the law of each pair of levels. The grey wedge is what "
                "Seidler & Abel 2025 find on CIFAR-100: N^-0.27 to N^-0.30."
            )
            blocks.append(Figure("widths", caption, plot))
        blocks += [
            Paragraph(
                f"The width, the noise between two levels of accuracy, goes as N^-exponent: "
                f"{short(law.verdict)}. A positive exponent: larger models fall more sharply."
            ),
            Table("Exponents of the width", WIDTH_HEADINGS, tuple(width_rows(calibration))),
            Paragraph(_width_tolerance(calibration)),
        ]
    return Section("How wide the fall is", tuple(blocks))


def width_rows(calibration: "Calibration") -> list[tuple[str, str, str]]:
    """Level pair, exponent with its interval, number of widths."""
    law = calibration.width_law
    if law is None:
        return []
    rows = [
        (f"{pair.levels[0]:g}, {pair.levels[1]:g}", interval(pair.exponent), str(pair.widths))
        for pair in law.pairs
    ]
    total = sum(pair.widths for pair in law.pairs)
    return [*rows, ("common", interval(law.exponent), f"{total} ({law.censored} censored)")]


def _width_tolerance(calibration: "Calibration") -> str:
    """How well counting alone lets the widths be known."""
    if calibration.tolerance is None:
        return "How well the widths are known is not known: a width has no interval."
    return (
        f"Each model's widths are known to {calibration.tolerance:.1%} or better "
        "(90 %, from counting)."
    )


def collapse(calibration: "Calibration") -> tuple[Section, ...]:
    law = calibration.collapse
    if law is None:
        return ()
    rows = (
        ("t_c", interval(law.critical_step, ".4g")),
        ("1/nu", interval(law.inverse_nu)),
        ("lambda", interval(law.lambda_)),
        ("quality", number(law.quality)),
    )
    table = Table("Exponents of the collapse", ("quantity", "value (90 %)"), rows, detail=True)
    words = (
        "Finite-size scaling, accuracy = N^-lambda f((t - t_c) N^(1/nu)), with one function f for "
        f"all sizes: {short(law.verdict)}. The quality is the mean square of what is left over, in "
        "counting errors: 1 if the curves lie on one."
    )
    return (Section("Collapse", (Paragraph(words), table)),)


def laws(calibration: "Calibration") -> tuple[Section, ...]:
    """The laws, what back-tests say they are off by, and the parameters of the best."""
    if calibration.fit is None:
        return ()
    blocks: list[Block] = [
        Paragraph(
            "How the accuracy of the ladder scales with size and noise. The answer does not rest "
            "on them: it follows the measurements."
        ),
        law_table(calibration),
    ]
    if calibration.backtests:
        blocks += [
            Paragraph("The largest sizes were left out and predicted from the rest, by each law."),
            backtest_table(calibration),
        ]
    return (Section("Laws", (*blocks, parameter_table(calibration.fit))),)


def law_table(calibration: "Calibration") -> Table:
    """Each law's misfit in accuracy, and its verdict."""
    rows = tuple(
        (fit.law, f"{fit.residual_rms:.4f}", short(fit.verdict)) for fit in calibration.laws
    )
    title = "Laws, the best predictor of left-out sizes first"
    return Table(title, ("law", "misfit", "verdict"), rows)


def backtest_table(calibration: "Calibration") -> Table:
    """Predictions of the largest sizes, left out, by each law."""
    order = {fit.law: rank for rank, fit in enumerate(calibration.laws)}
    tests = [test for test in calibration.backtests if test.law in order]
    rows = tuple(
        (
            test.law,
            str(test.hold_out),
            f"{test.ratio:.1f}",
            f"{test.accuracy_rms:.4f}",
            f"{test.accuracy_worst:.4f}",
            "-" if test.log10_size_error is None else f"{10**test.log10_size_error:.1f} times",
        )
        for test in sorted(tests, key=lambda test: (order[test.law], test.hold_out))
    )
    headings = ("law", "sizes left out", "times beyond", "accuracy off, RMS", "worst", "size off")
    return Table("Predictions by the laws", headings, rows)


def _at_most_one(value: "Estimate") -> "Estimate":
    """An accuracy, whose interval a fit may put beyond what one can be."""
    ends = (value.value, value.low, value.high)
    return type(value)(*(None if end is None else min(end, 1.0) for end in ends))


def parameter_table(fit: "LawFit") -> Table:
    """A law's parameters; those of the knots in one row a knot."""
    title = f"Parameters of the {fit.law} law"
    values = {
        name: _at_most_one(value) if name in ACCURACIES or name.startswith("ceiling_") else value
        for name, value in zip(fit.names, fit.intervals, strict=False)
    }
    if fit.law != "saturating":
        pairs = tuple((short(name), interval(value)) for name, value in values.items())
        return Table(title, ("parameter", "value (90 %)"), pairs, detail=True)
    rows = tuple(
        (f"{step:g}", interval(values.get(f"ceiling_{i}")), interval(values.get(f"gain_{i}")))
        for i, step in enumerate(fit.knots)
    )
    ends = tuple(interval(values.get(f"rate_{end}")) for end in ("first", "last"))
    headings = ("step", "ceiling A (90 %)", "gain B (90 %)")
    return Table(title, headings, (*rows, ("rate at both ends", ends[0], ends[1])), detail=True)
