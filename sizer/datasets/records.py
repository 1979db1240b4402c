"""What a data set says of itself."""

import hashlib
from dataclasses import dataclass

Shape = tuple[int, int, int]

MOST = 10**15  # images or classes: beyond it, counting is no longer exact
LARGEST_SIDE = 1 << 16  # pixels
MAX_BAD = 0.01  # share of damaged pictures that are left out by default


def is_shape(shape: Shape) -> bool:
    """Whether images can have this shape."""
    return all(1 <= side <= LARGEST_SIDE for side in shape)


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
    def makes_sense(self) -> bool:
        """Whether there can be such a set; what a file says of one need not be true."""
        made = self.preprocessing
        share = None if made is None else made.crop_share
        return (
            2 <= self.classes <= MOST
            and 1 <= self.images <= MOST
            and (self.shape is None or is_shape(self.shape))
            and (made is None or is_shape(made.shape))
            and (share is None or 0 < share <= 1)
        )

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
