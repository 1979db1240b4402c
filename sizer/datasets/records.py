"""What a data set says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A labelled image set; `shape` is height, width, channels; `fingerprint` hashes content."""

    spec: str
    split: str
    fingerprint: str
    classes: int
    images: int
    shape: tuple[int, int, int]
