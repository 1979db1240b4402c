"""The packages that a plain installation leaves out."""

from importlib.util import find_spec

from sizer.errors import MissingExtraError

DISTRIBUTION = "model-sizer"  # the name on the package index
EXTRAS = {
    "train": ("torch", "onnxscript", "safetensors"),
    "ray": ("ray",),
    "frames": ("pandas",),
}


def require_extra(extra: str, user: str) -> None:
    """Raise MissingExtraError, before any work, where packages of an extra are missing.

    user: the command or function that needs them.
    """
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{user}: needs {', '.join(missing)}; "
            f"install sizer with its extra, as in pip install '{DISTRIBUTION}[{extra}]'"
        )
