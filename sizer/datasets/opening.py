"""The pictures of a split: those that can be read, and that the other split does not have."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sizer.datasets.labels import Labels
from sizer.datasets.picture_set import Indices, PictureDataset, PictureSource
from sizer.datasets.records import DatasetInfo
from sizer.datasets.splits import TESTING, WHOLE, Split, choose_split
from sizer.datasets.survey import Reading, survey
from sizer.errors import DataError

ONE_SET = "{spec}: has no splits, so its pictures are both trained and tested on"
TESTED = 0.2  # share of the pictures of each class, where a set is not divided

Sources = Mapping[str, Callable[[], PictureSource]]


def open_pictures(
    spec: str, sources: Sources, split: Split, reading: Reading, *, divide: bool
) -> PictureDataset:
    """The pictures of one split, of which training never has one that is tested on.

    sources: by the names of their splits. divide: whether a set with one of them is divided by the
    content of its pictures; one that is not serves for both. Raises DataError where no picture is
    left, or too many are damaged.
    """
    chosen = choose_split(sources, split, spec)
    source = sources[chosen]()
    found = survey(source, spec, reading)
    some = np.arange(len(found.readable))
    if len(sources) > 1 and split == "train":
        other = choose_split(sources, "test", spec)
        digests = [source.digests[number] for number in found.readable.tolist()]
        some = untested(digests, sources[other]().digests, spec, reading)
    elif len(sources) == 1 and divide and chosen.lower() not in TESTING:
        some = _part(source, found.readable, split, chosen, spec, reading)
        chosen = split
    elif split == "train" and chosen == WHOLE:
        reading.tell(ONE_SET.format(spec=spec))
    kept = found.readable[some]
    if not len(kept):
        raise DataError(
            f"{spec}: no picture to {'train' if split == 'train' else 'test'} on; give each class"
            " two or more, or folders train and test"
        )
    info = DatasetInfo(
        spec=spec,
        split=chosen.lower(),
        fingerprint=fingerprint_of(source.fingerprint, kept, len(source.labels)),
        classes=source.classes,
        images=len(kept),
        shape=found.shape_of(some),
    )
    return PictureDataset(source, kept, info)


def _part(
    source: PictureSource, readable: Indices, split: Split, name: str, spec: str, reading: Reading
) -> Indices:
    """Which of the readable pictures a split has, in a set that is not divided."""
    digests = [source.digests[number] for number in readable.tolist()]
    parts = divided(digests, source.labels[readable])
    there = "no splits" if name == WHOLE else f"no split but {name}"
    reading.tell(
        f"{spec}: {there}, so divided by the content of the pictures: {len(parts['train']):,} to"
        f" train on, {len(parts['test']):,} to test on"
    )
    return parts[split]


def untested(
    digests: Sequence[bytes], tested: Sequence[bytes], spec: str, reading: Reading
) -> Indices:
    """Which pictures to train on are not also among those to test on; digests of both."""
    known = set(tested)
    fresh = [digest not in known for digest in digests]
    if not all(fresh):
        reading.tell(
            f"{spec}: {len(fresh) - sum(fresh):,} of {len(fresh):,} training pictures are also"
            " among those to test on, and are left out"
        )
    return np.flatnonzero(fresh)


def divided(digests: Sequence[bytes], labels: Labels) -> dict[Split, Indices]:
    """Indices of a set to train and to test on, 80 : 20 in each class, one of each class at least.

    digests: hashes of the pictures' content, which alone decide: those of each class with the
    lowest ones are to be tested on, wherever else the same content stands too.
    """
    contents: dict[int, set[bytes]] = defaultdict(set)
    for digest, label in zip(digests, labels.tolist(), strict=True):
        contents[label].add(digest)
    tested: set[bytes] = set()
    for of_class in contents.values():
        tested.update(sorted(of_class)[: max(1, round(TESTED * len(of_class)))])
    chosen = np.array([digest in tested for digest in digests], dtype=np.bool_)
    return {"train": np.flatnonzero(~chosen), "test": np.flatnonzero(chosen)}


def fingerprint_of(whole: str, kept: Indices, count: int) -> str:
    """That of a set of so many pictures, or of which of them are left."""
    if len(kept) == count:
        return whole
    return hashlib.sha256(whole.encode() + kept.tobytes()).hexdigest()
