"""Picture files (PNG, JPEG, ...), and their bytes to arrays of 8-bit pixels."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
)
TOOLS_OWN = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))
# All that is ever opened, by content. Others start programs: EPS starts Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
GREY_MODES = frozenset(("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"))
ORIENTATION = 0x0112  # the Exif tag; from 5 on, height and width are exchanged
FULL_16_BITS = 65535

_opening = threading.Lock()  # Python's filters of warnings belong to all threads


def pictures_in(folder: Path) -> list[Path]:
    """Picture files anywhere inside, by name; none where there is no such folder."""
    return [file for file in files_in(folder) if is_picture(file)]


def files_in(folder: Path) -> list[Path]:
    """Files anywhere inside, by name, but those that some tool keeps for itself."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(map(is_tools_own, file.relative_to(folder).parts))
    )


def is_picture(file: Path) -> bool:
    """By its suffix."""
    return file.suffix.lower() in SUFFIXES


def is_tools_own(name: str) -> bool:
    """Whether a file or folder is hidden, or left by an archiver or a file manager."""
    return name[0] == "." or name in TOOLS_OWN


def open_picture(encoded: bytes) -> Image.Image:
    """A picture of which only the header was read. The one place where pictures are opened.

    Raises ValueError, with the reason, for bytes of no known format, for floating-point samples,
    and for more pixels than Pillow accepts (Image.MAX_IMAGE_PIXELS).
    """
    with _reasons(), _opening, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        picture: Image.Image = Image.open(BytesIO(encoded), formats=FORMATS)
    if picture.mode == "F":
        raise ValueError("holds floating-point samples, not 8 or 16 bits")
    return picture


def decode(encoded: bytes) -> Pixels:
    """Pixels (height, width, channels) of one picture: 1 channel if grey, 3 if coloured.

    Every mode becomes 8-bit grey or RGB: 16 bits are scaled, transparency is dropped. The
    orientation that a camera noted is applied. An animation gives its first frame. Raises
    ValueError with the reason for pictures that cannot be read.
    """
    picture = open_picture(encoded)
    with _reasons():
        picture.load()
        return _pixels(_turned(picture))


def examine(encoded: bytes) -> tuple[int, int, int]:
    """Height, width and channels of what `decode` gives, and raises ValueError where it does.

    JPEGs are decoded at an eighth of their size, which reads all of the file in a third of the
    time.
    """
    picture = open_picture(encoded)
    width, height = picture.size
    with _reasons():
        picture.draft(None, (1, 1))
        picture.load()
    if _orientation(picture) >= 5:
        width, height = height, width
    return height, width, 1 if picture.mode in GREY_MODES else 3


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from error
    except Exception as error:  # decoders raise nearly anything on damaged bytes
        raise ValueError("is not a readable picture") from error


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # a damaged note says nothing, and the picture may be whole
        return 1


def _turned(picture: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(picture) if _orientation(picture) in range(2, 9) else picture


def _pixels(picture: Image.Image) -> Pixels:
    if picture.mode in GREY_MODES:
        return _grey(picture)[:, :, np.newaxis]
    if picture.mode != "RGB":
        # By way of RGBA, because Pillow warns of a palette with transparency otherwise.
        picture = picture.convert("RGBA") if picture.mode in ("P", "PA") else picture
        picture = picture.convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def _grey(picture: Image.Image) -> Pixels:
    """8-bit samples (height, width); those of 16 bits scaled, 65535 to 255."""
    if not picture.mode.startswith("I"):
        return np.asarray(picture.convert("L"), dtype=np.uint8)
    samples = np.clip(np.asarray(picture.convert("I"), dtype=np.int32), 0, FULL_16_BITS)
    samples *= 255  # in place, since a picture may have 89 million of them
    samples += FULL_16_BITS // 2
    samples //= FULL_16_BITS
    return samples.astype(np.uint8)
