"""A folder as a phone leaves it: large pictures of any mode, turned or not, and what is none."""

from pathlib import Path

import numpy as np
from PIL import Image

from sizer.datasets import open_dataset

BRIGHTER = 40  # grey levels from class to class, so that little training tells them apart
MODES = ("RGB", "RGB", "L", "CMYK", "LA", "P", "RGBA", "1")
SUFFIXES = {"RGB": ".jpg", "L": ".jpg", "CMYK": ".jpg"}  # the others as PNG


def phone_folder(folder: Path, *, count: int = 240, classes: int = 4) -> Path:
    """Glyphs of the built-in classes, 480 x 640 or 640 x 480, a folder a class, without splits.

    One file is broken, and `.DS_Store` lies in each folder.
    """
    glyphs = open_dataset("builtin", "train")
    wanted = np.flatnonzero(glyphs.labels < classes)[:count]
    images, labels = glyphs.read(wanted)
    for number, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        place = folder / f"glyph {label}"
        place.mkdir(parents=True, exist_ok=True)
        (place / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        _save((BRIGHTER * label + image // 2).astype(np.uint8), number, place)
    broken = next(iter(sorted(folder.rglob("*.jpg"))))
    broken.write_bytes(broken.read_bytes()[:300])
    return folder


def _save(image, number, place):
    """The glyph in the middle of a wide or a high picture, its border repeated outwards."""
    mode = MODES[number % len(MODES)]
    square = Image.fromarray(image).resize((480, 480), Image.Resampling.BILINEAR)
    wide = np.pad(np.asarray(square), ((0, 0), (80, 80), (0, 0)), mode="edge")
    picture = Image.fromarray(wide).convert(mode)
    if number % 2 and mode == "RGB":  # held upright: the camera notes how it was turned
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(place / f"IMG_{number:04}.jpg", exif=exif, quality=90)
        return
    picture.save(place / f"IMG_{number:04}{SUFFIXES.get(mode, '.png')}")
