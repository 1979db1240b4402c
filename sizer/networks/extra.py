"""The packages that only training and exporting need."""

from importlib.util import find_spec

from sizer.errors import MissingExtraError

EXTRA = ("torch", "onnxscript", "safetensors")  # packages of the extra `train`


def require_extra(command: str) -> None:
    """Raise MissingExtraError, before any work, where a plain installation lacks what it needs."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{command}: needs {', '.join(missing)}; "
            "install sizer with its extra, as in pip install 'sizer[train]'"
        )
