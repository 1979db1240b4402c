"""The built-in data: generated glyphs, the same on every machine, without fonts or downloads.

Each of 48 classes is a set of three strokes out of a vocabulary of twelve, so that a classifier
must bind parts; position, angle, size, colour, lighting and distracting strokes vary.
"""

import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizer.datasets.format import Format
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import Split

VERSION = "glyphs-1"
CLASSES = 48
SIZE = 16  # pixels a side
IMAGES = {"train": 100_000, "test": 4_000}
FINGERPRINTED = 64  # images whose pixels enter the fingerprint
CHUNK = 512  # images rendered at once
STROKES, DISTRACTORS = 3, 2
# (from row, from column, to row, to column) on a 3 x 3 grid of anchors
VOCABULARY = (
    (0, 0, 0, 2),
    (1, 0, 1, 2),
    (2, 0, 2, 2),
    (0, 0, 2, 0),
    (0, 1, 2, 1),
    (0, 2, 2, 2),
    (0, 0, 2, 2),
    (0, 2, 2, 0),
    (0, 1, 1, 0),
    (0, 1, 1, 2),
    (1, 0, 2, 1),
    (1, 2, 2, 1),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What varies in one image: segment ends in [-1, 1] (strokes, 2, 2), and colours in [0, 1]."""

    segments: Floats
    thickness: float
    background: Floats
    slope: Floats
    ink: Floats


class BuiltinDataset:
    """Generated images (16 x 16 RGB), each rendered when it is read, and always the same."""

    def __init__(self, split: Split) -> None:
        count = IMAGES[split]
        self._split = split
        self.labels = _labels(split, count)
        self.class_names: tuple[str, ...] | None = None
        self._anchors = np.array(VOCABULARY, dtype=np.float64)[class_strokes()]
        self.info = DatasetInfo(
            spec="builtin",
            split=split,
            fingerprint=self._fingerprint(),
            classes=CLASSES,
            images=count,
            shape=(SIZE, SIZE, 3),
        )

    def picture(self, index: int) -> NDArray[np.uint8]:
        """One image (16, 16, 3)."""
        return self.read(np.array([index]))[0].reshape(SIZE, SIZE, 3)

    def read(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """uint8 images (n, 16, 16, 3) and labels (n,), in the order of `indices`."""
        labels = self.labels[indices]
        images = np.empty((len(indices), SIZE, SIZE, 3), np.uint8)
        for start in range(0, len(indices), CHUNK):
            some = slice(start, start + CHUNK)
            pairs = zip(indices[some], labels[some], strict=True)
            images[some] = _render(
                [_scene(self._split, int(i), self._anchors[k]) for i, k in pairs]
            )
        return images, labels

    def _fingerprint(self) -> str:
        images, _ = self.read(np.arange(FINGERPRINTED))
        head = images.tobytes() + self.labels.tobytes()
        return hashlib.sha256(f"{VERSION} {self._split} ".encode() + head).hexdigest()


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))


def _labels(split: Split, count: int) -> NDArray[np.int64]:
    """Every class equally often, in random order."""
    order = _generator(list(IMAGES).index(split), 2**32)
    return order.permutation(np.arange(count, dtype=np.int64) % CLASSES)


def class_strokes() -> NDArray[np.int64]:
    """Vocabulary indices of each class's strokes, (classes, strokes): a fixed random choice."""
    combinations = np.array(list(itertools.combinations(range(len(VOCABULARY)), STROKES)))
    chosen = _generator(0, 2**33).choice(len(combinations), CLASSES, replace=False)
    return combinations[np.sort(chosen)].astype(np.int64)


def _scene(split: Split, index: int, anchors: Floats) -> _Scene:
    """One image's variation around its class's strokes, `anchors` (strokes, 4) on the grid."""
    random = _generator(list(IMAGES).index(split), index)
    ends = (anchors.reshape(-1, 2, 2) - 1) * 0.62
    ends = ends + random.normal(0, 0.06, ends.shape)
    distractors = random.uniform(-0.9, 0.9, (DISTRACTORS, 1, 2))
    distractors = distractors + random.normal(0, 0.3, (DISTRACTORS, 2, 2))
    angle, scale = random.normal(0, 0.22), np.exp(random.normal(-0.08, 0.14))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    background = random.uniform(0.25, 0.75, 3)
    contrast = random.choice([-1, 1]) * random.uniform(0.25, 0.6) * random.uniform(0.5, 1, 3)
    return _Scene(
        segments=np.concatenate([ends @ turn + random.normal(0, 0.13, 2), distractors]),
        thickness=random.uniform(0.07, 0.13),
        background=background,
        slope=random.normal(0, 0.12, (2, 3)),
        ink=contrast,
    )


def _render(scenes: list[_Scene]) -> NDArray[np.uint8]:
    """Anti-aliased strokes over a background that brightens linearly; uint8 (n, 16, 16, 3)."""
    axis = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    pixels = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    segments = np.stack([scene.segments for scene in scenes])
    distance = np.full((len(scenes), SIZE, SIZE), np.inf)
    for stroke in range(segments.shape[1]):
        distance = np.minimum(distance, _distance(pixels, segments[:, stroke]))
    thickness = np.array([scene.thickness for scene in scenes])[:, None, None]
    coverage = np.clip((thickness - distance) * SIZE / 2 + 0.5, 0, 1)[..., None]
    background = np.stack([scene.background for scene in scenes])[:, None, None, :]
    light = np.einsum("hwa,nac->nhwc", pixels, np.stack([scene.slope for scene in scenes]))
    ink = np.stack([scene.ink for scene in scenes])[:, None, None, :]
    colour = np.clip(background + light + coverage * ink, 0, 1)
    return np.asarray(np.rint(colour * 255), dtype=np.uint8)


def _distance(pixels: Floats, segment: Floats) -> Floats:
    """Distance of every pixel (height, width, 2) to one segment an image (n, 2, 2)."""
    start, along = segment[:, 0], segment[:, 1] - segment[:, 0]
    offset = pixels[None] - start[:, None, None]
    length = np.maximum((along**2).sum(-1), 1e-12)[:, None, None]
    position = np.clip((offset * along[:, None, None]).sum(-1) / length, 0, 1)
    nearest = offset - position[..., None] * along[:, None, None]
    return np.asarray(np.sqrt((nearest**2).sum(-1)))


FORMAT = Format(
    "`builtin`",
    lambda spec: spec == "builtin",
    lambda _spec, split, _reading: BuiltinDataset(split),
)
