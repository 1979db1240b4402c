"""The lines that the documents show, and a folder with all files that they name, but small."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from easy import easy_folder
from PIL import Image

import sizer
from sizer.datasets import open_dataset

ROOT = Path(__file__).parents[2]
SIZES = ("small-4-seed0", "small-6-seed0", "small-8-seed0", "small-12-seed0")
PICTURES = 480  # ten of each class
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def shell_blocks() -> Iterator[tuple[str, str]]:
    """(page, text) of each block of code that is a shell's, or what one prints."""
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text()):
            if language in ("", "sh"):
                yield page.name, text.replace("\\\n", " ")


def lines_in(text: str) -> list[str]:
    """Every `sizer ...` of a block, without comments."""
    return [line.strip() for line in re.findall(r"^(?:\$ )?(sizer [^#\n]*)", text, re.MULTILINE)]


def write_documented(folder: Path) -> Path:
    """Pictures, models, calibrations and answers, under the names that the documents give them."""
    _ladder(folder / "models" / "mine")
    for name in ("model.onnx", "another.onnx", "job/model-int8.onnx"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "models" / "builtin" / f"{SIZES[-1]}.onnx", folder / name)
    for name in ("mine.json", "theirs.json"):
        shutil.copy(ROOT / "calibration" / "builtin.json", folder / name)
    shutil.copytree(ROOT / "benchmarks" / "published", folder / "benchmarks" / "published")
    answer = sizer.recommend("builtin", sigma=25, accuracy=0.8)
    (folder / "job" / "answer.json").write_text(answer.to_json())
    (folder / "device.csv").write_text("label,predicted\n" + "cat,cat\n" * 90 + "cat,dog\n" * 10)
    _table(folder / "measurements.csv")
    _photos(folder / "photos")
    mine = folder / "models" / "mine"
    sizer.quantize(mine, mine.with_name("mine-int8"), data=folder / "photos")
    easy_folder(folder / "snapshots", count=8, side=64)
    _scenes(folder)
    return folder


def _ladder(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in SIZES:
        shutil.copy(ROOT / "models" / "builtin" / f"{name}.onnx", folder)


def _photos(folder: Path) -> None:
    glyphs = open_dataset("builtin", "test")
    for number in range(PICTURES):
        place = folder / f"glyph-{glyphs.labels[number]:02}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(glyphs.picture(number)).save(place / f"{number}.png")


def _scenes(folder: Path) -> None:
    """Even surfaces at several exposures, a scene that stands still, and a picture."""
    random = np.random.default_rng(0)
    scene = random.uniform(40, 210, (96, 96))
    for place, levels in (("walls", (40, 80, 120, 160, 200)), ("stills", (scene,) * 6)):
        (folder / place).mkdir()
        for number, level in enumerate(levels):
            noise = np.sqrt(4 + 0.2 * level) * random.standard_normal(scene.shape)
            pixels = np.clip(np.rint(level + noise), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / place / f"{number}.png")
    Image.fromarray(scene.astype(np.uint8)).save(folder / "photo.jpg")


def _table(path: Path) -> None:
    """Four sizes, in a unit of noise of its own."""
    rows = ["model,parameters,step,correct,trials,chance"]
    for parameters, clean in ((10_000, 700), (40_000, 800), (160_000, 850), (640_000, 880)):
        for tenth in range(11):
            correct = round(100 + (clean - 100) / (1 + (tenth / 5) ** 4))
            rows.append(f"m{parameters},{parameters},{tenth / 10},{correct},1000,0.1")
    path.write_text("\n".join(rows))
