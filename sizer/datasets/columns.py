"""Which columns of a table are pictures and their labels."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sizer.datasets.labels import Labels, check_labels, named_labels
from sizer.errors import DataError

# In any case; the first that is there counts.
IMAGE_NAMES = ("image", "images", "img", "picture", "jpg", "png")
LABEL_NAMES = (
    *("fine_label", "label", "labels", "class", "class_name", "category", "target", "y"),
    *("label_name", "species", "diagnosis"),
)
NUMBERS = ("int", "uint", "float", "double", "bool")


def choose_columns(features: Mapping[str, Any], spec: str) -> tuple[str, str]:
    """Names of the image and the label column; raises DataError where that is ambiguous.

    Image: among those of type Image, or else of structs with `bytes`, or else of bytes, the only
    one or one with a usual name. Label: one with a usual name, or else the one of type ClassLabel,
    or else the one of whole numbers.
    """
    import datasets

    def of_type(kind: type) -> list[str]:
        return [name for name, feature in features.items() if isinstance(feature, kind)]

    structs = [name for name in of_type(dict) if "bytes" in features[name]]
    types = {name: features[name].dtype for name in of_type(datasets.Value)}
    raw = [name for name, dtype in types.items() if dtype in {"binary", "large_binary"}]
    whole = [name for name, dtype in types.items() if dtype.startswith(("int", "uint"))]
    images = of_type(datasets.Image) or structs or raw
    image = usual(IMAGE_NAMES, images) or images
    others = [name for name in features if name not in image]
    label = usual(LABEL_NAMES, others) or of_type(datasets.ClassLabel) or whole
    columns = f"{spec} (columns {', '.join(features)})"
    if len(image) != 1:
        raise DataError(
            f"{columns}: {_one_of(image)} column holds the images; have one column of type Image,"
            " of structs with `bytes`, or of bytes"
        )
    if len(label) != 1:
        raise DataError(
            f"{columns}: {_one_of(label)} column holds the labels; name the one to use `label`"
        )
    return image[0], label[0]


def usual(names: Sequence[str], columns: Collection[str]) -> list[str]:
    """The column with the first of some names, in any case; empty where there is none."""
    by_name = {column.strip().lower(): column for column in columns}
    return [by_name[name] for name in names if name in by_name][:1]


def _one_of(columns: Sequence[str]) -> str:
    return f"unclear which ({', '.join(columns)})" if columns else "no"


def read_labels(
    feature: Any, cells: Any, place: str, tell: Callable[[str], None]
) -> tuple[Labels, int, tuple[str, ...] | None]:
    """Labels of a column, the number of classes, and their names where they are known.

    feature: the column's type, as `datasets` has it. cells: those of Arrow. place: data set and
    column. tell: told how classes that are text are numbered. Raises DataError for what are no
    labels.
    """
    if getattr(feature, "dtype", None) in {"string", "large_string"}:
        labels, texts = named_labels([text or "" for text in cells.to_pylist()], place, tell)
        return labels, len(texts), texts
    if _holds_many(feature) or not feature.dtype.startswith(NUMBERS):
        kind = "lists or records" if _holds_many(feature) else f"values of type {feature.dtype}"
        raise DataError(
            f"{place} holds {kind}; give each picture one whole number, or the name of its class"
        )
    labels, classes = check_labels(cells.to_numpy(), getattr(feature, "num_classes", None), place)
    names = getattr(feature, "names", None)
    return labels, classes, tuple(names) if names else None


def _holds_many(feature: Any) -> bool:
    """Whether a cell of this type is a list, an array or a struct."""
    return (
        isinstance(feature, dict | list) or hasattr(feature, "feature") or hasattr(feature, "shape")
    )
