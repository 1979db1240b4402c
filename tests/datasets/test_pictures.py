"""Pictures as people have them: any mode, size and name, some damaged, split in any way."""

import hashlib
import io
import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sizer.datasets import open_dataset, open_splits
from sizer.datasets.images import decode, examine
from sizer.datasets.opening import divided
from sizer.datasets.preprocessing import preprocess, preprocessed
from sizer.datasets.records import Preprocessing
from sizer.errors import DataError, UsageError
from sizer.noise.camera import camera_noise

COLOUR = np.random.default_rng(1).integers(0, 256, (6, 4, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]
RAMP = np.add.outer(np.arange(60) * 2, np.arange(80)).astype(np.uint8)  # 80 wide, 60 high


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def encoded(picture: Image.Image, form="PNG", **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def coloured(mode):
    return Image.fromarray(COLOUR).convert(mode)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


OF_MODES = {
    "RGB": (encoded(coloured("RGB")), COLOUR),
    "RGBA": (encoded(coloured("RGBA")), COLOUR),
    "grey": (encoded(Image.fromarray(GREY)), GREY),
    "LA": (encoded(Image.merge("LA", [Image.fromarray(GREY)] * 2)), GREY),
    "1-bit": (encoded(Image.fromarray(GREY > 127)), np.where(GREY > 127, 255, 0)),
    "palette": (
        encoded(Image.fromarray(COLOUR // 128 * 255).quantize(8)),
        COLOUR // 128 * 255,
    ),
    "16-bit": (encoded(Image.fromarray(GREY.astype(np.uint16) * 257)), GREY),
    "16-bit TIFF": (encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"), GREY),
    "CMYK": (encoded(coloured("CMYK"), "TIFF"), COLOUR),
    "YCbCr": (encoded(coloured("YCbCr"), "TIFF"), COLOUR),
    "turned": (encoded(coloured("RGB"), **turned(6)), np.rot90(COLOUR, -1)),
    "mirrored": (encoded(coloured("RGB"), **turned(2)), COLOUR[:, ::-1]),
    "animated": (
        encoded(
            Image.fromarray(COLOUR), save_all=True, append_images=[Image.fromarray(255 - COLOUR)]
        ),
        COLOUR,
    ),
}


@pytest.mark.parametrize("kind", OF_MODES)
def test_every_mode_becomes_8_bit_grey_or_colour(kind):
    contents, expected = OF_MODES[kind]
    expected = expected if expected.ndim == 3 else expected[..., np.newaxis]
    pixels = decode(contents)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape == examine(contents)
    assert np.abs(pixels.astype(int) - expected).max() <= (3 if kind == "YCbCr" else 0)


def test_16_bits_are_scaled_over_their_whole_range():
    samples = np.array([[0, 128, 129, 32768, 65406, 65535]], np.uint16)
    assert decode(encoded(Image.fromarray(samples)))[0, :, 0].tolist() == [0, 0, 1, 128, 254, 255]


def test_floating_point_samples_are_no_picture():
    contents = encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF")
    with pytest.raises(ValueError, match="floating-point"):
        decode(contents)


@pytest.mark.skipif(sys.platform == "win32", reason="puts a script on PATH")
def test_no_picture_starts_a_program(tmp_path, monkeypatch):
    script = tmp_path / "gs"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"
    with pytest.raises(ValueError, match="not a readable picture"):
        decode(postscript)
    (tmp_path / "evil.png").write_bytes(postscript)
    with pytest.raises(DataError, match=r"evil\.png: is not a readable picture"):
        camera_noise([tmp_path / "evil.png"])
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("share", [None, 0.875, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(32, 32), (30, 40), (90, 90), (7, 21)])
def test_a_ramp_stays_one_with_its_middle_in_the_middle(shape, share):
    """Resampling and cropping keep a linear picture linear; its slope says how much was kept."""
    made = preprocess(RAMP[..., np.newaxis], Preprocessing((*shape, 1), share)).astype(float)[
        ..., 0
    ]
    assert made.shape == shape
    inner = made[2:-2, 2:-2]
    height, width = shape
    same_ratio = height * 80 == width * 60
    kept = share or (1 if same_ratio else 0.875)
    scale = max(round(height / kept) / 60, round(width / kept) / 80)
    assert (
        abs(inner.mean() - RAMP.mean()) < 1.5 / scale + 0.5
    )  # half a pixel, where one is left over
    slope = np.polyfit(np.arange(inner.shape[1]), inner.mean(axis=0), 1)[0]
    assert slope == pytest.approx(1 / scale, rel=0.05)


def test_what_has_the_size_of_the_input_is_not_resampled():
    for share in (None, 0.875, 0.5):
        to = Preprocessing(COLOUR.shape, share)
        assert preprocess(COLOUR, to) is COLOUR


def test_channels_are_those_of_the_model():
    grey, colour = (
        GREY[..., np.newaxis],
        preprocess(GREY[..., np.newaxis], Preprocessing((6, 4, 3))),
    )
    assert (colour == grey).all()
    assert colour.shape == (6, 4, 3)
    luma = preprocess(COLOUR, Preprocessing((6, 4, 1)))[..., 0]
    assert np.abs(luma - COLOUR @ [0.299, 0.587, 0.114]).max() <= 1


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (1, 1)])
def test_no_side_ratio_and_no_share_takes_much_memory(size):
    made = preprocess(np.full((*size, 3), 90, np.uint8), Preprocessing((32, 32, 3), 1e-9))
    assert (made == 90).all()


def photographs(folder, count=60, classes=3, sizes=((48, 64), (64, 48), (32, 32))):
    """A folder of class folders: pictures of several sizes, grey ones among them."""
    random = np.random.default_rng(5)
    for index in range(count):
        pixels = random.integers(0, 256, (*sizes[index % len(sizes)], 3), dtype=np.uint8)
        file = folder / f"c{index % classes}" / f"{index:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(pixels)
        (picture.convert("L") if index % 7 == 0 else picture).save(file)
    return folder


def everything(data):
    return data.read(np.arange(data.info.images))


def test_grey_ones_among_colour_are_repeated_wherever_they_stand(tmp_path):
    folder = photographs(tmp_path / "set" / "test", sizes=((8, 8),))
    data = open_dataset(str(folder.parent), "test")
    assert data.info.shape == (8, 8, 3)
    images, _ = everything(data)
    files = sorted(folder.rglob("*.png"))
    for image, file in zip(images, files, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(file).convert("RGB")))


def test_pictures_of_several_sizes_need_to_be_brought_to_one(tmp_path):
    data = open_dataset(str(photographs(tmp_path / "set")), "test")
    assert data.info.shape is None
    with pytest.raises(DataError, match="differ in size"):
        everything(data)
    brought = preprocessed(data, Preprocessing((24, 24, 3)))
    assert brought.info.shape == (24, 24, 3)
    assert brought.info.identity != data.info.identity
    images, labels = everything(brought)
    assert images.shape == (data.info.images, 24, 24, 3)
    assert labels.tolist() == data.labels.tolist()


@pytest.mark.parametrize("cores", [1, 3])
def test_what_was_decoded_once_is_read_from_the_cache_unless_it_is_damaged(
    cores, tmp_path, monkeypatch
):
    monkeypatch.setattr("sizer.datasets.parallel.usable_cores", lambda: cores)
    data = open_dataset(str(photographs(tmp_path / "set")), "test")
    to = Preprocessing((24, 24, 3))
    first = everything(preprocessed(data, to))[0]
    expected = [preprocess(data.picture(i), to) for i in range(data.info.images)]
    np.testing.assert_array_equal(first, expected)
    decoded = []
    monkeypatch.setattr(type(data), "picture", lambda self, index: decoded.append(index) or GREY)
    order = np.array([3, 0, 3])
    np.testing.assert_array_equal(preprocessed(data, to).read(order)[0], first[order])
    assert not decoded
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (kept,) = (tmp_path / "cache" / "sizer" / "images").glob("*[!2]")
    contents = bytearray(kept.read_bytes())
    contents[3 * 24 * 24 * 3 + 5] ^= 1
    kept.write_bytes(contents)
    np.testing.assert_array_equal(everything(preprocessed(data, to))[0], first)


@pytest.mark.parametrize(
    ("damaged", "max_bad", "kept"), [(1, 0.01, 59), (2, 0.01, None), (2, 0.04, 58)]
)
def test_damaged_pictures_are_left_out_up_to_a_share(damaged, max_bad, kept, tmp_path):
    folder, said = photographs(tmp_path / "set"), []
    for file in sorted(folder.rglob("*.png"))[:damaged]:
        file.write_bytes(file.read_bytes()[:200])
    if kept is None:
        with pytest.raises(
            DataError, match=r"2 of 60 pictures .* --max-bad 0\.01 allows 1: c0/000"
        ):
            open_splits(str(folder), max_bad)
        return
    parts = open_splits(str(folder), max_bad, said.append)
    assert sum(part.info.images for part in parts) == kept
    assert [f"left out {damaged} of 60 pictures: c0/000.png" in line for line in said] == [
        True,
        False,
    ]


@pytest.mark.parametrize("max_bad", [0, 1])
def test_a_folder_of_damaged_pictures_is_refused_in_one_line(max_bad, tmp_path):
    folder = photographs(tmp_path / "set", 30)
    for file in folder.rglob("*.png"):
        file.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(
        DataError,
        match=r"all 30 pictures cannot be read.*and 25 more: each is not .*; repair",
    ) as told:
        open_dataset(str(folder), "test", max_bad)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_of_damaged_ones_is_a_share(share):
    with pytest.raises(UsageError, match="--max-bad"):
        open_dataset("builtin", "test", share)


def content(data):
    return {hashlib.sha256(data.picture(i)).digest() for i in range(data.info.images)}


@pytest.mark.parametrize("form", ["folder", "train folder"])
def test_a_folder_without_splits_is_divided_once_and_for_all(form, tmp_path):
    root, said = tmp_path / "set", []
    folder = photographs(root if form == "folder" else root / "train", 90)
    for label in range(3):  # a copy of the first of each class under another name
        picture = folder / f"c{label}" / f"{label:03}.png"
        (picture.parent / "copy.png").write_bytes(picture.read_bytes())
    train, test = open_splits(str(root), tell=said.append)
    assert not content(train) & content(test)
    assert train.info.images + test.info.images == 93
    assert [np.bincount(part.labels).min() for part in (train, test)] >= [23, 6]
    assert len(said) == 1
    assert f"{train.info.images} to train on, {test.info.images} to test on" in said[0]
    assert open_dataset(str(root), "test").info == test.info
    assert train.info.fingerprint != test.info.fingerprint


contents = st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers(0, 2)), min_size=1)


