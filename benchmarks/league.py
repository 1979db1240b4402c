"""How good the answers are, and how good simpler ones would be.

Competitors learn from a ladder and answer questions whose truth is known: middle sizes left out of
the shipped ladders, the largest sizes held out of them and of published tables, and simulated
ladders from truths that no competitor has.

Run: python benchmarks/league.py --tasks middle simulated --competitors sizer power
A competitor of a file's own: --competitors module:function, with the module on PYTHONPATH.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rivals import COMPETITORS
from scores import Record, Row, accuracy_row, family_rows, grouped, markdown, record, size_row
from tasks import (
    ALL_TRUTHS,
    PUBLIC,
    Task,
    held_out_tasks,
    middle_tasks,
    public_ladders,
    shipped_ladders,
    simulated_tasks,
)

TASKS = ("middle", "shipped", "public", "simulated")


def tasks_of(given: argparse.Namespace) -> Iterator[Task]:
    if "middle" in given.tasks:
        yield from middle_tasks()
    if "shipped" in given.tasks:
        yield from held_out_tasks(shipped_ladders(), "shipped")
    if "public" in given.tasks:
        yield from held_out_tasks(public_ladders(given.public), "public")
    if "simulated" in given.tasks:
        yield from simulated_tasks(given.ladders, given.seed, tuple(given.truths))


def competitor(name: str) -> Callable:
    """One of the league, or `module:function`."""
    if ":" not in name:
        return COMPETITORS[name]
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def play(name: str, task: Task) -> list[Record]:
    """A competitor's answers to all questions of a task; seconds: of the ladder, in its first."""
    start = time.perf_counter()
    forecaster = competitor(name)(task.ladder.curves, task.ladder.image_share)
    answers = [
        {"competitor": name} | record(forecaster, task, question) for question in task.questions
    ]
    if answers:
        answers[0]["seconds"] = time.perf_counter() - start
    return answers


def play_all(names: list[str], tasks: list[Task], workers: int) -> list[Record]:
    records = []
    with ProcessPoolExecutor(workers) as pool:
        for name in names:
            start = time.perf_counter()
            for answers in pool.map(play, [name] * len(tasks), tasks):
                records += answers
            print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return records


def tables(records: list[Record]) -> dict[str, list[Row]]:
    """Every table of the league by its title; those without a record are left out."""
    sizes = [one for one in records if one["kind"] == "size"]
    accuracies = [one for one in records if one["kind"] == "accuracy"]
    middle = [one for one in sizes if one["task"] == "middle"]
    simulated = [one for one in sizes if one["task"] == "simulated"]
    made = {
        "A middle size left out": grouped(middle, ("competitor",), size_row)
        + grouped(middle, ("group", "competitor"), size_row),
    }
    for task in ("shipped", "public"):
        held_out = [one for one in accuracies if one["task"] == task]
        made[f"Largest sizes held out, {task}"] = family_rows(held_out)
    drawn = [one for one in accuracies if one["task"] == "simulated"]
    made["Simulated ladders, size"] = grouped(simulated, ("group", "competitor"), size_row)
    made["Simulated ladders, accuracy"] = grouped(drawn, ("group", "competitor"), accuracy_row)
    by_truth = [one for one in simulated if one["group"] != "inside"]
    made["Simulated ladders, size by truth, all beyond"] = grouped(
        by_truth, ("design", "competitor"), size_row
    )
    return {title: rows for title, rows in made.items() if rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=TASKS)
    parser.add_argument("--competitors", nargs="*", default=list(COMPETITORS))
    parser.add_argument("--ladders", type=int, default=44, help="simulated ones")
    parser.add_argument("--truths", nargs="*", default=list(ALL_TRUTHS), choices=ALL_TRUTHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--public", type=Path, default=PUBLIC, help="folder of tables")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    records = play_all(given.competitors, list(tasks_of(given)), given.workers)
    made = tables(records)
    if given.json is not None:
        given.json.write_text(json.dumps({"tables": made, "records": records}))
    for title, rows in made.items():
        print(f"\n## {title}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
