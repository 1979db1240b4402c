"""What is said of trainings whose outcome is planted."""

from dataclasses import replace

import numpy as np
import pytest

from sizer.datasets.records import DatasetInfo
from sizer.networks.judging import far_below, guesses, remarks, undertrained
from sizer.networks.manifest import Epoch, FailedRun, Manifest, TrainedModel
from sizer.networks.plan import class_weights
from sizer.networks.recipe import full_recipe

CLASSES = 10


def model(accuracy=0.7, size=1000, seed=0, losses=(2.0, 1.0), **more):
    name = f"small-{size}-seed{seed}"
    curve = tuple(Epoch(loss, 0.5) for loss in losses)
    return TrainedModel(
        f"{name}.onnx", "0" * 64, name, 1, 1, size, 1, seed, accuracy, curve, **more
    )


def ladder(*models):
    data = DatasetInfo("data", "train", "f" * 64, CLASSES, 1000, (8, 8, 3))
    recipe = full_recipe(10, "none", None)
    return Manifest("sizer train", "sizer", data, recipe, "fp32", tuple(models))


class TestGuesses:
    def test_a_constant_guesses_however_often_it_is_right(self):
        labels = np.repeat([0, 1], [950, 50])
        assert guesses(np.zeros(1000, np.int64), labels)

    @pytest.mark.parametrize(("right", "expected"), [(0.1, True), (0.12, True), (0.2, False)])
    def test_guessing_explains_what_lies_within_its_error(self, right, expected):
        """2,000 images of ten classes: the error of a mean recall at chance is 0.0067."""
        labels = np.arange(2000) % CLASSES
        hit = (np.arange(2000) // CLASSES) % 100 < 100 * right
        assert guesses(np.where(hit, labels, (labels + 1) % CLASSES), labels) is expected

    def test_a_rare_class_alone_is_evidence_enough(self):
        labels = np.repeat([0, 1], [900, 100])
        assert not guesses(np.where(np.arange(1000) % 3 == 0, labels, 0), labels)


class TestFarBelow:
    def test_names_the_twin_and_both_accuracies(self):
        low, high = model(0.3), model(0.7, seed=1)
        assert far_below(low, [high], 0.1, 1000) == (
            "accuracy 0.300, far below the 0.700 of small-1000-seed1"
        )

    def test_a_smaller_size_is_enough(self):
        assert far_below(model(0.3), [model(0.7, size=500)], 0.1, 1000) is not None

    @pytest.mark.parametrize(
        ("low", "others", "images"),
        [
            (0.3, [], 1000),
            (0.3, [model(0.7, size=2000)], 1000),  # a larger size should be better
            (0.66, [model(0.7, seed=1)], 1000),  # twins scatter
            (0.5, [model(0.7, seed=1)], 40),  # which counting may explain
        ],
    )
    def test_otherwise_none(self, low, others, images):
        assert far_below(model(low), others, 0.1, images) is None


class TestLastFall:
    @pytest.mark.parametrize("epochs", [2, 3, 4, 8, 40])
    def test_is_that_of_a_quarter_of_a_straight_line(self, epochs):
        """From 2 to 1 over the whole training, a quarter of that in its last quarter."""
        losses = 2 - (np.arange(epochs) + 0.5) / epochs
        found = model(losses=tuple(losses)).last_fall(CLASSES)
        assert found == pytest.approx(0.25 / np.log(CLASSES))

    def test_of_one_epoch_nothing_is_known(self):
        assert model(losses=(1.0,)).last_fall(CLASSES) is None
        assert model(losses=(1.0,)).levelled_off(CLASSES) is None

    def test_a_loss_near_zero_has_levelled_off_though_it_halves(self):
        assert model(losses=(0.04, 0.02, 0.01, 0.005)).levelled_off(CLASSES)

    def test_one_that_still_falls_has_not(self):
        assert model(losses=(2.2, 1.8, 1.4, 1.0)).levelled_off(CLASSES) is False


class TestRemarks:
    def test_an_undertrained_large_end_is_told_from_which_size_on(self):
        flat, steep = (1.5, 1.5, 1.5, 1.5), (2.2, 1.8, 1.4, 1.0)
        sizes = [model(size=s, losses=steep if s > 20 else flat) for s in (10, 20, 30, 40)]
        said = undertrained([ladder(*sizes)])
        assert said.startswith("from 30 parameters up the loss had not levelled off")
        assert "fell by 17.4% of that of guessing at the largest size, by 0.0% at the" in said
        assert undertrained([ladder(*sizes[2:]), ladder(*sizes[:2])]) == said

    def test_nothing_is_said_of_an_even_ladder_or_of_single_epochs(self):
        assert (
            undertrained([ladder(model(losses=(1.0, 1.0)), model(size=9, losses=(1, 1)))]) is None
        )
        assert undertrained([ladder(model(losses=(1.0,)))]) is None
        assert undertrained([]) is None
        assert list(remarks(ladder(model(losses=(1.0, 1.0))))) == []

    def test_what_came_to_nothing_is_named(self):
        failed = (FailedRun(0, "diverged in epoch 1, at a loss of nan"),)
        mended = model(losses=(1.0, 1.0), failed_runs=failed)
        lost = replace(model(0.1, seed=1, losses=(1.0, 1.0)), guesses=True, failed_runs=2 * failed)
        assert list(remarks(ladder(mended, lost))) == [
            "small-1000-seed0: the best of 2 trainings (seed 0: diverged in epoch 1, at a loss of"
            " nan)",
            "small-1000-seed1: no better than guessing, after 3 trainings",
        ]


class TestClassWeights:
    def told(self, *counts):
        said = []
        chosen = class_weights(np.repeat(np.arange(len(counts)), counts), said.append)
        return chosen, said

    def test_an_uneven_set_is_weighed_and_it_is_said(self):
        said = "classes have 40 to 1,000 images: each gets the same weight in the loss"
        assert self.told(1000, 40, 500) == ("balanced", [said])

    def test_an_even_one_is_as_it_is(self):
        assert self.told(100, 90, 120) == ("none", [])
