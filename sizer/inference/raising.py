"""Older ONNX files as newer ones, for the tools that need them so."""

import onnx
from onnx import version_converter

from sizer.errors import ModelError

OLDEST_WITH_FREE_WEIGHTS = 4  # the version of the format from which weights need not be inputs


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators, 0 where the file does not say it."""
    return next((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), 0)


def without_weight_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, changed in place, whose inputs are what is fed and no weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in weights]
    model.ir_version = max(model.ir_version, OLDEST_WITH_FREE_WEIGHTS)
    del model.graph.input[:]
    model.graph.input.extend(fed)
    return model


def raised(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The model in this opset, or as it is where its own is no older.

    Raises ModelError where ONNX's converter has no way from one to the other.
    """
    stated = opset_of(model)
    if stated >= opset:
        return model
    try:
        return version_converter.convert_version(without_weight_inputs(model), opset)
    except Exception as error:  # its own exceptions share no narrower base
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(
            f"is of opset {stated}, and cannot be raised ({reason}); "
            f"export it with opset {opset} or later"
        ) from None
