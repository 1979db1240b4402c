"""A model that takes pictures of any size, as one that takes one size."""

from pathlib import Path

from sizer.errors import naming
from sizer.inference.input_shape import AXES, InputSize, input_shapes
from sizer.inference.model_file import read_model_file


def with_side(path: Path, side: int | None, folder: Path) -> Path:
    """A copy in `folder` whose input has this side; the file itself where no side is given.

    Raises ModelError for a file that cannot be read or trusted, and for a side that it does not
    take, UsageError for a side below one.
    """
    if side is None:
        return path
    import onnx

    InputSize(side)
    read_model_file(path)
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    taken = next(value for value in model.graph.input if value.name not in weights)
    dims = taken.type.tensor_type.shape.dim
    stated = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in dims)
    with naming(path):
        layout, shape = input_shapes(stated, None, side)[0]
    for axis, size in zip(AXES[layout], shape, strict=True):
        dims[axis].dim_value = size
    del model.graph.value_info[:]
    copy = folder / path.name
    onnx.save(model, copy)
    return copy
