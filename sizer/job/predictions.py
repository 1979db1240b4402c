"""What a device predicted, from a CSV: a line a picture."""

import csv
from io import StringIO
from pathlib import Path

from sizer.errors import DataError
from sizer.io import read_bounded

COLUMNS = ("label", "predicted")


def read_predictions(path: Path) -> tuple[int, int]:
    """How many of how many pictures were right: both columns name classes, or number them.

    Raises DataError that names the file, the line and what is wrong with it.
    """
    try:
        text = read_bounded(path).decode("utf-8-sig")
        rows = csv.DictReader(StringIO(text, newline=""))
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}; give {', '.join(COLUMNS)}")
        pairs = []
        for row in rows:
            label, predicted = ((row[name] or "").strip() for name in COLUMNS)
            if not (label and predicted):
                raise DataError(f"{path}, line {rows.line_num}: a class is missing; complete it")
            pairs.append((label, predicted))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a table of predictions") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV text; {error}") from error
    if not pairs:
        raise DataError(f"{path}: holds no predictions; add a line a picture")
    return sum(label == predicted for label, predicted in pairs), len(pairs)