@given(contents, st.randoms())
def test_dividing_depends_on_content_alone(pictures, random):
    """No content is on both sides, every class is tested, and order changes nothing."""
    digests, labels = zip(*pictures, strict=True)
    parts = divided(digests, np.array(labels))
    assert sorted([*parts["train"], *parts["test"]]) == list(range(len(digests)))
    trained, tested = ({digests[i] for i in parts[split]} for split in ("train", "test"))
    assert not trained & tested
    assert {labels[i] for i in parts["test"]} == set(labels)
    shuffled = random.sample(pictures, len(pictures))
    again = divided([digest for digest, _ in shuffled], np.array([label for _, label in shuffled]))
    assert {shuffled[i][0] for i in again["test"]} == tested


def test_training_never_sees_what_is_tested_under_another_name(tmp_path):
    photographs(tmp_path / "Train")
    photographs(tmp_path / "TEST", 6)  # the first six of the training pictures
    said = []
    train, test = open_splits(str(tmp_path), tell=said.append)
    assert (train.info.images, test.info.images) == (54, 6)
    assert not content(train) & content(test)
    assert said == [
        f"{tmp_path}: 6 of 60 training pictures are also among those to test on, and are left out"
    ]


def test_a_folder_to_test_on_is_never_trained_on(tmp_path):
    photographs(tmp_path / "test")
    with pytest.raises(DataError, match="no train split among test"):
        open_dataset(str(tmp_path), "train")


