"""Reading and writing what users keep: calibration files and tables of measurements."""

import csv
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.errors import CalibrationError, MeasurementError, OutputError, UsageError
from sizer.inference.records import ModelInfo
from sizer.io import check_writable, make_folder, write_text
from sizer.scaling.curves import Cell

if TYPE_CHECKING:
    from sizer.calibration import Calibration

VERSION = 1
TABLE_COLUMNS = ("model", "parameters", "step", "correct", "trials")
LARGEST = 1e15  # of any number in a table: beyond it, counting is no longer exact


def check_outputs(path: Path, plots: Path | None = None) -> None:
    """Raise OutputError before any work if the calibration `path` could not be written, is not
    ours to replace, or the folder `plots` cannot be there.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    if path.exists():
        try:
            read_calibration(path)
        except CalibrationError:
            raise OutputError(
                f"{path}: exists and is no calibration; choose another --out or remove it"
            ) from None
    check_writable(path)
    if plots is not None:
        make_folder(plots)


def write_calibration(path: Path, calibration: "Calibration") -> None:
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(calibration), indent=1)
    write_text(path, text.decode() + "\n")


def read_calibration(path: Path) -> "Calibration":
    """Raises CalibrationError for anything that is not a calibration of this version."""
    import msgspec

    from sizer.calibration import Calibration

    try:
        calibration = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}; give a calibration file") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CalibrationError(
            f"{path}: not a calibration of this version: {error}; "
            "make one with `sizer calibrate` or `sizer fit`"
        ) from error
    if calibration.version != VERSION:
        raise CalibrationError(
            f"{path}: calibration version {calibration.version}, this sizer reads {VERSION}; "
            "make it again with `sizer calibrate`"
        )
    _require_counts(path, calibration)
    _require_laws(path, calibration)
    return calibration


def load(name: str) -> "Calibration":
    """The calibration of a file, or a shipped one by name."""
    return read_calibration(find_calibration(name))


def _require_counts(path: Path, calibration: "Calibration") -> None:
    """Raise CalibrationError for cells that no measurement gives, as an edited file may hold."""
    names = [model.name for model in calibration.models]
    measured = {(cell.model, cell.step) for cell in calibration.cells}
    again = "make the file again with `sizer calibrate`"
    if not names or set(names) != {name for name, _ in measured} or len(set(names)) < len(names):
        raise CalibrationError(f"{path}: its models are not those of its measurements; {again}")
    if len(measured) < len(calibration.cells):
        raise CalibrationError(f"{path}: a model is measured twice at a step; {again}")
    for cell in calibration.cells:
        if not (0 <= cell.correct <= cell.trials and cell.trials > 0 and cell.step >= 0):
            raise CalibrationError(
                f"{path}: {cell.model} at step {cell.step:g}: {cell.correct} of {cell.trials} "
                f"correct is no measurement; {again}"
            )


def _require_laws(path: Path, calibration: "Calibration") -> None:
    """Raise CalibrationError for a law that is none of ours, or whose values do not fit it."""
    from sizer.scaling.laws import law_named, law_names

    for fit in calibration.laws:
        if fit.law not in law_names():
            raise CalibrationError(
                f"{path}: the law {fit.law!r} is not one of {', '.join(law_names())}; "
                "make the file again with `sizer fit`"
            )
        count = len(fit.values)
        whole = len(fit.covariance) == count and all(len(row) == count for row in fit.covariance)
        rising = all(low < high for low, high in pairwise(fit.knots)) and len(fit.knots) > 1
        if not (whole and rising and fit.names == law_named(fit.law).names(len(fit.knots))):
            raise CalibrationError(
                f"{path}: the {fit.law} law does not hold together; "
                "make the file again with `sizer fit`"
            )


def shipped(kind: str) -> Path:
    """Folder of the shipped `models` or `calibration`, in a wheel or in a checkout."""
    packaged = Path(str(files("sizer"))) / "shipped" / kind
    return packaged if packaged.is_dir() else Path(str(files("sizer"))).parent / kind


def find_calibration(name: str) -> Path:
    """A file, or the name of a shipped calibration."""
    path = Path(name)
    if path.is_file() or path.suffix or path.name != name:
        return path
    folder = shipped("calibration")
    if (folder / f"{name}.json").is_file():
        return folder / f"{name}.json"
    known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
    raise UsageError(f"calibration {name!r}: neither a file nor a shipped one ({known})")


def read_table(path: Path) -> tuple[tuple[ModelInfo, ...], tuple[Cell, ...], float | None]:
    """Models, cells and chance from `model,parameters,step,correct,trials[,chance][,training]`.

    Chance is None where it has no column.

    Raises MeasurementError that names the file, the line and what is wrong with it.
    """
    models: dict[str, ModelInfo] = {}
    cells: dict[tuple[str, float], Cell] = {}
    chances: set[float] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:  # spreadsheets write the mark
            reader = csv.DictReader(lines)
            missing = [name for name in TABLE_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise MeasurementError(
                    f"{path}: no column {', '.join(missing)}; see `sizer fit --help`"
                )
            for row in reader:
                model, cell, chance = _row(path, reader.line_num, row)
                if models.setdefault(model.name, model) != model:
                    raise _wrong(path, reader.line_num, f"{model.name} has two descriptions")
                if (cell.model, cell.step) in cells:
                    raise _wrong(
                        path, reader.line_num, f"{cell.model} has step {cell.step:g} twice"
                    )
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
    stated = "chance" in (reader.fieldnames or ())
    return tuple(models.values()), tuple(cells.values()), chances.pop() if stated else None


def _row(path: Path, line: int, row: dict[str, str | None]) -> tuple[ModelInfo, Cell, float]:
    numbers = {}
    for name in (*TABLE_COLUMNS[1:], "chance"):
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
    cell = Cell(name, numbers["step"], int(numbers["correct"]), int(numbers["trials"]))
    return model, cell, numbers["chance"]


def _wrong(path: Path, line: int, what: str) -> MeasurementError:
    return MeasurementError(f"{path}, line {line}: {what}")
