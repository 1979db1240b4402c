"""Data sets of every form, each made here from a handful of tiny pictures."""

import io
import os
import pickle
import shutil
import socket
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sizer.datasets import open_dataset
from sizer.errors import DataError, OutputError

COUNT, HEIGHT, WIDTH, CLASSES = 12, 5, 6, 3
LABELS = np.arange(COUNT) % CLASSES
PIXELS = np.random.default_rng(7).integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8)
CIFAR = Path(
    os.environ.get("SIZER_CIFAR100", Path(__file__).parents[3] / "shared" / "data" / "cifar100")
)


@pytest.fixture(autouse=True)
def _no_network_and_own_cache(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a test used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def png(pixels, mode=None) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(stream, "PNG")
    return stream.getvalue()


def write_parquet(path: Path, pictures, labels, image="image", label="label", **more) -> Path:
    """A table of structs, without the hub's metadata."""
    structs = [{"bytes": encoded, "path": f"{i}.png"} for i, encoded in enumerate(pictures)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {image: pa.array(structs, kind), label: pa.array(labels), **more}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def write_hub_parquet(path: Path, images=PIXELS, labels=LABELS, classes=CLASSES) -> Path:
    """A table as the hub has it: image and class types noted in the schema's metadata."""
    import datasets

    columns = {
        "img": [{"bytes": png(image), "path": None} for image in images],
        "fine_label": list(labels),
        "coarse_label": [0] * len(labels),
    }
    types = {
        "img": datasets.Image(),
        "fine_label": datasets.ClassLabel(num_classes=classes),
        "coarse_label": datasets.ClassLabel(num_classes=2),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(columns, features=datasets.Features(types)).to_parquet(str(path))
    return path


def write_folders(root: Path, images=PIXELS, labels=LABELS) -> Path:
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        file = root / f"class{label}" / f"{index:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return root


def write_npz(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **({"images": PIXELS, "labels": LABELS} | arrays))
    return path


def make(form: str, folder: Path, images=PIXELS) -> str:
    """A set of one of the forms, and its spec; all forms hold the same images."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "npz":
        return str(write_npz(folder / "set.npz", images=images))
    if form == "parquet file":
        return str(write_parquet(folder / "set.parquet", map(png, images), LABELS))
    if form == "parquet folder":
        half = COUNT // 2
        write_hub_parquet(folder / "test-00000-of-00002.parquet", images[:half], LABELS[:half])
        write_hub_parquet(folder / "test-00001-of-00002.parquet", images[half:], LABELS[half:])
    if form == "class folders":
        write_folders(folder / "test", images)
    return str(folder)


FORMS = ("npz", "parquet file", "parquet folder", "class folders")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_images_and_labels_in_the_order_asked_for(form, tmp_path):
    spec = make(form, tmp_path / "set")
    dataset = open_dataset(spec, "test")
    # Class folders are read class by class.
    order = np.argsort(LABELS, kind="stable") if form == "class folders" else np.arange(COUNT)
    indices = np.array([7, 0, 11, 7, 3])
    images, labels = dataset.read(indices)
    np.testing.assert_array_equal(images, PIXELS[order][indices])
    np.testing.assert_array_equal(labels, LABELS[order][indices])
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    info = dataset.info
    assert (info.spec, info.classes, info.images) == (spec, CLASSES, COUNT)
    assert info.shape == (HEIGHT, WIDTH, 3)
    assert info.split == ("all" if form in ("npz", "parquet file") else "test")


@pytest.mark.parametrize("form", FORMS)
def test_no_indices_give_no_images(form, tmp_path):
    images, labels = open_dataset(make(form, tmp_path / "set"), "test").read(np.array([], np.int64))
    assert images.shape == (0, HEIGHT, WIDTH, 3)
    assert labels.shape == (0,)


@pytest.mark.parametrize("form", FORMS)
def test_fingerprint_is_that_of_the_content_and_not_of_the_place(form, tmp_path):
    first = open_dataset(make(form, tmp_path / "first"), "test").info
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    copy = open_dataset(first.spec.replace("/first", "/copy"), "test").info
    one_pixel_off = PIXELS.copy()
    one_pixel_off[5, 2, 3, 0] ^= 1
    other = open_dataset(make(form, tmp_path / "other", one_pixel_off), "test").info
    assert copy.fingerprint == first.fingerprint
    assert other.fingerprint != first.fingerprint


def test_renaming_a_class_folder_changes_the_fingerprint(tmp_path):
    before = open_dataset(str(write_folders(tmp_path / "set")), "test").info
    (tmp_path / "set" / "class0").rename(tmp_path / "set" / "class9")
    assert open_dataset(str(tmp_path / "set"), "test").info.fingerprint != before.fingerprint


def test_a_set_is_read_anew_after_its_file_changed_in_place(tmp_path):
    spec = make("npz", tmp_path)
    open_dataset(spec, "test")
    write_npz(Path(spec), images=255 - PIXELS)
    images, _ = open_dataset(spec, "test").read(np.arange(COUNT))
    np.testing.assert_array_equal(images, 255 - PIXELS)


@pytest.mark.parametrize("name", ["validation", "Test", "EVAL"])
def test_parquet_shards_are_taken_from_the_split_asked_for(name, tmp_path):
    others = 255 - PIXELS[:8]
    write_hub_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", others, LABELS[:8])
    write_hub_parquet(tmp_path / "data" / f"{name}-00000-of-00001.parquet")
    assert open_dataset(str(tmp_path), "train").info.images == 8
    test = open_dataset(str(tmp_path), "test").info
    assert (test.images, test.split) == (COUNT, name.lower())


@pytest.mark.parametrize(
    ("train", "name"),
    [
        *(("train", name) for name in ("test", "validation", "val", "valid", "testing", "eval")),
        *(("Train", "Test"), ("TRAIN", "dev"), ("training", "VAL")),
    ],
)
def test_class_folders_under_split_folders(train, name, tmp_path):
    write_folders(tmp_path / train, 255 - PIXELS)
    write_folders(tmp_path / name, PIXELS[:2], LABELS[1:3])
    test = open_dataset(str(tmp_path), "test")
    assert (test.info.split, test.info.images, test.info.classes) == (name.lower(), 2, CLASSES)
    assert test.read(np.arange(2))[1].tolist() == [1, 2]  # numbered as in the train folder
    assert open_dataset(str(tmp_path), "train").info.images == COUNT


def test_files_that_are_not_pictures_are_left_out(tmp_path):
    write_folders(tmp_path / "set")
    (tmp_path / "set" / "class0" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "set" / ".cache").mkdir()
    parts = [open_dataset(str(tmp_path / "set"), split).info.images for split in ("train", "test")]
    assert sum(parts) == COUNT


@pytest.mark.parametrize("name", ["fine_label", "label", "category"])
def test_label_column_by_name_or_because_it_is_the_only_one(name, tmp_path):
    file = write_parquet(tmp_path / "a.parquet", map(png, PIXELS), LABELS, "picture", name)
    _, labels = open_dataset(str(file), "test").read(np.arange(COUNT))
    np.testing.assert_array_equal(labels, LABELS)


def test_grey_images_have_one_channel(tmp_path):
    grey = PIXELS[..., 0]
    specs = [
        write_npz(tmp_path / "a.npz", images=grey),
        write_npz(tmp_path / "b.npz", images=grey[..., np.newaxis]),
        write_parquet(tmp_path / "a.parquet", map(png, grey), LABELS),
    ]
    for spec in specs:
        dataset = open_dataset(str(spec), "test")
        assert dataset.info.shape == (HEIGHT, WIDTH, 1)
        np.testing.assert_array_equal(dataset.read(np.arange(COUNT))[0][..., 0], grey)


def test_every_picture_takes_the_channels_of_the_first(tmp_path):
    pictures = [
        png(PIXELS[0]),
        png(PIXELS[1], "RGBA"),
        png(PIXELS[2] * 0, "P"),
        png(PIXELS[3], "L"),
    ]
    file = write_parquet(tmp_path / "a.parquet", pictures, [0, 1, 2, 0])
    images, _ = open_dataset(str(file), "test").read(np.arange(4))
    np.testing.assert_array_equal(images[:2], PIXELS[:2])
    assert not images[2].any()
    assert (images[3] == images[3][..., :1]).all()


def test_stored_arrays_are_not_read_into_memory(tmp_path):
    dataset = open_dataset(make("npz", tmp_path), "test")
    assert isinstance(dataset._images, np.memmap)
    before = pa.total_allocated_bytes()
    table = open_dataset(make("parquet file", tmp_path), "test")
    assert table.info.images == COUNT
    assert pa.total_allocated_bytes() == before  # Arrow maps its file


BAD_PICTURES = {
    "not a picture": (b"hello", "not a readable picture"),
    "header alone": (png(PIXELS[0])[:60], "not a readable picture"),
    "empty": (b"", "not a readable picture"),
    "missing": (None, "missing"),
}


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_bad_picture_is_named_and_left_out_if_that_is_allowed(kind, tmp_path):
    bad, reason = BAD_PICTURES[kind]
    pictures = [png(PIXELS[0]), png(PIXELS[1]), bad, bad, png(PIXELS[4])]
    file = write_parquet(tmp_path / "a.parquet", pictures, [0, 1, 0, 1, 0])
    with pytest.raises(DataError, match=r"a\.parquet: 2 of 5 .*image 2 \(2\.png\).*" + reason):
        open_dataset(str(file), "test")
    said = []
    dataset = open_dataset(str(file), "test", 0.4, said.append)
    np.testing.assert_array_equal(dataset.read(np.arange(3))[0], PIXELS[[0, 1, 4]])
    assert len(said) == 1
    assert "left out 2 of 5" in said[0]
    assert reason in said[0]


def test_an_unreadable_picture_in_a_folder_is_named_by_its_file(tmp_path):
    write_folders(tmp_path)
    (tmp_path / "class1" / "04.png").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"allows 0: class1/04\.png is not a readable picture"):
        open_dataset(str(tmp_path), "test", max_bad=0)


def test_parquet_may_not_point_at_pictures_elsewhere(tmp_path):
    Image.fromarray(PIXELS[0]).save(tmp_path / "0.png")
    table = pa.table({"image": [{"bytes": None, "path": str(tmp_path / "0.png")}], "label": [0]})
    table = pa.concat_tables([table, table.set_column(1, "label", pa.array([1]))])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"all 2 pictures .*image 0 .* is missing; store"):
        open_dataset(str(tmp_path / "a.parquet"), "test")


BAD_LABELS = {
    "negative": ([0, 1, -1, 2], r"image 2 is -1, outside 0\.\.2"),
    "missing": ([0, None, 1, 2], "image 1 is 'nan', not a whole number"),
    "fraction": ([0.0, 1.0, 1.5, 2.0], r"image 2 is '1\.5', not a whole number"),
    "missing text": (["cat", "dog", None, "dog"], "label: image 2 has no label"),
    "lists": ([[0, 1], [1, 0], [0, 1], [1, 0]], "column label holds lists or records; give"),
    "records": ([{"id": 0}, {"id": 1}] * 2, "column label holds lists or records; give"),
    "maps": (
        pa.array([[("id", 0)], [("id", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
        "at least one row, and no column of maps",
    ),
    "dates": (pa.array([1, 2, 1, 2], pa.date32()), "label holds values of type date32"),
    "one class": ([0, 0, 0, 0], "one class"),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_a_bad_label_is_named(kind, tmp_path):
    labels, reason = BAD_LABELS[kind]
    file = write_parquet(tmp_path / "a.parquet", map(png, PIXELS[:4]), labels)
    with pytest.raises(DataError, match=r"a\.parquet: .*" + reason):
        open_dataset(str(file), "test")


def test_a_label_beyond_the_classes_of_the_set_is_named(tmp_path):
    file = write_hub_parquet(tmp_path / "a.parquet")
    table = pq.read_table(file)
    raised = table.set_column(1, "fine_label", pa.array([0, 1, 2, 3] * 3))
    pq.write_table(raised.replace_schema_metadata(table.schema.metadata), file)
    with pytest.raises(DataError, match=r"image 3 is 3, outside 0\.\.2"):
        open_dataset(str(file), "test")


def test_a_class_that_the_train_folder_lacks_is_named(tmp_path):
    write_folders(tmp_path / "train")
    write_folders(tmp_path / "test", PIXELS[:1], ["X"])
    with pytest.raises(DataError, match="classX is not among"):
        open_dataset(str(tmp_path), "test")


def test_unclear_columns_are_named(tmp_path):
    pictures = [png(image) for image in PIXELS]
    two = write_parquet(
        tmp_path / "a.parquet", pictures, LABELS, label="kind", place=pa.array(LABELS)
    )
    with pytest.raises(DataError, match=r"unclear which \(kind, place\) .* name the one"):
        open_dataset(str(two), "test")
    none = write_parquet(tmp_path / "b.parquet", pictures, ["x"] * COUNT, label="caption")
    with pytest.raises(DataError, match=r"columns image, caption\): no column holds the labels"):
        open_dataset(str(none), "test")
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"columns text, label\): no column holds the images"):
        open_dataset(str(tmp_path / "c.parquet"), "test")


BAD_ARRAYS = {
    "floats": ({"images": PIXELS / 255}, "`images` is float64"),
    "channels last but four": ({"images": np.tile(PIXELS, 2)[..., :4]}, r"\(12, 5, 6, 4\)"),
    "flat": ({"images": PIXELS.reshape(COUNT, -1)}, r"\(12, 90\)"),
    "too few labels": ({"labels": LABELS[1:]}, r"shape \(11,\), but there are 12"),
    "label columns": ({"labels": np.eye(COUNT)}, r"shape \(12, 12\)"),
    "fractions": ({"labels": LABELS + 0.5}, r"image 0 is '0\.5'"),
    "negative": ({"labels": LABELS - 1}, "image 0 is -1"),
    "pickled": ({"labels": np.array([*LABELS[1:], None])}, "`labels` is not an array of numbers"),
    "empty": ({"images": PIXELS[:0], "labels": LABELS[:0]}, "empty"),
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_a_bad_array_is_named(kind, tmp_path):
    arrays, reason = BAD_ARRAYS[kind]
    file = write_npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"a\.npz: .*" + reason):
        open_dataset(str(file), "test")


def damaged_npz(kind: str, file: Path) -> None:
    if kind == "lacks labels":
        np.savez(file, images=PIXELS)
    elif kind == "cut short":
        whole = write_npz(file).read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped byte":
        np.savez(file, images=PIXELS, labels=LABELS)
        content = bytearray(file.read_bytes())
        content[600] ^= 1
        file.write_bytes(content)
    elif kind == "a pickle":
        file.write_bytes(pickle.dumps({"images": PIXELS}))
    elif kind == "zip of text":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("images.npy", "hello")
            archive.writestr("labels.npy", "hello")
    else:
        file.touch()


@pytest.mark.parametrize(
    "kind", ["lacks labels", "cut short", "flipped byte", "a pickle", "zip of text", "no bytes"]
)
def test_a_damaged_npz_is_named(kind, tmp_path):
    damaged_npz(kind, tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"a\.npz: .*; save it anew with"):
        open_dataset(str(tmp_path / "a.npz"), "test")


def damaged_parquet(kind: str, file: Path) -> None:
    write_parquet(file, map(png, PIXELS), LABELS)
    content = bytearray(file.read_bytes())
    if kind == "cut short":
        content = content[: len(content) // 2]
    elif kind == "no bytes":
        content.clear()
    elif kind == "footer":
        content[-200:-8] = bytes(192)
    else:
        content[4:400] = bytes(396)
    file.write_bytes(content)


@pytest.mark.parametrize("kind", ["cut short", "no bytes", "footer", "pages"])
def test_a_damaged_parquet_is_named(kind, tmp_path, capfd):
    damaged_parquet(kind, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: .*; fetch it again"):
        open_dataset(str(tmp_path / "a.parquet"), "test")
    assert capfd.readouterr() == ("", "")


def test_what_holds_no_data_set_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "class0").mkdir(parents=True)
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "a.tar").write_text("x")
    write_parquet(tmp_path / "rowless.parquet", [], pa.array([], pa.int64()))
    reasons = {
        "missing": "no such file or folder; give `builtin`",
        "missing.npz": "no such file or folder",
        "missing.parquet": "no such file or folder",
        "a.csv": "no table of two columns; give a CSV beside the pictures",
        "a.tar": "not a data set that can be read; give `builtin`",
        "empty": "no class folders",
        "hollow": "empty",
        "rowless.parquet": "no data.*at least one row",
    }
    for name, reason in reasons.items():
        with pytest.raises(DataError, match=f"{name}: .*{reason}") as caught:
            open_dataset(str(tmp_path / name), "test")
        assert "\n" not in str(caught.value)


def test_unclear_splits_are_named(tmp_path):
    write_hub_parquet(tmp_path / "test.parquet")
    write_hub_parquet(tmp_path / "validation.parquet")
    with pytest.raises(DataError, match="no train split among test, validation"):
        open_dataset(str(tmp_path), "train")


def test_parquet_in_two_folders_is_named(tmp_path):
    write_hub_parquet(tmp_path / "easy" / "test.parquet")
    write_hub_parquet(tmp_path / "hard" / "test.parquet")
    with pytest.raises(DataError, match=r"more than one folder .*easy, .*hard"):
        open_dataset(str(tmp_path), "test")


@pytest.mark.parametrize("form", ["npz", "parquet file"])
def test_a_cache_that_cannot_be_written_is_named(form, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME"):
        open_dataset(make(form, tmp_path), "test")


@pytest.mark.parametrize("form", ["npz", "parquet file"])
def test_a_full_disk_is_named_and_leaves_nothing_half_written(form, tmp_path, monkeypatch):
    spec = make(form, tmp_path)

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", fail)
    monkeypatch.setattr("datasets.arrow_writer.ArrowWriter.write_table", fail)
    with pytest.raises(OutputError, match="No space left on device; make room"):
        open_dataset(spec, "test")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images, _ = open_dataset(spec, "test").read(np.arange(COUNT))
    np.testing.assert_array_equal(images, PIXELS)


def fill_hub_cache(folder: Path) -> None:
    """What remains of a data set someone/pets that was downloaded before."""
    import datasets

    class Pets(datasets.GeneratorBasedBuilder):
        def _info(self):
            label = datasets.ClassLabel(num_classes=CLASSES)
            features = datasets.Features({"image": datasets.Image(), "label": label})
            return datasets.DatasetInfo(features=features)

        def _split_generators(self, downloads):
            return [
                datasets.SplitGenerator("train", gen_kwargs={"images": 255 - PIXELS}),
                datasets.SplitGenerator("test", gen_kwargs={"images": PIXELS}),
            ]

        def _generate_examples(self, images):
            for index, (image, label) in enumerate(zip(images, LABELS, strict=True)):
                yield index, {"image": {"bytes": png(image), "path": None}, "label": label}

    Pets(
        cache_dir=str(folder), dataset_name="pets", repo_id="someone/pets", hash="0123abcd"
    ).download_and_prepare()


def test_hub_name_reads_the_cached_copy_when_offline(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    fill_hub_cache(tmp_path / "cache" / "sizer" / "hub")
    dataset = open_dataset("hf:someone/pets", "test")
    assert (dataset.info.split, dataset.info.classes) == ("test", CLASSES)
    images, labels = dataset.read(np.arange(COUNT))
    assert images.tolist() == PIXELS.tolist()
    assert labels.tolist() == LABELS.tolist()
    train = open_dataset("hf:someone/pets", "train").info
    assert train.fingerprint != dataset.info.fingerprint


@pytest.mark.parametrize("name", ["", "../pets", "/etc", "a/b/c", "parquet", "someone/pets"])
def test_hub_names_that_lead_nowhere(name, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=f"^hf:{name}: ") as caught:
        open_dataset(f"hf:{name}", "test")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not CIFAR.is_dir(), reason="set SIZER_CIFAR100 to the folder of CIFAR-100")
def test_cifar100():
    dataset = open_dataset(str(CIFAR), "test")
    info = dataset.info
    assert (info.split, info.images, info.classes, info.shape) == ("test", 10000, 100, (32, 32, 3))
    order = np.random.default_rng(0).permutation(10000)[:2000]
    images, labels = dataset.read(order)
    # The mean colour that is everywhere given for CIFAR-100, 0.507, 0.487, 0.441 of 255.
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)) / 255, [0.507, 0.487, 0.441], atol=0.01)
    table = pq.read_table(next(CIFAR.glob("test-*.parquet")), columns=["fine_label"])
    np.testing.assert_array_equal(labels, table["fine_label"].to_numpy()[order])
