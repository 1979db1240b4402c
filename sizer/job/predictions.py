"""What a device predicted, from a CSV: a line a picture."""

import csv
from pathlib import Path

from sizer.errors import DataError
from sizer.io import lines_of_table

COLUMNS = ("label", "predicted")


def read_predictions(path: Path) -> tuple[int, int]:
    """How many of how many pictures were right: both columns name classes, or number them.

    Raises DataError that names the file, the line and what is wrong with it.
    """
    try:
        lines, _ = lines_of_table(path)
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}; give {', '.join(COLUMNS)}")
        right = pictures = 0
        for row in rows:
            label, predicted = ((row[name] or "").strip() for name in COLUMNS)
            if not (label and predicted):
                raise DataError(f"{path}, line {rows.line_num}: a class is missing; complete it")
            right, pictures = right + (label == predicted), pictures + 1
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a table of predictions") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV text; {error}") from error
    if not pictures:
        raise DataError(f"{path}: holds no predictions; add a line a picture")
    return right, pictures
