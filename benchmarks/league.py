"""How good the answers are, and how good simpler ones would be.

Competitors learn from a ladder and answer questions whose truth is known:
- middle: a middle size left out of the shipped ladders; which size reached what it measured?
- shipped, public: the largest sizes held out, of those and of published tables; what do they
  measure?
- simulated: ladders from truths that no competitor has, asked inside and up to six times beyond.
- laws: ladders from the fitted set of laws.
- changes, demo: answers that should not differ.

Run: python benchmarks/league.py --tasks middle simulated --competitors sizer power
A competitor from elsewhere: --competitors module:function, with the module on PYTHONPATH.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

from ladders import Curves
from rivals import COMPETITORS, Forecaster
from scores import (
    Record,
    Row,
    accuracy_row,
    answer_row,
    family_rows,
    grouped,
    markdown,
    record,
    size_row,
    spread_row,
)
from tasks import (
    PUBLIC,
    Task,
    change_tasks,
    demo_tasks,
    law_tasks,
    middle_tasks,
    public_tasks,
    shipped_tasks,
    simulated_tasks,
)
from truths import TRUTHS

TASKS = ("middle", "shipped", "public", "simulated", "laws", "changes", "demo")


def tasks_of(given: argparse.Namespace) -> Iterator[Task]:
    """The chosen tasks; without a table the public ones are left out, in words."""
    makers = {
        "middle": middle_tasks,
        "shipped": shipped_tasks,
        "public": partial(public_tasks, given.public),
        "simulated": partial(simulated_tasks, given.ladders, given.seed, tuple(given.truths)),
        "laws": partial(law_tasks, given.ladders, given.seed),
        "changes": change_tasks,
        "demo": demo_tasks,
    }
    if "public" in given.tasks and not any(given.public.glob("*.csv")):
        print(f"public: no tables in {given.public}, left out", file=sys.stderr)
    return chain.from_iterable(makers[name]() for name in given.tasks)


def competitor(name: str) -> Callable[[Curves, float], Forecaster]:
    """One of the league, or `module:function`."""
    if ":" not in name:
        return COMPETITORS[name]
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def play(name: str, task: Task) -> list[Record]:
    """A competitor's answers to all questions of a task; seconds: that it took for the ladder."""
    start = time.perf_counter()
    forecaster = competitor(name)(task.ladder.curves, task.ladder.image_share)
    answers = [record(forecaster, task, question) for question in task.questions]
    seconds = time.perf_counter() - start
    return [{"competitor": name, "seconds": seconds} | answer for answer in answers]


def play_all(names: Sequence[str], tasks: Sequence[Task], workers: int) -> Iterator[list[Record]]:
    """The records of one competitor after the other."""
    with ProcessPoolExecutor(workers) as pool:
        for name in names:
            start = time.perf_counter()
            yield list(chain.from_iterable(pool.map(play, [name] * len(tasks), tasks)))
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def of(records: Sequence[Record], task: str, kind: str = "size") -> list[Record]:
    return [one for one in records if (one["task"], one["kind"]) == (task, kind)]


def tables(records: Sequence[Record]) -> dict[str, list[Row]]:
    """The tables of the league by their titles."""
    drawn = of(records, "simulated")
    changed = of(records, "changes")
    harmless = [one for one in changed if one["design"] == "harmless"]
    whose = ("competitor",)
    return {
        "A middle size left out": grouped(of(records, "middle"), whose, size_row),
        "Largest sizes held out, shipped": family_rows(of(records, "shipped", "accuracy")),
        "Largest sizes held out, public": family_rows(of(records, "public", "accuracy")),
        "Simulated ladders, size": grouped(drawn, ("group", *whose), size_row),
        "Simulated ladders, size, all questions": grouped(drawn, whose, size_row),
        "Simulated ladders, accuracy": grouped(
            of(records, "simulated", "accuracy"), ("group", *whose), accuracy_row
        ),
        "Ladders of the laws": grouped(of(records, "laws"), ("group", *whose), size_row),
        "Harmless changes": grouped(harmless, whose, spread_row),
        "Harmless changes and one failed training": grouped(changed, whose, spread_row),
        "Demo and shipped": grouped(of(records, "demo"), whose, spread_row),
    }


def details(records: Sequence[Record]) -> dict[str, list[Row]]:
    """The same by ladder, table, truth and change."""
    beyond = [one for one in of(records, "simulated") if one["group"] != "inside"]
    by_group, by_design = ("group", "competitor"), ("design", "competitor")
    return {
        "A middle size left out, by ladder": grouped(of(records, "middle"), by_group, size_row),
        "Largest sizes held out, by table": grouped(
            of(records, "shipped", "accuracy") + of(records, "public", "accuracy"),
            ("design", *by_group),
            accuracy_row,
        ),
        "Simulated ladders, beyond, by truth": grouped(beyond, by_design, size_row),
        "Changes, one by one": grouped(of(records, "changes"), by_group, answer_row),
        "Demo and shipped, one by one": grouped(of(records, "demo"), by_design, answer_row),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="*", default=TASKS, choices=TASKS)
    parser.add_argument("--competitors", nargs="*", default=list(COMPETITORS))
    parser.add_argument("--ladders", type=int, default=44, help="simulated ones")
    parser.add_argument("--truths", nargs="*", default=list(TRUTHS), choices=TRUTHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--public", type=Path, default=PUBLIC, help="folder of tables")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--details", action="store_true", help="tables by ladder, truth, change")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    made: dict[str, list[Row]] = {}
    records: list[Record] = []
    for played in play_all(given.competitors, list(tasks_of(given)), given.workers):
        records += played
        made = tables(records) | (details(records) if given.details else {})
        if given.json is not None:
            save(given.json, made, records)
    for title, rows in made.items():
        if rows:
            print(f"\n## {title}\n\n{markdown(rows)}")


def save(path: Path, made: dict[str, list[Row]], records: Sequence[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"tables": made, "records": records}
    path.write_text(json.dumps(content, indent=1, default=lambda value: value.item()))


if __name__ == "__main__":
    main()
