"""A ladder, whose trainings are planted."""

import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from sizer.datasets.records import DatasetInfo
from sizer.networks.architecture import macs, parameters, small
from sizer.networks.ladder import time_for, train_ladder
from sizer.networks.manifest import (
    Epoch,
    FailedRun,
    Manifest,
    TrainedModel,
    read_manifest,
    write_manifest,
)
from sizer.networks.plan import CHECKPOINTS, make_plan
from sizer.networks.recipe import followed, full_recipe
from sizer.networks.reports import EpochDone, RunFailed, Trained, no_training_progress
from sizer.noise import linear_schedule
from sizer.progress import time_in_words

SIDE, CLASSES = 8, 3
SIZES = (small(4, SIDE, CLASSES), small(6, SIDE, CLASSES))
RECIPE = full_recipe(1, "none", None)
SMALL, LARGE = (f"{size.name}-seed" for size in SIZES)


class Images:
    """A data set that is all noise: nobody trains on it."""

    def __init__(self, count=1000):
        self.images = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
        self.labels = np.arange(count) % CLASSES
        self.info = DatasetInfo("images", "train", "c0ffee" * 8, CLASSES, count, (SIDE, SIDE, 3))

    def read(self, indices):
        return self.images[indices], self.labels[indices]


class Planted:
    """Trainers whose runs have the accuracies that are planted, by name and run."""

    workers = 2

    def __init__(self, plan, accuracies=None, before=lambda member: None):
        self.plan, self.accuracies, self.before = plan, accuracies or {}, before
        self.waiting, self.trained = [], []

    def seconds(self, members):
        return [macs(member.blueprint) / 1e6 for member in members]

    def add(self, members):
        self.waiting += members

    def reports(self):
        while self.waiting:
            member = self.waiting.pop(0)
            self.before(member)
            self.trained.append((member.name, member.run))
            yield EpochDone(member.name, 1, Epoch(1.0, 0.5))
            yield Trained(member, self.model(member), 1.0)

    def model(self, member):
        contents = f"{member.name} run {member.run}".encode()
        self.plan.exported(member).write_bytes(contents)
        blueprint = member.blueprint
        return TrainedModel(
            *(member.file, hashlib.sha256(contents).hexdigest(), blueprint.name, 1.0, 1.0),
            *(parameters(blueprint), macs(blueprint), member.seed),
            self.accuracies.get((member.name, member.run), 0.8),
            (Epoch(1.0, 0.5),),
        )


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return planned(tmp_path / "ladder")


def planned(folder, seeds=2, recipe=RECIPE, command="sizer train"):
    data, sizes = Images(), tuple(float(parameters(size)) for size in SIZES)
    return make_plan(data, data, linear_schedule(), recipe, sizes, seeds, folder, command)


def run(plan, trainers):
    """The manifest, and what was told."""
    told = []
    manifest = train_ladder(plan, lambda: nullcontext(trainers), no_training_progress, told.append)
    return manifest, told


