"""The recommended size made concrete: the line that trains it, and the untrained file."""

import importlib.util
import json
import shlex
from dataclasses import replace

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import trained_with
from typer.testing import CliRunner

from sizer.calibration import find_calibration, load
from sizer.cli.app import app
from sizer.cli.options import parse_noise_steps, parse_sizes
from sizer.errors import MissingExtraError, OutputError, UsageError
from sizer.fitting import fit
from sizer.io import shipped
from sizer.networks.architecture import SMALL_STEMS, small, small_with
from sizer.networks.manifest import read_manifest, write_manifest
from sizer.networks.models import find_models, training_of
from sizer.networks.recipe import Recipe, full_recipe, train_line
from sizer.prediction.advice import Advice
from sizer.prediction.question import Requirement
from sizer.report.advice import document
from sizer.report.markdown import markdown

SHIPPED = ("builtin", "cifar100-clean", "cifar100-noise")
ASKED = ("recommend", "--noise-step", "200", "--target-acc", "0.75")


def sizer(*line):
    return CliRunner().invoke(app, [str(word) for word in line])


def ladder_of(recipe):
    return replace(trained_with(None), recipe=recipe)


def options(line):
    words = shlex.split(line)
    assert words[:2] == ["sizer", "train"]
    return dict(zip(words[2::2], words[3::2], strict=True))


class TestTrainLine:
    @given(
        stem=st.sampled_from(SMALL_STEMS),
        epochs=st.integers(1, 500),
        augment=st.sampled_from(["crop-flip", "crop", "none"]),
        noise_steps=st.none() | st.tuples(st.integers(0, 100), st.integers(101, 5000)),
        spec=st.text(st.characters(categories=["L", "Zs", "P"]), min_size=1),
    )
    def test_train_reads_it_back(self, stem, epochs, augment, noise_steps, spec):
        member = small(stem, 32, 100)
        ladder = ladder_of(full_recipe(epochs, augment, noise_steps))
        ladder = replace(ladder, dataset=replace(ladder.dataset, spec=spec))
        given_back = options(train_line(ladder, member))
        (size,) = parse_sizes(given_back["--sizes"])
        assert small_with(size, 32, 100) == member
        assert given_back["--data"] == spec
        assert parse_noise_steps(given_back.get("--noise-augment")) == noise_steps
        again = full_recipe(int(given_back["--epochs"]), given_back["--augment"], noise_steps)
        assert again == ladder.recipe

    def test_none_for_a_recipe_of_other_times(self):
        old = ladder_of(Recipe(3, 64, 0.1, 0.0, 0.0, "none", None))
        assert train_line(old, small(8, 16, 10)) is None

    def test_recommend_gives_it_in_every_form(self):
        answer = json.loads(sizer(*ASKED, "--format", "json").stdout)
        line = answer["train_command"]
        (size,) = parse_sizes(options(line)["--sizes"])
        assert size == answer["architecture"]["parameters"]
        assert options(line)["--noise-augment"] == "0:800"
        for form in ("text", "markdown"):
            assert line in sizer(*ASKED, "--details", "--format", form).stdout

    def test_it_is_unknown_where_the_training_is(self, planted_calibration):
        line = (*ASKED[:2], "300", "--target-acc", "0.6", "--calibration", planted_calibration)
        assert json.loads(sizer(*line, "--format", "json").stdout)["train_command"] is None


class TestTheLadderInACalibration:
    @pytest.mark.parametrize("name", SHIPPED)
    def test_shipped_ones_have_their_manifest_s(self, name):
        found = load(name)
        folders = sorted(shipped("models").glob(f"{name}*"))
        manifests = [read_manifest(folder) for folder in folders]
        assert found.ladder == training_of(find_models(folders))
        assert {manifest.recipe for manifest in manifests} == {found.ladder.recipe}
        assert found.ladder.dataset == manifests[0].dataset
        trained = {model.sha256 for manifest in manifests for model in manifest.models}
        assert {model.sha256 for model in found.models} <= trained

    def test_a_file_without_it_is_still_read(self, tmp_path):
        fields = json.loads(find_calibration("builtin").read_text())
        del fields["ladder"]
        old = tmp_path / "old.json"
        old.write_text(json.dumps(fields))
        assert load(old).ladder is None
        answer = json.loads(sizer(*ASKED, "--calibration", old, "--format", "json").stdout)
        assert answer["verdict"] == "recommended"
        assert answer["train_command"] is None

    def test_fitting_again_keeps_it(self, tmp_path):
        again = fit(load("builtin"))
        assert again.ladder == load("builtin").ladder

    @pytest.mark.parametrize(
        ("data", "recipe", "one_ladder"),
        [
            ({}, {}, True),
            ({"images": 99_990, "fingerprint": "ab" * 32}, {}, True),
            ({"images": 90_000, "fingerprint": "ab" * 32}, {}, False),
            ({"fingerprint": "ab" * 32}, {}, False),
            ({"images": 99_990, "fingerprint": "ab" * 32, "spec": "other"}, {}, False),
            ({}, {"epochs": 7}, False),
        ],
    )
    def test_of_two_folders_of_one_recipe_and_the_same_images_but_for_a_few(
        self, tmp_path, data, recipe, one_ladder
    ):
        first = read_manifest(shipped("models") / "builtin")
        assert first.dataset.images == 100_000
        second = replace(
            first,
            command="again",
            dataset=replace(first.dataset, **data),
            recipe=replace(first.recipe, **recipe),
        )
        for name, manifest in (("first", first), ("second", second)):
            (tmp_path / name).mkdir()
            write_manifest(tmp_path / name, manifest)
            (tmp_path / name / manifest.models[0].file).write_bytes(b"")
        found = training_of(find_models([tmp_path / "second", tmp_path / "first"]))
        both = replace(first.training, command=f"{first.command} && again")
        assert found == (both if one_ladder else None)

    def test_none_of_models_that_no_manifest_describes(self, tmp_path):
        (tmp_path / "own.onnx").write_bytes(b"")
        assert training_of(find_models([tmp_path])) is None


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "new"
    return sizer(*ASKED, "--export", folder), folder


