"""The answer of `backtest`."""

from typing import TYPE_CHECKING

from sizer.report.document import Block, Document, Figure, Paragraph, Section, Table
from sizer.report.format import (
    UNKNOWN,
    accuracy_range,
    number,
    share_of,
    short,
    size_interval,
)

if TYPE_CHECKING:
    from sizer.prediction.hold_outs import (
        AccuracyScore,
        BacktestScore,
        HoldOut,
        LadderBacktest,
        PredictedAccuracy,
        PredictedSize,
        SizeScore,
    )

CLAIM = "90%"  # of the intervals of a back-test


def document(test: "LadderBacktest") -> Document:
    """How well all went in a line, a row and a picture for each number of sizes left out, the sums
    and each prediction.
    """
    sums: list[Block] = [
        Paragraph(f"{_left_out(hold_out)} left out: {hold_out.verdict}")
        for hold_out in test.hold_outs
    ]
    sums += [_accuracy_table(test), _size_table(test), *_laws_alone(test)]
    details = [table for hold_out in test.hold_outs for table in _details(hold_out)]
    return Document(
        (
            Section("", (_summary(test), *_figures(test))),
            Section("The sums", tuple(sums), detail=True),
            Section("Each", tuple(details), detail=True),
        ),
        answer=(_answer(test),),
        source="sizer backtest",
    )


def _answer(test: "LadderBacktest") -> str:
    """Of all that was left out, the prediction that went worst."""
    scores = [hold_out.scores[-1] for hold_out in test.hold_outs]
    failed = [score for score in scores if not score.predicted]
    worst = max(score.telling.rms for score in failed or scores)
    furthest = max(score.ratio for score in scores)
    if failed:
        return f"not predicted: accuracies of the largest sizes are off by {worst:.3f}"
    return (
        f"predicted within {worst:.3f} in accuracy, up to {furthest:.1f} times the largest fitted"
    )


def _summary(test: "LadderBacktest") -> Table:
    title = f"Largest sizes left out, and predicted from the rest (RMS; {CLAIM} intervals)"
    headings = ("left out", "times", "off by", "held", "sizes named", "off by", "bounds true")
    return Table(title, headings, tuple(map(_row, test.hold_outs)))


def _row(hold_out: "HoldOut") -> tuple[str, ...]:
    score = hold_out.scores[-1]
    told, size = score.telling, score.size
    return (
        str(len(hold_out.held)),
        f"{score.ratio:.1f}",
        f"{told.rms:.3f}",
        share_of(told.held, told.points),
        f"{size.named}/{size.asked}",
        f"{number(size.factor_rms, '.2f')} times",
        share_of(size.bound_true, size.asked),
    )


def _figures(test: "LadderBacktest") -> list[Figure]:
    """The largest size, predicted from ever fewer, where its accuracy was."""
    from sizer.report.backtest_plot import accuracy_plot

    return [
        Figure(
            f"{len(hold_out.held)}-left-out",
            f"{hold_out.held[-1]:,} parameters, predicted from sizes up to "
            f"{hold_out.fitted[-1]:,}: the next training as a line with its {CLAIM} interval, and "
            "what was measured as dots.",
            accuracy_plot(test, hold_out),
        )
        for hold_out in test.hold_outs
    ]


def _left_out(hold_out: "HoldOut") -> str:
    count = len(hold_out.held)
    return "largest size" if count == 1 else f"{count} largest sizes"


def _accuracy_table(test: "LadderBacktest") -> Table:
    title = (
        "Accuracy, predicted minus measured, of sizes so many times the largest fitted; "
        f"held: {CLAIM} intervals of the next training that hold; †: where the model does more "
        "than guess"
    )
    headings = ("out", "size", "times", "RMS", "worst", "held", "RMS†", "worst†", "held†")
    rows = tuple(
        (*_score_name(hold_out, score), *_errors(score.accuracy), *_errors(score.informative))
        for hold_out in test.hold_outs
        for score in hold_out.scores
    )
    return Table(title, headings, rows)


def _size_table(test: "LadderBacktest") -> Table:
    title = (
        "Size, where it still buys accuracy: factor between the best estimate and the needed size; "
        "named: sizes of those asked for; held: their intervals that hold; bounds: lower bounds "
        "that are true, of all answers"
    )
    headings = ("out", "size", "times", "named", "RMS", "median", "worst", "held", "bounds")
    rows = tuple(
        (*_score_name(hold_out, score), *_factors(score.size))
        for hold_out in test.hold_outs
        for score in hold_out.scores
    )
    return Table(title, headings, rows)


def _score_name(hold_out: "HoldOut", score: "BacktestScore") -> tuple[str, ...]:
    size = "all" if score.parameters is None else f"{score.parameters:,}"
    return str(len(hold_out.held)), size, f"{score.ratio:.1f}"


def _errors(score: "AccuracyScore | None") -> tuple[str, ...]:
    if score is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    return f"{score.rms:.4f}", f"{score.worst:+.3f}", share_of(score.held, score.points)


def _factors(score: "SizeScore") -> tuple[str, ...]:
    factors = (score.factor_rms, score.factor_median, score.factor_worst)
    return (
        f"{score.named}/{score.asked}",
        *(number(factor, ".2f") for factor in factors),
        share_of(score.held, score.named),
        share_of(score.bound_true, score.asked),
    )


def _laws_alone(test: "LadderBacktest") -> tuple[Table, ...]:
    """Each law's error, in the order of the first hold-out."""
    errors = [{law.law: law.accuracy_rms for law in hold_out.laws} for hold_out in test.hold_outs]
    laws = list(dict.fromkeys(law for hold_out in errors for law in hold_out))
    if not laws:
        return ()
    title = "For comparison, each law's own error in accuracy, with so many sizes left out"
    headings = ("law", *(f"RMS ({len(hold_out.held)})" for hold_out in test.hold_outs))
    rows = tuple((law, *(number(hold_out.get(law), ".4f") for hold_out in errors)) for law in laws)
    return (Table(title, headings, rows),)


def _details(hold_out: "HoldOut") -> list[Table]:
    """Every prediction of a hold-out: of accuracies, and of sizes."""
    title = f"{_left_out(hold_out)} left out, at most {hold_out.fitted[-1]:,} parameters fitted"
    tables = [
        Table(
            f"Accuracy: {title}",
            ("model", "parameters", "step", f"predicted ({CLAIM})", "measured", "difference"),
            tuple(_accuracy_row(point) for point in hold_out.accuracies),
            detail=True,
        )
    ]
    if hold_out.sizes:
        tables.append(
            Table(
                f"Size: {title}",
                ("step", "accuracy wanted", "needed", f"predicted ({CLAIM})", "factor"),
                tuple(_size_row(answer) for answer in hold_out.sizes),
                detail=True,
            )
        )
    return tables


def _accuracy_row(point: "PredictedAccuracy") -> tuple[str, ...]:
    return (
        short(point.model),
        f"{point.parameters:,}",
        f"{point.step:g}",
        accuracy_range(point.predicted),
        f"{point.measured:.3f}",
        f"{point.predicted.best - point.measured:+.3f}",
    )


def _size_row(answer: "PredictedSize") -> tuple[str, ...]:
    asked = (f"{answer.step:g}", f"{answer.target:.3f}", f"{answer.needed:,}")
    sizes = answer.predicted
    if sizes is None:
        return (*asked, "out of reach", UNKNOWN)
    if sizes.best is None:
        return (*asked, f"at least {sizes.low or 0:,.0f}", UNKNOWN)
    return (*asked, size_interval(sizes), f"{sizes.best / answer.needed:.2f}")
