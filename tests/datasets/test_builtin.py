"""The built-in data: the same everywhere, balanced, and with nothing shared between its splits."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizer.datasets import open_dataset
from sizer.datasets.formats.builtin import CLASSES, STROKES, VERSION, VOCABULARY, class_strokes

# The first 4,000 images of version glyphs-1. A change of them is a new version: calibrations, the
# ladder under models/ and stored predictions belong to the old one.
GOLDEN_VERSION = "glyphs-1"
GOLDEN = {
    "train": "3ed415bb0bd90d40671ef4f79ba4751c57a33303a7b2408ca4e41831a19e0f64",
    "test": "7959e5e62db588483c4e9f4b048e7ce22fee61fa85974dc937a0ea9cd26fe931",
}
# Names the data in manifests, calibrations and the cell store.
GOLDEN_FINGERPRINT = {
    "train": "2fa1face5c62408e1c79f4338ee8d809de40705e1eee9fffd01f87418e403996",
    "test": "7b9de6672bc6e5c69c6d04202e5c0395c8fdcdeee55cf430d6b3ad948e249d29",
}


@pytest.fixture(scope="module")
def sets():
    return {split: open_dataset("builtin", split) for split in ("train", "test")}


@pytest.fixture(scope="module")
def rendered(sets):
    """Pixels and labels of the first 4,000 images of each split, which is all of the test split."""
    return {split: data.read(np.arange(4000)) for split, data in sets.items()}


@pytest.mark.parametrize(("split", "images"), [("train", 100_000), ("test", 4_000)])
def test_what_it_says_of_itself(sets, rendered, split, images):
    info = sets[split].info
    assert (info.spec, info.split, info.images) == ("builtin", split, images)
    assert (info.classes, info.shape) == (48, (16, 16, 3))
    pixels, labels = rendered[split]
    assert (pixels.shape, pixels.dtype) == ((4000, 16, 16, 3), np.uint8)
    assert labels.shape == (4000,)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_pixel_and_label_is_what_it_was_when_the_version_was_named(sets, rendered, split):
    pixels, labels = rendered[split]
    digest = hashlib.sha256(pixels.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert VERSION == GOLDEN_VERSION
    assert digest == GOLDEN[split]
    assert sets[split].info.fingerprint == GOLDEN_FINGERPRINT[split]


def test_opened_again_it_is_the_same(sets, rendered):
    again = open_dataset("builtin", "test")
    assert again.info == sets["test"].info
    for ours, theirs in zip(again.read(np.arange(4000)), rendered["test"], strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_class_is_nearly_equally_often(rendered, split):
    """The whole split to within one; a part of the shuffled train split to within chance."""
    counts = np.bincount(rendered[split][1], minlength=CLASSES)
    assert len(counts) == CLASSES
    allowed = 1 if split == "test" else 5 * np.sqrt(4000 / CLASSES)
    assert counts.max() - counts.min() <= allowed


def test_no_image_is_there_twice_within_or_between_splits(rendered):
    digests = [
        hashlib.sha256(image.tobytes()).digest()
        for pixels, _ in rendered.values()
        for image in pixels
    ]
    assert len(set(digests)) == len(digests) == 8000


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_are_shuffled(rendered, split):
    """Of n labels in random order, the correlation with their place is of order 1/sqrt(n)."""
    _, labels = rendered[split]
    correlation = np.corrcoef(np.arange(len(labels)), labels)[0, 1]
    assert abs(correlation) < 5 / np.sqrt(len(labels))
    neighbours = np.mean(labels[1:] == labels[:-1])
    assert abs(neighbours - 1 / CLASSES) < 5 * np.sqrt(1 / CLASSES / len(labels))


@settings(max_examples=30)
@given(indices=st.lists(st.integers(0, 3999), max_size=30))
def test_images_come_in_the_order_asked_for(sets, rendered, indices):
    pixels, labels = rendered["test"]
    some, their_labels = sets["test"].read(np.array(indices, dtype=np.int64))
    assert np.array_equal(some, pixels[indices])
    assert np.array_equal(their_labels, labels[indices])


def test_every_class_is_another_set_of_strokes():
    classes = [frozenset(strokes) for strokes in class_strokes().tolist()]
    assert len(set(classes)) == len(classes) == CLASSES
    assert all(len(strokes) == STROKES for strokes in classes)
    assert set().union(*classes) == set(range(len(VOCABULARY)))  # none is left out


@pytest.mark.parametrize("split", ["train", "test"])
def test_pixels_use_the_range_without_clinging_to_its_ends(rendered, split):
    pixels, _ = rendered[split]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert np.mean((pixels == 0) | (pixels == 255)) < 0.05
    assert 100 < pixels.mean() < 155
    contrast = pixels.reshape(len(pixels), -1).std(1)
    assert contrast.min() > 3  # no image is empty


def test_no_brightness_gives_a_class_away(rendered):
    """Ink is darker or lighter than its background equally often, so only shape tells classes.

    The mean over a class of n images has standard error s/sqrt(n), s over images.
    """
    pixels, labels = rendered["train"]
    brightness = pixels.reshape(len(pixels), -1).mean(1)
    means = np.array([brightness[labels == label].mean() for label in range(CLASSES)])
    error = brightness.std() / np.sqrt(len(labels) / CLASSES)
    assert np.abs(means - brightness.mean()).max() < 5 * error