class TestExport:
    def test_it_says_in_name_terminal_and_metadata_that_it_is_untrained(self, exported):
        result, folder = exported
        assert result.exit_code == 0
        (path,) = folder.iterdir()
        assert path.name == "small-24-untrained.onnx"
        assert "UNTRAINED" in result.stderr
        assert str(path) in result.stderr
        notes = {one.key: one.value for one in onnx.load(path).metadata_props}
        assert notes["sizer.training"].startswith("UNTRAINED")

    def test_it_is_the_architecture_that_was_recommended(self, exported):
        from sizer.devices.graph import read_operations

        (path,) = exported[1].iterdir()
        answer = json.loads(sizer(*ASKED, "--format", "json").stdout)
        assert sum(one.macs for one in read_operations(path)[0]) == answer["architecture"]["macs"]
        shape = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
        assert [dim.dim_value for dim in shape][1:] == [3, 16, 16]

    def test_it_takes_what_was_foretold(self, exported):
        """Biases too, which exporters leave out where they are zero."""
        from sizer.devices.footprint import footprint
        from sizer.devices.graph import read_operations
        from sizer.devices.operations import operations
        from sizer.networks.architecture import small

        (path,) = exported[1].iterdir()
        member = small(24, 16, 48)
        assert footprint(*read_operations(path), "int8") == footprint(*operations(member), "int8")

    def test_devices_can_be_asked_about_it(self, exported):
        (path,) = exported[1].iterdir()
        result = sizer("devices", "check", path, "--device", "STM32H747XI", "--format", "json")
        assert json.loads(result.stdout)[0]["verdict"] == "PASS"

    def test_nothing_is_written_where_no_size_is_recommended(self, tmp_path):
        line = ("recommend", "--noise-step", "600", "--target-acc", "0.9", "--export", tmp_path)
        result = sizer(*line)
        assert result.exit_code == 1
        assert "nothing exported" in result.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.fixture
    def no_work(self, monkeypatch):
        monkeypatch.setattr(
            "sizer.prediction.recommend.recommend", lambda *_, **__: pytest.fail("worked")
        )

    def test_without_the_extra_it_says_so_before_any_work(self, tmp_path, monkeypatch, no_work):
        known = importlib.util.find_spec
        monkeypatch.setattr(
            "sizer.extras.find_spec",
            lambda name: None if name == "torch" else known(name),
        )
        result = sizer(*ASKED, "--export", tmp_path)
        assert result.exit_code == MissingExtraError.exit_code
        assert "pip install 'model-sizer[train]'" in result.output.replace("\n", " ")

    def test_a_calibration_of_another_family_is_refused(
        self, tmp_path, planted_calibration, no_work
    ):
        result = sizer(*ASKED, "--calibration", planted_calibration, "--export", tmp_path)
        assert result.exit_code == UsageError.exit_code
        assert "of no family that sizer builds" in result.output

    def test_a_folder_that_cannot_be_is_refused(self, tmp_path, no_work):
        (tmp_path / "file").write_text("")
        result = sizer(*ASKED, "--export", tmp_path / "file")
        assert result.exit_code == OutputError.exit_code


def test_markdown_keeps_the_line_in_one_piece():
    line = "sizer train --data 'a b'"
    advice = Advice("recommended", "why", Requirement(1, 0.5), train_command=line)
    assert f"\n    {line}" in markdown(document(advice))