def test_classes_of_one_picture_are_tested_on_and_cannot_be_trained_on(tmp_path):
    folder = str(photographs(tmp_path / "set", 5, 5))
    assert open_dataset(folder, "test").info.images == 5
    with pytest.raises(DataError, match="no picture to train on; give each class two"):
        open_dataset(folder, "train")


@pytest.mark.parametrize("place", ["set", "set/train"])
def test_names_that_differ_in_case_alone_are_refused(place, tmp_path):
    photographs(tmp_path / place)
    (tmp_path / place / "C1").mkdir()
    with pytest.raises(DataError, match="C1 and c1 differ in case alone") as told:
        open_dataset(str(tmp_path / "set"), "test")
    assert "\n" not in str(told.value)


def test_two_folders_of_one_split_are_refused(tmp_path):
    photographs(tmp_path / "test")
    photographs(tmp_path / "Test")
    with pytest.raises(DataError, match="Test and test differ in case alone"):
        open_dataset(str(tmp_path), "test")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are Unicode")
def test_names_that_are_no_utf8_are_read(tmp_path):
    folder = photographs(tmp_path / "set", sizes=((8, 8),))
    (folder / "c0").rename(folder / os.fsdecode(b"caf\xe9"))
    (folder / "c1" / "001.png").rename(folder / "c1" / os.fsdecode(b"\xff.png"))
    parts = open_splits(str(folder))
    assert sum(len(everything(part)[0]) for part in parts) == 60


@pytest.mark.parametrize("name", ["a" * 400, "a" * 400 + ".png"])
def test_a_name_that_is_too_long_is_answered_in_one_line(name, tmp_path):
    for look in (lambda: camera_noise([tmp_path / name]), lambda: open_dataset(name, "test")):
        with pytest.raises(DataError, match="aaa") as told:
            look()
        assert "\n" not in str(told.value)
