"""Picture files (PNG, JPEG, ...), and their bytes to arrays of 8-bit pixels."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
)


def pictures_in(folder: Path) -> list[Path]:
    """Picture files anywhere inside, by name; none where there is no such folder."""
    pictures = (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in pictures if file.name[0] != "." and file.is_file())


def decode(encoded: bytes) -> Pixels:
    """Pixels (height, width, channels) of one picture: 1 channel if grey, 3 if coloured.

    A palette becomes RGB and transparency is dropped; an orientation noted by a camera is applied.
    Raises ValueError with the reason for pictures that cannot be read, are not 8-bit grey or
    colour, or state more pixels than Pillow accepts (Image.MAX_IMAGE_PIXELS).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(BytesIO(encoded))
        depth_is_16 = _holds_16_bits(picture)
        picture.load()
        picture = ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise ValueError("is not a readable picture") from error
    if depth_is_16 or picture.mode not in ("L", "RGB", "RGBA", "P"):
        kind = "16-bit" if depth_is_16 else f"mode {picture.mode}"
        raise ValueError(f"is {kind}, not 8-bit grey or RGB")
    if picture.mode == "L":
        return np.asarray(picture, dtype=np.uint8)[:, :, np.newaxis]
    if picture.mode == "RGB":
        return np.asarray(picture, dtype=np.uint8)
    # By way of RGBA, because Pillow warns of a palette with transparency otherwise.
    return np.asarray(picture.convert("RGBA").convert("RGB"), dtype=np.uint8)


def _holds_16_bits(picture: Image.Image) -> bool:
    """Whether samples have 16 bits; Pillow itself cuts 16-bit RGB down to 8 without a word."""
    raw_modes = (str(getattr(tile, "args", "")) for tile in getattr(picture, "tile", ()))
    return picture.mode.startswith("I") or any(";16" in raw_mode for raw_mode in raw_modes)
