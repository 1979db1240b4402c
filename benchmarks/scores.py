"""How good answers are: one record a question, one row a group of records, Markdown of rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rivals import Forecaster
from tasks import AccuracyQuestion, Question, Task

Record = dict[str, Any]
Row = dict[str, Any]


def record(forecaster: Forecaster, task: Task, question: Question) -> Record:
    """The question and what was answered; a missing bound is None."""
    asked = {"task": task.name, "group": question.group, "design": task.design}
    asked |= {"seed": task.seed, "step": question.step}
    if isinstance(question, AccuracyQuestion):
        low, best, high = forecaster.accuracy(question.size, question.step)
        asked |= {"kind": "accuracy", "size": question.size, "measured": question.measured}
        return asked | {"low": low, "best": best, "high": high}
    answer = forecaster.sizes(question.step, question.target)
    asked |= {"kind": "size", "target": question.target, "truth": question.truth}
    return asked | asdict(answer)


def size_row(records: Sequence[Record]) -> Row:
    """Scores of size questions.

    named: share of questions; coverage, width (median, decades; infinite without an end), factor
    (of best from the truth, median and 90th percentile) and too_small (recommended below the
    truth, of those given) are of the named ones. bound_given: share told a lower bound, of all
    questions; bound_true: of those told, at most the truth.
    """
    named = [one for one in records if one["named"]]
    factors = [abs(np.log(one["best"] / one["truth"])) for one in named if one["best"]]
    recommended = [one for one in named if one["recommended"] is not None]
    bounds = [one for one in records if one["bound"] is not None]
    return {
        "questions": len(records),
        "named": len(named) / len(records),
        "coverage": mean(holds(one, one["truth"]) for one in named),
        "width": median(log_width(one) for one in named),
        "factor": exp_quantile(factors, 0.5),
        "factor_90": exp_quantile(factors, 0.9),
        "bias": median(np.log10(one["best"] / one["truth"]) for one in named if one["best"]),
        "too_small": mean(one["recommended"] < one["truth"] for one in recommended),
        "bound_given": len(bounds) / len(records),
        "bound_true": mean(one["bound"] <= one["truth"] for one in bounds),
    }


def accuracy_row(records: Sequence[Record]) -> Row:
    """Scores of accuracy questions: root mean square error, share inside the interval, its width.

    coverage and width: of the answers with both bounds; bounded: their share.
    """
    answered = [one for one in records if one["best"] is not None]
    bounded = [one for one in answered if one["low"] is not None and one["high"] is not None]
    errors = [one["best"] - one["measured"] for one in answered]
    return {
        "questions": len(records),
        "rms": float(np.sqrt(np.mean(np.square(errors)))) if errors else None,
        "bias": mean(errors),
        "bounded": len(bounded) / len(records),
        "coverage": mean(one["low"] <= one["measured"] <= one["high"] for one in bounded),
        "width": median(one["high"] - one["low"] for one in bounded),
    }


def holds(answer: Record, truth: float) -> bool:
    """Whether the interval holds the truth; a missing bound excludes nothing."""
    low, high = answer["low"], answer["high"]
    return bool((low is None or low <= truth) and (high is None or truth <= high))


def log_width(answer: Record) -> float:
    low, high = answer["low"], answer["high"]
    return float(np.log10(high / low)) if low and high else float("inf")


def mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return float(np.mean(listed)) if listed else None


def median(values: Iterable[float]) -> float | None:
    listed = list(values)
    return float(np.median(listed)) if listed else None


def exp_quantile(values: Sequence[float], quantile: float) -> float | None:
    return float(np.exp(np.quantile(values, quantile))) if values else None


def grouped(
    records: Iterable[Record], keys: Sequence[str], row: Callable[[Sequence[Record]], Row]
) -> list[Row]:
    """A row for each combination of the keys' values, each key in order of its first record."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    ranks: tuple[dict[Any, int], ...] = tuple({} for _ in keys)
    for one in records:
        values = tuple(one[key] for key in keys)
        for rank, value in zip(ranks, values, strict=True):
            rank.setdefault(value, len(rank))
        groups.setdefault(values, []).append(one)

    def place(values: tuple[Any, ...]) -> tuple[int, ...]:
        return tuple(rank[value] for rank, value in zip(ranks, values, strict=True))

    return [
        dict(zip(keys, values, strict=True)) | row(groups[values])
        for values in sorted(groups, key=place)
    ]


def family_rows(records: Sequence[Record]) -> list[Row]:
    """A competitor and a number of sizes held out: its errors over whole tables.

    rms: pooled; median_rms: the median table's. better: share of tables whose root mean square is
    below that of repeating the largest fitted size.
    """
    tables = grouped(records, ("design", "competitor", "group"), accuracy_row)
    repeated = {
        (row["design"], row["group"]): row["rms"] for row in tables if row["competitor"] == "repeat"
    }
    pooled = grouped(records, ("design", "competitor"), accuracy_row)
    for row in pooled:
        mine = [
            table
            for table in tables
            if (table["competitor"], table["design"]) == (row["competitor"], row["design"])
        ]
        row["tables"] = len(mine)
        row["median_rms"] = median(table["rms"] for table in mine)
        row["better"] = mean(
            table["rms"] < repeated[table["design"], table["group"]]
            for table in mine
            if (table["design"], table["group"]) in repeated
        )
    return pooled


def spread_row(records: Sequence[Record]) -> Row:
    """How far answers lie apart that should agree: largest over smallest, infinite if one lacks."""
    return {
        "questions": len(records),
        "named": mean(one["named"] for one in records),
        "best": spread([one["best"] for one in records]),
        "recommended": spread([one["recommended"] for one in records]),
        "smallest_best": min((one["best"] for one in records if one["best"]), default=None),
        "largest_best": max((one["best"] for one in records if one["best"]), default=None),
    }


def spread(values: Sequence[float | None]) -> float:
    """Largest over smallest; infinite where one is None."""
    known = [value for value in values if value]
    return max(known) / min(known) if len(known) == len(values) else float("inf")


def answer_row(records: Sequence[Record]) -> Row:
    """A single answer, as it was given."""
    (answer,) = records
    return {name: answer[name] for name in ("named", "low", "best", "high", "recommended")}


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, a column for each key of the first."""
    names = list(rows[0])
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |"]
    lines.append("|" + "---|" * len(names))
    lines += ["| " + " | ".join(shown(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def shown(value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if np.isinf(value):
        return "no end"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
