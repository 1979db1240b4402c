"""Each class of the data is the right class of the model, however either calls or orders them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image
from tiny import CLASSES, SHAPE, WIDTHS, network, prototypes

import sizer
from sizer.datasets.classes import classes_of_metadata, imagenet_classes, read_class_file
from sizer.datasets.records import DatasetInfo
from sizer.errors import DataError, ModelError, SizerError
from sizer.inference.input_format import InputFormat
from sizer.inference.inputs import InputPlan
from sizer.inference.matching import Classes, matched
from sizer.inference.model import OnnxModel
from sizer.inference.records import ModelInfo
from sizer.progress import say_nothing

STEPS = (0, 300, 700, 2000)
FRUIT = ("apple", "banana", "cherry", "date", "elderberry", "fig")


@dataclass
class Set:
    """A data set of classes with one image each, but for those of no image."""

    names: tuple[str, ...] | None
    classes: int
    empty: tuple[int, ...] = ()

    @property
    def info(self):
        return DatasetInfo("set", "test", "f", self.classes, self.classes, (1, 1, 3))

    @property
    def class_names(self):
        return self.names

    @property
    def labels(self):
        return np.array([i for i in range(self.classes) if i not in self.empty])


def named(*names, empty=()):
    return Set(names, len(names), empty)


def model(outputs, metadata=None, path="m.onnx"):
    listed = classes_of_metadata({"names": metadata} if metadata else {}, path)
    plan = InputPlan("NCHW", np.float32, 1, InputFormat())
    info = ModelInfo("m", "hash", 1)
    return OnnxModel(Path(path), info, "cpu", plan, 1, outputs, listed)


def labels(data, models, **classes):
    models = models if isinstance(models, list) else [models]
    relabelled, _ = matched(data, models, Classes(**classes), say_nothing)
    return relabelled.labels.tolist(), relabelled.info.classes


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


class TestNames:
    @pytest.mark.parametrize(
        "metadata",
        [
            json.dumps(FRUIT),
            str(dict(enumerate(FRUIT))),
            json.dumps(dict(reversed(list(enumerate(FRUIT))))),
            "apple,banana,cherry,date,elderberry,fig",
            "apple\nbanana\ncherry\ndate\nelderberry\nfig\n",
            json.dumps({i: [f"n{i}", name] for i, name in enumerate(FRUIT)}),
        ],
    )
    def test_of_metadata_as_exporters_write_them(self, metadata):
        assert labels(named("cherry", "Fig"), model(6, metadata)) == ([2, 5], 6)

    @pytest.mark.parametrize("numbers", [False, True])
    @pytest.mark.parametrize("separator", [" ", ",", ": ", "\t"])
    def test_of_a_file(self, tmp_path, numbers, separator):
        order = list(reversed(list(enumerate(FRUIT)))) if numbers else list(enumerate(FRUIT))
        lines = [f"{i}{separator}{name}" if numbers else name for i, name in order]
        file = write(tmp_path / "c.txt", "# fruit\n" + "\n".join(lines) + "\n\n")
        assert labels(named("cherry", "date"), model(6), file=file) == ([2, 3], 6)

    @pytest.mark.parametrize(
        "listed",
        [
            list(FRUIT),
            {str(i): name for i, name in enumerate(FRUIT)},
            {name: i for i, name in enumerate(FRUIT)},
            {str(i): [f"n0000000{i}", name] for i, name in enumerate(FRUIT)},
            [[f"n0000000{i}", name] for i, name in enumerate(FRUIT)],
            {"model_type": "net", "id2label": {str(i): name for i, name in enumerate(FRUIT)}},
        ],
    )
    @pytest.mark.parametrize("write_as", [json.dumps, str])
    def test_of_a_file_in_json_or_as_python_writes_it(self, tmp_path, listed, write_as):
        file = write(tmp_path / "c.json", write_as(listed))
        assert labels(named("cherry", "Date"), model(6), file=file) == ([2, 3], 6)

    @pytest.mark.parametrize("text", ["{}", "[]", '{"a": {"b": 1}}', '{"apple": 1, "fig": 1}'])
    def test_json_that_lists_no_classes_is_named(self, tmp_path, text):
        with pytest.raises(DataError, match=r"c\.json: lists no classes"):
            read_class_file(write(tmp_path / "c.json", text))

    def test_spaces_case_and_synonyms_count_as_one(self, tmp_path):
        file = write(
            tmp_path / "c.txt",
            "n01440764 tench, Tinca tinca\nn01443537 goldfish\n"
            "n01484850 great white shark, man-eater\n",
        )
        found = [
            labels(named(*names), model(3), file=file)[0]
            for names in (
                ("Great_White-Shark", "goldfish"),
                ("n01484850", "tinca tinca"),
                ("man eater", "n01443537"),
            )
        ]
        assert found == [[2, 1], [2, 0], [2, 1]]

    def test_of_as_many_classes_in_another_order(self):
        data = named("apple", "banana", "cherry")
        assert labels(data, model(3, "cherry,apple,banana")) == ([1, 2, 0], 3)
        assert labels(data, model(3, "x,y,z")) == ([0, 1, 2], 3)
        assert labels(data, model(3)) == ([0, 1, 2], 3)

    def test_wordnet_ids_are_in_the_order_of_imagenet(self):
        ids = [names[0] for names in imagenet_classes(1000).names.values()]
        assert (len(ids), ids) == (1000, sorted(set(ids)))
        assert (ids[0], ids[217], ids[999]) == ("n01440764", "n02102040", "n15075141")
        assert labels(named(ids[0], ids[217], ids[999]), model(1000)) == ([0, 217, 999], 1000)

    def test_a_model_of_imagenet_may_have_a_background_class_first(self):
        ids = [names[0] for names in imagenet_classes(1000).names.values()]
        assert labels(named(ids[0], ids[999]), model(1001)) == ([1, 1000], 1001)
        assert labels(named(*ids), model(1001)) == (list(range(1, 1001)), 1001)


class TestNumbers:
    def test_as_names_are_the_models(self):
        assert labels(named("2", "10", "40"), model(100)) == ([2, 10, 40], 100)

    def test_without_names_are_the_models(self):
        assert labels(Set(None, 95), model(100)) == (list(range(95)), 100)

    def test_of_a_file_are_in_the_order_of_the_data(self, tmp_path):
        file = write(tmp_path / "c.txt", "5\n0\n3\n")
        assert labels(named("x", "y", "z"), model(6), file=file) == ([5, 0, 3], 6)
        assert labels(Set(None, 3), model(6), file=file) == ([5, 0, 3], 6)

    def test_names_of_a_file_are_looked_up_in_the_models(self, tmp_path):
        file = write(tmp_path / "c.txt", "fig\napple\n")
        assert labels(Set(None, 2), model(6, ",".join(FRUIT)), file=file) == ([5, 0], 6)


class TestRestricted:
    def test_classes_are_numbered_among_themselves(self):
        (found,) = matched(
            named("fig", "cherry"), [model(6, ",".join(FRUIT))], Classes(None, True), say_nothing
        )[1]
        assert found.plan.classes == (5, 2)
        assert found.fingerprint != model(6, ",".join(FRUIT)).fingerprint

    def test_labels_without_pictures_are_no_classes(self):
        data, (found,) = matched(
            Set(None, 5, empty=(0, 3)), [model(9)], Classes(None, True), say_nothing
        )
        assert (data.labels.tolist(), data.info.classes) == ([0, 1, 2], 3)
        assert found.plan.classes == (1, 2, 4)


class TestWrong:
    @pytest.mark.parametrize(
        ("text", "data", "metadata", "words"),
        [
            ("0 apple\n9 fig\n", named("apple", "fig"), None, r"lists class 9.*0 to 5"),
            ("0 apple\n0 fig\n", named("apple", "fig"), None, r"lists class 0 twice"),
            (
                "0 kiwi\n1 lime\n",
                named("apple", "fig"),
                None,
                r"none of its 2 classes.*not apple, fig",
            ),
            ("0 apple\n1 lime\n", named("apple", "fig"), None, r"1 of its 2 classes.*not fig"),
            ("kiwi\nlime\n", Set(None, 2), ",".join(FRUIT), r"none of its 2.*not kiwi, lime"),
            ("kiwi\nlime\n", Set(None, 2), None, r"does not list its own; give their numbers"),
            ("apple\nfig\ndate\n", named("apple", "fig"), None, r"lists 3 classes; give the 6"),
            ("3\n4\n5\n", named("apple", "fig"), None, r"lists 3 classes; give the 6"),
            ("", named("apple", "fig"), None, r"names no class; give"),
            ("# only this\n", named("apple", "fig"), None, r"names no class; give"),
            ("2 apple\n3 apple\n", named("apple", "fig"), None, r"none of its 2"),
            ("2 apple, fig\n", named("apple", "fig"), None, r"apple and fig are both class 2"),
        ],
    )
    def test_file(self, tmp_path, text, data, metadata, words):
        file = write(tmp_path / "c.txt", text)
        with pytest.raises(SizerError, match=words) as caught:
            labels(data, model(6, metadata), file=file)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("line", ["n01234567 " * 5000, "9" * 5000, "n01234567 a, b, " * 5000])
    def test_a_line_is_a_name_however_long_it_is(self, tmp_path, line):
        listed, numbered = read_class_file(write(tmp_path / "c.txt", f"{line}\nfig\n"))
        assert not numbered
        assert listed.names[0][0] == line.strip()
        assert listed.names[1] == ("fig",)

    def test_a_list_that_would_take_all_memory(self, tmp_path):
        file = write(tmp_path / "c.txt", "[" + "0," * (1 << 21) + "0]")
        with pytest.raises(DataError, match=r"c\.txt: is larger than 4 MiB; give a file of class"):
            read_class_file(file)

    def test_no_file_and_no_text(self, tmp_path):
        with pytest.raises(DataError, match=r"c\.txt: No such file"):
            read_class_file(tmp_path / "c.txt")
        (tmp_path / "c.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match=r"c\.txt: is no text"):
            read_class_file(tmp_path / "c.txt")

    @pytest.mark.parametrize(
        ("data", "metadata", "error", "words"),
        [
            (
                named("apple", "fig"),
                None,
                ModelError,
                r"gives 6 classes, set has 2; .*--classes FILE",
            ),
            (named("2", "7"), None, ModelError, r"gives 6 classes, set has 2"),
            (named("apple", "kiwi"), ",".join(FRUIT), DataError, r"m\.onnx lists, not kiwi"),
            (
                named("apple", "fig", empty=(1,)),
                ",".join(FRUIT),
                DataError,
                r"no picture .* of fig",
            ),
        ],
    )
    def test_names_without_a_file(self, data, metadata, error, words):
        with pytest.raises(error, match=words):
            labels(data, model(6, metadata))

    def test_models_that_differ(self):
        with pytest.raises(ModelError, match=r"a\.onnx gives 5 classes and b\.onnx 6"):
            labels(named("x", "y"), [model(5, path="a.onnx"), model(6, path="b.onnx")])
        with pytest.raises(ModelError, match=r"a\.onnx and b\.onnx number their classes differ"):
            labels(named("x", "y"), [model(2, "x,y", "a.onnx"), model(2, "y,x", "b.onnx")])

    @pytest.mark.parametrize("text", ["{", "{'a': 'b'}", "[[[[", "3", "((" * 5000, "{0: 'a'}"])
    def test_metadata_that_is_no_list_is_left_alone(self, text):
        assert labels(named("x", "y"), model(2, text)) == ([0, 1], 2)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """Networks of five classes, of which the files name each."""
    folder = tmp_path_factory.mktemp("ladder")
    for width in WIDTHS[1:]:
        made = network(width)
        helper.set_model_props(made, {"class_names": "ant,bee,cat,dog,elk"})
        onnx.save(made, folder / f"tiny-{width}.onnx")
    return folder


def pictures(folder, classes):
    """Each class's prototype with some pixels turned over, in a folder of its name."""
    random = np.random.default_rng(1)
    for name, number in classes.items():
        (folder / name).mkdir(parents=True)
        for i in range(20):
            turned = np.where(random.random(np.prod(SHAPE)) < 0.1, -1, 1)
            pixels = ((prototypes()[number] * turned + 1) * 127.5).astype(np.uint8).reshape(SHAPE)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


