"""What noise looks like: a picture at several levels of it, as a camera would show them.

The noise is that of `NoiseSchedule.sigma`, added to a picture that is not dimmed, and clipped at
black and white.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sizer import io
from sizer.datasets.images import Pixels, decode
from sizer.datasets.preprocessing import with_channels
from sizer.errors import DataError
from sizer.noise.camera import LARGEST_FILE
from sizer.noise.draw import epsilon
from sizer.noise.schedule import NoiseSchedule
from sizer.noise.units import in_words

SHARES = (0.0, 0.5, 1.0, 1.5, 2.0)  # of the step that is asked about, which is in the middle
LARGEST_SIDE = 320  # pixels of a picture in a strip
SMALLEST_SIDE = 128  # to which small pictures are magnified
PLAIN = 64  # pixels a side up to which a picture is kept without loss
QUALITY = 88  # of larger ones, as JPEG
GLYPHS = 3  # a side, of the built-in set
GAP, LINE, LETTERS = (
    8,
    34,
    13,
)  # pixels: between pictures, of the words below them, of their letters


def steps_around(step: float, last: float) -> tuple[float, ...]:
    """No noise, less, what is asked about, and more, up to the last step."""
    return tuple(dict.fromkeys(min(share * step, last) for share in SHARES))


def noisy(pixels: Pixels, sigma: float) -> Pixels:
    """A picture (height, width, channels) with noise of `sigma` grey levels, clipped to 0..255."""
    noise = sigma * epsilon(0, 0, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def read_picture(path: Path, side: int = LARGEST_SIDE) -> Pixels:
    """A picture file as (height, width, 3), no longer than `side`. Raises DataError."""
    try:
        pixels = with_channels(decode(io.read_bounded(path, LARGEST_FILE)), 3)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; give a picture file") from error
    except ValueError as error:
        raise DataError(f"{path}: {error}; give another picture") from error
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def glyphs() -> Pixels:
    """Some images of the built-in set, side by side in a square."""
    from sizer.datasets import open_dataset

    images, _ = open_dataset("builtin", "test").read(np.arange(GLYPHS**2))
    rows = [np.concatenate(images[i : i + GLYPHS], axis=1) for i in range(0, GLYPHS**2, GLYPHS)]
    return np.concatenate(rows)


def encoded(pixels: Pixels) -> tuple[str, bytes]:
    """The media type and the bytes of a picture file."""
    small = max(pixels.shape) <= PLAIN
    file = BytesIO()
    if small:
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
    else:
        Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return f"image/{'png' if small else 'jpeg'}", file.getvalue()


def write_strip(path: Path, pixels: Pixels, step: float, schedule: NoiseSchedule) -> None:
    """A PNG of the picture at noises up to twice the step, each with its sigma below it."""
    steps = steps_around(step, schedule.last_step)
    labels = [in_words(at, schedule.name).replace(" (", "\n(") for at in steps]
    file = BytesIO()
    _side_by_side([noisy(pixels, schedule.sigma(at)) for at in steps], labels).save(file, "PNG")
    io.write_bytes(path, file.getvalue())


def _side_by_side(pictures: Sequence[Pixels], labels: Sequence[str]) -> Image.Image:
    times = max(1, -(-SMALLEST_SIDE // max(pictures[0].shape[:2])))
    large = [picture.repeat(times, axis=0).repeat(times, axis=1) for picture in pictures]
    height, width = large[0].shape[:2]
    across = max(width, SMALLEST_SIDE) + GAP
    sheet = Image.new("RGB", (across * len(large) - GAP, height + LINE + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LETTERS)
    for i, (picture, label) in enumerate(zip(large, labels, strict=True)):
        sheet.paste(Image.fromarray(picture), (i * across, 0))
        pen.text((i * across, height + GAP // 2), label, "black", font)
    return sheet
