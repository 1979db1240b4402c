"""Models in files of other programs: whose they are, and the line that converts them to ONNX."""

import re
import zipfile
from pathlib import Path

from sizer.errors import ModelError

START = 16  # bytes in which a format says what it is
PLAIN = re.compile(r"[\w./-]+")  # names that a shell and Python read as they are
TENSORFLOW = "pip install tf2onnx tensorflow, then python -m tf2onnx.convert"
BY_SUFFIX = {
    ".tflite": "TensorFlow Lite",
    **dict.fromkeys((".h5", ".hdf5", ".keras"), "Keras"),
    **dict.fromkeys((".pt", ".pth", ".ckpt"), "PyTorch"),
    ".safetensors": "safetensors",
    ".ort": "ONNX Runtime",
    **dict.fromkeys((".mlmodel", ".mlpackage"), "Core ML"),
    **dict.fromkeys((".engine", ".trt"), "TensorRT"),
}
BY_START = {  # of the first bytes, from which on
    (0, b"\x89HDF\r\n\x1a\n"): "Keras",
    (0, b"\x80\x02"): "PyTorch",  # a pickle
    (4, b"TFL3"): "TensorFlow Lite",
    (4, b"ORTM"): "ONNX Runtime",
}
BY_MEMBER = {  # of a ZIP archive
    "constants.pkl": "TorchScript",
    "data.pkl": "PyTorch",
    "model.weights.h5": "Keras",
}
# {file} and {onnx} are their names. No program makes an ONNX file of the others.
LINES = {
    "TensorFlow Lite": f"{TENSORFLOW} --tflite {{file}} --output {{onnx}}",
    "Keras": (
        "python -c \"import keras; keras.saving.load_model('{file}')"
        ".export('{onnx}', format='onnx')\""
    ),
    "SavedModel": f"{TENSORFLOW} --saved-model {{file}} --output {{onnx}}",
    "TensorFlow": (
        f"{TENSORFLOW} --graphdef {{file}} --inputs INPUT:0 --outputs OUTPUT:0 --output {{onnx}}"
    ),
    "TorchScript": (
        "python -c \"import torch; torch.onnx.export(torch.jit.load('{file}').eval(), "
        "(torch.zeros(1, 3, 224, 224),), '{onnx}', dynamo=False)\""
    ),
    "PyTorch": (
        "python -c \"import torch; torch.onnx.export(torch.load('{file}', weights_only=False)"
        ".eval(), (torch.zeros(1, 3, 224, 224),), '{onnx}')\" where it is a whole network whose "
        "code you trust, or sizer export b0 --weights {file} --out {onnx} where it is an "
        "EfficientNet's weights"
    ),
    "safetensors": (
        "sizer export b0 --weights {file} --out {onnx} where they are an EfficientNet's; else load "
        "them into their network, and torch.onnx.export that"
    ),
}
EXPORT_AGAIN = "export the network that it was made of as ONNX"


def require_onnx(path: Path) -> None:
    """Raise ModelError, with what converts it, for a file or a folder of another program.

    What is not there, or is of no known format, passes.
    """
    kind = kind_of(path)
    if kind is not None:
        raise ModelError(f"{path}: a {kind} file, and not ONNX; {conversion(kind, path)}")


def conversion(kind: str, path: Path) -> str:
    """What makes an ONNX file of it, in words."""
    if kind not in LINES:
        return EXPORT_AGAIN
    plain = bool(PLAIN.fullmatch(str(path)))  # others could be read as a part of the line
    suffix = ".converted.onnx" if path.suffix == ".onnx" else ".onnx"
    file, onnx = (path, path.with_suffix(suffix)) if plain else ("MODEL", "MODEL.onnx")
    return f"convert it: {LINES[kind].format(file=file, onnx=onnx)}"


def kind_of(path: Path) -> str | None:
    """Whose format a file is of, by its content, else by its suffix; None for ONNX's."""
    if (path / "saved_model.pb").is_file():
        return "SavedModel"
    by_suffix = BY_SUFFIX.get(path.suffix.lower())
    if not path.is_file():  # a pipe would be waited for
        return by_suffix
    try:
        with path.open("rb") as file:
            start = file.read(START)
        if start.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                members = [name.rpartition("/")[2] for name in archive.namelist()]
            return next((kind for name, kind in BY_MEMBER.items() if name in members), by_suffix)
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError):
        return by_suffix
    known = (kind for (at, said), kind in BY_START.items() if start[at:].startswith(said))
    return next(known, by_suffix)
