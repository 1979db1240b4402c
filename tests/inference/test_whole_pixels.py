"""Quantised models that take pixels as whole numbers predict what their originals do."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny import SHAPE, WIDTHS, network, save_images

import sizer

STEPS = (0, 300, 700, 2000)
# of a pixel on the [-1, 1] scale: the grid on which 0 and 255 are -1 and 1
SCALE = np.float32(1 / 127.5)


def taking(model, dtype, zero_point):
    """The model behind a DequantizeLinear, as a tool leaves it that moves the input inside."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(SCALE, "scale"),
            numpy_helper.from_array(np.array(zero_point, dtype), "zero"),
        ]
    )
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    inside = helper.make_node("DequantizeLinear", ["pixels", "scale", "zero"], ["images"])
    graph.node.insert(0, inside)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("pixels", kind, ["batch", *SHAPE]))
    return changed


def test_predict_what_their_originals_do(tmp_path, monkeypatch):
    """Without noise, that is: whole pixels clip it at black and at white."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for width in WIDTHS[1:]:
        model = network(width)
        onnx.save(model, tmp_path / f"tiny-{width}-float.onnx")
        for dtype, zero_point in ((np.uint8, 128), (np.int8, 0)):
            whole = taking(model, dtype, zero_point)
            onnx.save(whole, tmp_path / f"tiny-{width}-{np.dtype(dtype)}.onnx")
    data = save_images(tmp_path / "d.npz", 200)
    measured = sizer.calibrate(tmp_path, data=data, steps=STEPS)
    curves = {curve.model.name: curve.accuracy for curve in measured.curves}
    for width in WIDTHS[1:]:
        exact, bytes_, signed = (curves[f"tiny-{width}-{k}"] for k in ("float", "uint8", "int8"))
        assert bytes_.tolist() == signed.tolist()
        assert bytes_[0] == pytest.approx(exact[0], abs=0.02)
        assert bytes_[0] > bytes_[-1] + 0.2


def test_other_whole_numbers_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = taking(network(4), np.int8, 0)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32
    onnx.save(model, tmp_path / "m.onnx")
    data = save_images(tmp_path / "d.npz", 60)
    with pytest.raises(sizer.errors.ModelError, match=r"m\.onnx"):
        sizer.calibrate(tmp_path / "m.onnx", data=data, steps=STEPS)
