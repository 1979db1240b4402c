"""Data as their users have them: archives of many names, tables of bytes, lists of files."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sizer.datasets import open_dataset, open_splits
from sizer.errors import DataError

COUNT, CLASSES = 20, 4
LABELS = np.arange(COUNT) % CLASSES
PIXELS = np.random.default_rng(3).integers(0, 256, (COUNT, 6, 7, 3), dtype=np.uint8)
OTHERS = 255 - PIXELS[:8]
NAMES = np.array(["ash", "birch", "cedar", "elm"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def archive(folder, **arrays):
    np.savez_compressed(folder / "a.npz", **arrays)
    return str(folder / "a.npz")


def contents(dataset):
    return dataset.read(np.arange(dataset.info.images))


ARCHIVES = {
    "of Keras": ("x_train", "y_train", "x_test", "y_test"),
    "of MedMNIST": ("train_images", "train_labels", "test_images", "test_labels"),
    "in capitals": ("X_train", "Y_train", "X_val", "Y_val"),
    "run together": ("trainX", "trainY", "testX", "testY"),
    "of torchvision": ("data_train", "targets_train", "data_test", "targets_test"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("column", [False, True])
def test_the_splits_of_an_archive_by_their_usual_names(kind, column, tmp_path):
    labels = LABELS[:, np.newaxis] if column else LABELS
    arrays = (PIXELS, labels, OTHERS, labels[:8])
    spec = archive(tmp_path, **dict(zip(ARCHIVES[kind], arrays, strict=True)))
    train, test = open_splits(spec)
    assert [train.info.classes, test.info.classes] == [CLASSES, CLASSES]
    for dataset, images in ((train, PIXELS), (test, OTHERS)):
        np.testing.assert_array_equal(contents(dataset)[0], images)
        np.testing.assert_array_equal(contents(dataset)[1], LABELS[: len(images)])
        np.testing.assert_array_equal(dataset.picture(3), images[3])


def test_test_images_that_have_no_last_class_have_as_many_classes(tmp_path):
    spec = archive(tmp_path, x_train=PIXELS, y_train=LABELS, x_test=OTHERS[:2], y_test=LABELS[:2])
    assert open_dataset(spec, "test").info.classes == CLASSES


def test_an_archive_is_never_trained_on_images_that_are_tested(tmp_path):
    spec = archive(tmp_path, x_train=PIXELS, y_train=LABELS, x_test=PIXELS[:5], y_test=LABELS[:5])
    said = []
    train, _ = open_splits(spec, tell=said.append)
    np.testing.assert_array_equal(contents(train)[0], PIXELS[5:])
    assert "5 of 20 training pictures are also among those to test on" in said[0]


@pytest.mark.parametrize(("images", "labels"), [("arr_0", "arr_1"), ("photos", "species")])
def test_arrays_of_other_names_are_known_by_their_shapes(images, labels, tmp_path):
    arrays = {images: PIXELS, labels: LABELS, "mean": np.zeros(3), "notes": np.array([{}])}
    dataset = open_dataset(archive(tmp_path, **arrays), "test")
    np.testing.assert_array_equal(contents(dataset)[0], PIXELS)


PACKED = {
    "channels first": PIXELS.transpose(0, 3, 1, 2),
    "wide integers": PIXELS.astype(np.int64),
    "16 bits": PIXELS.astype(np.uint16) * 257,
    "big-endian": PIXELS.astype(">i4"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_pixels_in_other_types_and_orders(kind, tmp_path):
    dataset = open_dataset(archive(tmp_path, images=PACKED[kind], labels=LABELS), "test")
    images, _ = contents(dataset)
    np.testing.assert_array_equal(images, PIXELS)
    assert images.dtype == np.uint8


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_fractions_of_a_range_that_is_said(low, high, dtype, tmp_path):
    fractions = (low + PIXELS / 255 * (high - low)).astype(dtype)
    spec = archive(tmp_path, images=fractions, labels=LABELS)
    dataset = open_dataset(spec, "test", value_range=(low, high))
    np.testing.assert_allclose(contents(dataset)[0], PIXELS, atol=dtype is np.float16)
    with pytest.raises(DataError, match=r"a\.npz: `images` is float\d\d, .* give --input-range"):
        open_dataset(spec, "test")


def with_nan():
    images = PIXELS / 255
    images[3, 2, 1, 0] = np.nan
    return images


OTHER_RANGES = {
    "wider": (PIXELS / 255, (0, 0.5)),
    "the upper half": (PIXELS / 255, (-1, 1)),
    "hardly any of it": (PIXELS / 255, (0, 255)),
    "no numbers": (with_nan(), (0, 1)),
    "more than a byte": (PIXELS.astype(int) * 10, None),
    "truth values as integers": ((PIXELS > 99).astype(int), None),
}


@pytest.mark.parametrize("kind", OTHER_RANGES)
def test_values_outside_their_range_are_told(kind, tmp_path):
    images, said = OTHER_RANGES[kind]
    spec = archive(tmp_path, images=images, labels=LABELS)
    with pytest.raises(DataError, match=r"a\.npz: `images` holds \S+ to \S+, no pixels from"):
        open_dataset(spec, "test", value_range=said)


def test_black_and_white(tmp_path):
    dataset = open_dataset(archive(tmp_path, images=PIXELS > 99, labels=LABELS > 1), "test")
    np.testing.assert_array_equal(contents(dataset)[0], np.where(PIXELS > 99, 255, 0))
    np.testing.assert_array_equal(contents(dataset)[1], LABELS > 1)


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_labels_that_are_text(dtype, tmp_path):
    said = []
    spec = archive(tmp_path, images=PIXELS, labels=NAMES[LABELS].astype(dtype))
    dataset = open_dataset(spec, "test", tell=said.append)
    assert dataset.class_names == tuple(NAMES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert said == [
        f"{spec}: the array of labels holds text: its 4 classes are in the order of their names"
    ]


UNCLEAR = {
    "two sets": {"a": PIXELS, "b": LABELS, "c": PIXELS, "d": LABELS},
    "no labels": {"images": PIXELS},
    "flat": {"images": PIXELS.reshape(COUNT, -1), "labels": LABELS},
    "labels of another set": {"photos": PIXELS, "kinds": LABELS[:-1]},
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_an_archive_that_is_unclear_says_what_it_holds(kind, tmp_path):
    with pytest.raises(DataError, match=r"a\.npz: .* of shape \(20, ") as told:
        open_dataset(archive(tmp_path, **UNCLEAR[kind]), "test")
    assert "\n" not in str(told.value)


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def table(folder, **columns):
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return str(folder / "a.parquet")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("name", ["image", "content"])
def test_a_table_of_raw_bytes(kind, name, tmp_path):
    spec = table(tmp_path, **{name: pa.array(map(png, PIXELS), kind), "target": LABELS})
    dataset = open_dataset(spec, "test")
    np.testing.assert_array_equal(contents(dataset)[0], PIXELS)
    np.testing.assert_array_equal(contents(dataset)[1], LABELS)


def test_a_table_of_text_labels(tmp_path):
    for labels in (NAMES[LABELS], pa.array(NAMES[LABELS]).dictionary_encode()):
        said = []
        spec = table(tmp_path, image=[*map(png, PIXELS)], label=labels, path=["x"] * COUNT)
        dataset = open_dataset(spec, "test", tell=said.append)
        assert dataset.class_names == tuple(NAMES)
        np.testing.assert_array_equal(dataset.labels, LABELS)
        assert said == [
            f"{spec}: column label holds text: its 4 classes are in the order of their names"
        ]


def test_numbers_as_text_are_in_the_order_of_the_numbers(tmp_path):
    said = []
    labels = [str(10 * (label + 1) - 1) for label in LABELS]  # 9, 19, 29, 39
    spec = table(tmp_path, image=[*map(png, PIXELS)], label=labels)
    dataset = open_dataset(spec, "test", tell=said.append)
    assert dataset.class_names == ("9", "19", "29", "39")
    assert said[0].endswith("in the order of the numbers that they are")


def listed_pictures(folder):
    (folder / "pictures").mkdir()
    for index, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / "pictures" / f"p{index:02}.png")


FILES = [f"p{index:02}.png" for index in range(COUNT)]
LISTED = [*zip(FILES, NAMES[LABELS], strict=True)]
TABLES = {
    "a.csv": [("file", "label"), *((f"pictures/{file}", name) for file, name in LISTED)],
    "b.tsv": [("label", "path"), *((name, f"pictures\\{file}") for file, name in LISTED)],
    "c.csv": [(f"pictures/{file}", name) for file, name in LISTED],
    "d.csv": [("", "id", "diagnosis"), *(("7", file[:-4], name) for file, name in LISTED)],
    "e.txt": LISTED,
}
SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": " "}


def write_table(path, rows, encoding="utf-8"):
    separator = SEPARATORS[path.suffix]
    path.write_text("".join(f"{separator.join(map(str, row))}\r\n" for row in rows), encoding)
    return str(path)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_list_of_files_and_labels(name, encoding, tmp_path):
    listed_pictures(tmp_path)
    spec = write_table(tmp_path / name, TABLES[name], encoding)
    said = []
    train, test = open_splits(spec, tell=said.append)
    assert (train.info.images, test.info.images) == (16, 4)
    assert f"{spec}: no splits, so divided by the content of the pictures" in said[1]
    for dataset in (train, test):
        assert dataset.class_names == tuple(NAMES)
        for image, label in zip(*contents(dataset), strict=True):
            index = next(i for i, pixels in enumerate(PIXELS) if np.array_equal(pixels, image))
            assert label == LABELS[index]


def test_a_list_with_splits_and_numbers(tmp_path):
    listed_pictures(tmp_path)
    split = ["Train" if index < 15 else "VAL" for index in range(COUNT)]
    rows = [("image", "class", "split"), *zip(FILES, LABELS + 0.0, split, strict=True)]
    train, test = open_splits(write_table(tmp_path / "a.csv", rows))
    assert (train.info.images, test.info.images) == (15, 5)
    assert test.info.split == "val"
    assert test.class_names == ("0", "1", "2", "3")


def test_a_list_that_is_called_for_its_split_is_not_divided(tmp_path):
    listed_pictures(tmp_path)
    spec = write_table(tmp_path / "test_labels.csv", TABLES["a.csv"])
    assert open_dataset(spec, "test").info.images == COUNT
    with pytest.raises(DataError, match="no train split among test"):
        open_dataset(spec, "train")


def test_files_that_are_missing_are_damaged_ones(tmp_path):
    listed_pictures(tmp_path)
    (tmp_path / "pictures" / "p04.png").unlink()
    spec = write_table(tmp_path / "a.csv", TABLES["a.csv"])
    said = []
    parts = [data.info.images for data in open_splits(spec, tell=said.append)]
    assert sum(parts) == COUNT - 1
    assert any("left out 1 of 20 pictures: pictures/p04.png is missing" in line for line in said)


BAD_LISTS = {
    "no picture": ([("file", "label"), ("a.wav", "x"), ("b.wav", "y")], "each is missing"),
    "measurements": ([("model", "step"), ("m", "1"), ("n", "2")], "no column names a picture"),
    "unclear": ([("file", "a", "b"), (FILES[0], "x", "y")], "unclear which holds the labels"),
    "two labels": (
        [("file", "label"), (FILES[0], "x"), (FILES[0], "y")],
        r"p00\.png has the labels x and y",
    ),
    "no label": ([("file", "label"), (FILES[0], "x"), (FILES[1],)], "image 1 has no label"),
    "one column": ([("file",), (FILES[0],)], "no table of two columns"),
    "nothing": ([], "no table of two columns"),
}


@pytest.mark.parametrize("kind", BAD_LISTS)
def test_a_list_that_cannot_be_read_says_why(kind, tmp_path):
    listed_pictures(tmp_path)
    rows, reason = BAD_LISTS[kind]
    spec = write_table(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match=rf"a\.csv: .*{reason}") as told:
        open_dataset(spec, "test")
    assert "\n" not in str(told.value)
