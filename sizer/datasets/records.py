"""What a data set says of itself."""

import hashlib
from dataclasses import dataclass

Shape = tuple[int, int, int]

MAX_BAD = 0.01  # share of damaged pictures that are left out by default


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A model's input: height, width, channels (1 or 3), and the share that a crop keeps.

    crop_share: in (0, 1]. None: 0.875, and 1 for pictures whose side ratio is already the input's.
    """

    shape: Shape
    crop_share: float | None = None


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A labelled image set.

    fingerprint: hash of the pictures' content as they lie. shape: height, width, channels; None
    where the pictures differ in size. preprocessing: how they were brought to that shape, None
    where they have it as they lie.
    """

    spec: str
    split: str
    fingerprint: str
    classes: int
    images: int
    shape: Shape | None
    preprocessing: Preprocessing | None = None

    @property
    def identity(self) -> str:
        """Hash of all that decides the pixels: the content, and how it was brought to a shape."""
        if self.preprocessing is None:
            return self.fingerprint
        return hashlib.sha256(f"{self.fingerprint} {self.preprocessing}".encode()).hexdigest()

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width; None where the pictures differ."""
        return None if self.shape is None else self.shape[:2]
