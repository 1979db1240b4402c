"""Pictures that a small network learns in seconds: each class is a brightness, under noise."""

import numpy as np
from PIL import Image

CLASSES, SIDE = 4, 12
DARKEST, BRIGHTER, NOISE = 50, 50, 12  # grey levels


def easy_folder(folder, count=240, side=SIDE, sigma=NOISE, seed=0):
    """A folder a class, without splits."""
    random = np.random.default_rng(seed)
    for number in range(count):
        place = folder / f"class-{number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        level = DARKEST + BRIGHTER * (number % CLASSES)
        pixels = level + sigma * random.standard_normal((side, side, 3))
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(place / f"{number:04}.png")
    return folder