class TestTryingAgain:
    def test_a_training_far_below_its_twin_is_tried_again_and_the_better_kept(self, plan):
        trainers = Planted(plan, {(f"{LARGE}0", 0): 0.4, (f"{LARGE}0", 1): 0.82})
        manifest, told = run(plan, trainers)
        assert trainers.trained.count((f"{LARGE}0", 1)) == 1
        (mended,) = (model for model in manifest.models if model.file == f"{LARGE}0.onnx")
        reason = f"accuracy 0.400, far below the 0.800 of {LARGE}1"
        assert mended.failed_runs == (FailedRun(0, reason),)
        assert mended.clean_accuracy == 0.82
        assert (plan.folder / mended.file).read_bytes() == f"{LARGE}0 run 1".encode()
        assert told[1:] == [f"{LARGE}0: {reason}; trained again with another seed"]

    def test_where_the_second_is_no_better_the_first_is_kept_and_never_tried_again(self, plan):
        trainers = Planted(plan, {(f"{LARGE}0", 0): 0.4, (f"{LARGE}0", 1): 0.3})
        manifest, _ = run(plan, trainers)
        (kept,) = (model for model in manifest.models if model.file == f"{LARGE}0.onnx")
        assert kept.clean_accuracy == 0.4
        assert kept.failed_runs == (FailedRun(1000, "accuracy 0.300, no better"),)
        assert (plan.folder / kept.file).read_bytes() == f"{LARGE}0 run 0".encode()
        again = Planted(plan)
        assert run(plan, again) == (manifest, [])
        assert again.trained == []

    def test_what_an_earlier_line_left_low_is_tried_again(self, plan):
        low = Planted(plan, {(f"{LARGE}0", 0): 0.4})
        plan.checkpoints.mkdir(exist_ok=True)
        manifest = plan.manifest()
        for member in plan.members:
            manifest = manifest.with_model(low.model(member))
            plan.exported(member).replace(plan.folder / member.file)
        write_manifest(plan.folder, manifest)
        trainers = Planted(plan)
        run(plan, trainers)
        assert trainers.trained == [(f"{LARGE}0", 1)]

    def test_a_smaller_size_shows_it_where_there_is_no_twin(self, tmp_path, plan):
        plan = planned(tmp_path / "alone", seeds=1)
        trainers = Planted(plan, {(f"{LARGE}0", 0): 0.4})
        run(plan, trainers)
        assert trainers.trained[-1] == (f"{LARGE}0", 1)

    def test_nothing_is_left_beside_the_ladder(self, plan):
        run(plan, Planted(plan, {(f"{LARGE}0", 0): 0.4, (f"{LARGE}0", 1): 0.3}))
        assert not (plan.folder / CHECKPOINTS).exists()

    def test_runs_of_a_member_have_seeds_and_checkpoints_of_their_own(self, plan):
        runs = [replace(member, run=run) for member in plan.members for run in range(3)]
        same_size = [member for member in runs if member.blueprint == SIZES[0]]
        assert len({member.drawn_from for member in same_size}) == len(same_size)
        assert len({plan.checkpoint(member) for member in runs}) == len(runs)

    def test_a_run_that_came_to_nothing_is_told(self, plan):
        class Failing(Planted):
            def reports(self):
                yield RunFailed(f"{LARGE}0", FailedRun(0, "diverged in epoch 2"))
                yield from super().reports()

        _, told = run(plan, Failing(plan))
        assert told[1:] == [f"{LARGE}0: diverged in epoch 2; trained again with another seed"]


class TestTime:
    def test_it_is_told_before_anything_is_trained(self, plan):
        _, told = run(plan, Planted(plan))
        assert told == ["training 4 models, 2 at once: about 24 seconds, as a few batches tell"]

    def test_what_is_finished_takes_none(self, plan):
        run(plan, Planted(plan))
        (plan.folder / f"{SMALL}0.onnx").write_bytes(b"damaged")
        _, told = run(plan, Planted(plan))
        assert told == ["training 1 model, 1 at once: about 8 seconds, as a few batches tell"]

    def test_who_is_free_takes_the_next(self):
        assert time_for([5, 4, 3, 3], 2) == 8
        assert time_for([5, 4, 3, 3], 1) == 15
        assert time_for([5], 8) == 5

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.2, "1 second"),
            (1.7, "2 seconds"),
            (59, "59 seconds"),
            (100, "2 minutes"),
            (5400, "1.5 hours"),
        ],
    )
    def test_in_words(self, seconds, words):
        assert time_in_words(seconds) == words


class TestManifest:
    def test_a_line_keeps_what_another_adds_meanwhile(self, plan):
        other = Planted(plan)

        def add(member):
            if member.name == f"{SMALL}1":
                manifest = plan.manifest().with_command("sizer b")
                write_manifest(plan.folder, manifest.with_model(other.model(plan.members[0])))

        manifest, _ = run(plan, Planted(plan, before=add))
        assert manifest.command == "sizer train && sizer b"
        assert len(manifest.models) == 4
        assert manifest == read_manifest(plan.folder)

    def test_a_ladder_is_gone_on_with_by_the_recipe_that_it_was_begun_with(self):
        begun = replace(RECIPE, learning_rate=0.5, class_weights="balanced")
        assert followed(begun, full_recipe(1, "none", None)) == begun
        other = followed(begun, full_recipe(2, "none", None))
        assert other != begun
        assert other.learning_rate == 0.5

    def test_manifests_of_older_versions_are_read(self, plan):
        manifest, _ = run(plan, Planted(plan))
        path = plan.folder / "manifest.json"
        old = json.loads(path.read_text())
        del old["recipe"]["class_weights"]
        for model in old["models"]:
            del model["failed_runs"], model["guesses"]
        path.write_text(json.dumps(old))
        assert read_manifest(plan.folder) == manifest
        assert isinstance(manifest, Manifest)