@pytest.mark.parametrize(
    ("classes", "listed"),
    [
        ({"CAT": 2, "bee": 1, "dog": 3}, None),
        ({"two": 2, "one": 1}, "0 zero\n1 one\n2 two\n3 three\n4 four\n"),
    ],
)
def test_a_few_classes_are_measured(tmp_path, monkeypatch, ladder, classes, listed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = pictures(tmp_path / "data" / "test", classes).parent
    file = None if listed is None else write(tmp_path / "c.txt", listed)
    told = []
    of_all, alone = (
        sizer.calibrate(
            ladder, data=data, steps=STEPS, classes=file, restrict=restrict, tell=told.append
        )
        for restrict in (False, True)
    )
    assert any(f"{len(classes)} of the models' {CLASSES} classes" in line for line in told)
    assert (of_all.chance, alone.chance) == (1 / CLASSES, 1 / len(classes))
    for every, among in zip(of_all.curves, alone.curves, strict=True):
        assert every.accuracy[0] > 0.8
        assert np.all(among.accuracy >= every.accuracy)
    assert alone.curves[0].accuracy[-1] > of_all.curves[0].accuracy[-1]


def test_last_classes_without_images(tmp_path, monkeypatch, ladder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    numbers = np.arange(60) % 3
    images = ((prototypes()[numbers] + 1) * 127.5).astype(np.uint8).reshape(-1, *SHAPE)
    np.savez(tmp_path / "d.npz", images=images, labels=numbers)
    measured = sizer.calibrate(ladder, data=tmp_path / "d.npz", steps=STEPS)
    assert measured.dataset.classes == CLASSES
    assert measured.curves[-1].accuracy[0] > 0.9
