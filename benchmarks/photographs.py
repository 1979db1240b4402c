"""A folder as a phone leaves it, and a camera's snapshots of the same: what `sizer start` is for.

Six classes of objects, each drawn anywhere, at any size, turn and colour, before any background:
480 x 640 pixels, as JPEG, without splits. The snapshots are copies with Gaussian noise, as PNG.

    python benchmarks/photographs.py photos snapshots --pictures 1200 --sigma 40
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HEIGHT, WIDTH = 480, 640
COARSE = 6  # cells a side of the background's blotches
CORNERS = {"triangle": 3, "square": 4}
CLASSES = ("bar", "cross", "disc", "ring", "square", "triangle")


def main() -> None:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("camera", type=Path)
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--snapshots", type=int, default=40)
    parser.add_argument("--sigma", type=float, default=40.0, help="grey levels of the camera")
    given = parser.parse_args()
    write_photos(given.photos, given.pictures)
    write_snapshots(given.camera, given.snapshots, given.sigma)


def write_photos(folder: Path, count: int) -> None:
    """Pictures of all classes in turn, a folder a class."""
    for number in range(count):
        place = folder / CLASSES[number % len(CLASSES)]
        place.mkdir(parents=True, exist_ok=True)
        photograph(number).save(place / f"IMG_{number:04}.jpg", quality=90)


def write_snapshots(folder: Path, count: int, sigma: float) -> None:
    """Other pictures of the same scene, with a camera's noise."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        random = np.random.default_rng((1, number))
        clean = np.asarray(photograph(100_000 + number), np.float64)
        noisy = np.clip(clean + sigma * random.normal(size=clean.shape), 0, 255)
        Image.fromarray(noisy.round().astype(np.uint8)).save(folder / f"snapshot-{number:02}.png")


def photograph(number: int) -> Image.Image:
    """The picture of a number, whose class is the number's turn."""
    random = np.random.default_rng((0, number))
    blotches = random.integers(40, 216, (COARSE, COARSE, 3)).astype(np.uint8)
    picture = Image.fromarray(blotches).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    mask = Image.new("L", (WIDTH, HEIGHT))
    _draw(mask, CLASSES[number % len(CLASSES)], random)
    colour = tuple(random.integers(0, 256, 3).tolist())
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask)
    return picture


def _draw(mask: Image.Image, name: str, random: np.random.Generator) -> None:
    """The object in white, at a place, size and turn of its own."""
    radius = random.uniform(70, 170)
    x, y = random.uniform(180, WIDTH - 180), random.uniform(120, HEIGHT - 120)
    turn, pen = random.uniform(0, 360), ImageDraw.Draw(mask)
    if name in CORNERS:
        pen.regular_polygon((x, y, radius), CORNERS[name], rotation=turn, fill=255)
        return
    if name in ("bar", "cross"):
        for angle in (turn, turn + 90)[: 1 if name == "bar" else 2]:
            across = radius * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
            ends = [(x - across[0], y - across[1]), (x + across[0], y + across[1])]
            pen.line(ends, fill=255, width=round(radius / 2))
        return
    box = (x - radius, y - radius, x + radius, y + radius)
    pen.ellipse(box, fill=255 if name == "disc" else None, outline=255, width=round(radius / 3))


if __name__ == "__main__":
    main()
