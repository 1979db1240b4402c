"""A table of measurements that some other program wrote: CSV."""

import csv
from dataclasses import dataclass
from pathlib import Path

from sizer.errors import MeasurementError, UsageError
from sizer.inference.records import MOST_MODELS, ModelInfo
from sizer.io import lines_of_table
from sizer.noise import NoiseSchedule, linear_schedule
from sizer.progress import ReportProgress, no_progress
from sizer.scaling.curves import MOST_POINTS, Cell, cells_of, curves_of, grouped

TABLE_COLUMNS = ("model", "parameters", "step", "correct", "trials")
SIGMA = "sigma"  # in place of `step`: additive noise in grey levels of 0..255
TOLD_EVERY = 10_000  # rows
LARGEST = 1e15  # of any number in a table: beyond it, counting is no longer exact


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """What a table holds. chance: None where it has no column. schedule: None where its steps are
    of a noise of its own. rows: of which the cells were made, one each but where they are very
    many.
    """

    models: tuple[ModelInfo, ...]
    cells: tuple[Cell, ...]
    chance: float | None
    schedule: NoiseSchedule | None
    rows: int


def read_table(path: Path, progress: ReportProgress = no_progress) -> MeasuredTable:
    """A table `model,parameters,step,correct,trials[,chance][,training]`.

    Its steps may be of any noise. A column `sigma` in their place has grey levels of 0..255, which
    become steps of the schedule. Of very many rows, the counts of a model's neighbouring steps are
    added up.

    Raises MeasurementError that names the file, the line and what is wrong with it.
    """
    models: dict[str, ModelInfo] = {}
    cells: dict[tuple[str, float], Cell] = {}
    chances: set[float] = set()
    try:
        lines, rows = lines_of_table(path)
        report = progress("reading the table")
        with lines:
            reader = csv.DictReader(lines)
            given = reader.fieldnames or ()
            schedule = linear_schedule() if SIGMA in given and "step" not in given else None
            columns = [SIGMA if schedule and name == "step" else name for name in TABLE_COLUMNS]
            missing = [name for name in columns if name not in given]
            if missing:
                raise MeasurementError(
                    f"{path}: no column {', '.join(missing)}; see `sizer fit --help`"
                )
            for number, row in enumerate(reader):
                if number % TOLD_EVERY == 0:
                    report(number, rows)
                model, cell, chance = _row(path, reader.line_num, row, schedule)
                if models.setdefault(model.name, model) != model:
                    raise _wrong(path, reader.line_num, f"{model.name} has two descriptions")
                if (cell.model, cell.step) in cells:
                    raise _wrong(
                        path, reader.line_num, f"{cell.model} has step {cell.step:g} twice"
                    )
                if len(models) > MOST_MODELS:
                    raise MeasurementError(f"{path}: more than {MOST_MODELS:,} models; give fewer")
                cells[cell.model, cell.step] = cell
                chances.add(chance)
    except OSError as error:
        raise MeasurementError(f"{path}: {error.strerror}; give a table of measurements") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MeasurementError(f"{path}: not a CSV text; {error}") from error
    if not cells:
        raise MeasurementError(f"{path}: holds no measurements; add rows")
    if len(chances) > 1:
        raise MeasurementError(f"{path}: chance must be the same in every row")
    families = {model.training for model in models.values() if model.training}
    if len(families) > 1:
        raise MeasurementError(
            f"{path}: models of different trainings ({', '.join(sorted(families))}) share no "
            "scaling law; fit each training by itself"
        )
    guessing = chances.pop() if "chance" in given else None
    described, measured = tuple(models.values()), tuple(cells.values())
    return MeasuredTable(
        described, _few(described, measured), guessing, schedule, rows=len(measured)
    )


def _few(models: tuple[ModelInfo, ...], cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells, where they are very many with the counts of neighbouring steps added up."""
    if len(cells) <= MOST_POINTS:
        return cells
    return cells_of(grouped(curves_of(models, cells, 0.0)))


def _row(
    path: Path, line: int, row: dict[str, str | None], schedule: NoiseSchedule | None
) -> tuple[ModelInfo, Cell, float]:
    numbers = {}
    noise = SIGMA if schedule else "step"
    for name in ("parameters", noise, "correct", "trials", "chance"):
        text = (row.get(name) or ("0" if name == "chance" else "")).strip()
        try:
            numbers[name] = float(text)
        except ValueError:
            raise _wrong(path, line, f"{name} is {text!r}, not a number") from None
        if not 0 <= numbers[name] <= LARGEST:
            raise _wrong(path, line, f"{name} is {text}; it must lie in 0..{LARGEST:g}")
    for name in ("parameters", "correct", "trials"):
        if not numbers[name].is_integer():
            raise _wrong(path, line, f"{name} is {numbers[name]:g}, not a whole number")
    if not numbers["trials"] >= 1 or numbers["correct"] > numbers["trials"]:
        raise _wrong(path, line, "trials must be at least 1 and not below correct")
    if numbers["parameters"] < 1 or numbers["chance"] >= 1:
        raise _wrong(path, line, "parameters must be positive and chance below 1")
    name = (row.get("model") or "").strip()
    if not name:
        raise _wrong(path, line, "model is empty; name it")
    model = ModelInfo(
        name, "", int(numbers["parameters"]), training=(row.get("training") or "").strip() or None
    )
    step = _step(path, line, numbers[noise], schedule)
    cell = Cell(name, step, int(numbers["correct"]), int(numbers["trials"]))
    return model, cell, numbers["chance"]


def _step(path: Path, line: int, noise: float, schedule: NoiseSchedule | None) -> float:
    """noise: the step itself without a schedule, else sigma."""
    if schedule is None:
        return noise
    try:
        return schedule.step_from_sigma(noise)
    except UsageError as error:
        raise _wrong(path, line, str(error)) from None


def _wrong(path: Path, line: int, what: str) -> MeasurementError:
    return MeasurementError(f"{path}, line {line}: {what}")
