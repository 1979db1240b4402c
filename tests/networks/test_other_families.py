"""Families that are torch modules: counted exactly, and trained as the small EfficientNet is."""

import numpy as np
import pytest
import torch

from sizer.devices.graph import read_operations
from sizer.errors import UsageError
from sizer.networks import train
from sizer.networks.architecture import macs, parameters, small
from sizer.networks.counting import macs_of
from sizer.networks.families import architectures, family_named, member_near
from sizer.networks.manifest import read_manifest
from sizer.networks.models import find_models
from sizer.networks.network import EfficientNet, build
from sizer.networks.onnx_export import IMAGE_IN_MINUS_ONE_TO_ONE, export_onnx

OTHERS = [name for name in architectures() if name != "efficientnet"]
SIDE, CLASSES = 16, 48


def test_there_are_two_more_families_than_the_small_efficientnet():
    assert OTHERS == ["inverted-residual", "plain-cnn"]


def test_multiply_accumulates_of_a_module_are_those_of_the_blueprint():
    blueprint = small(16, SIDE, CLASSES)
    with torch.device("meta"):
        module = EfficientNet(blueprint)
    assert macs_of(module, SIDE) == macs(blueprint)


def test_a_plain_network_has_the_parameters_of_its_four_convolutions_and_its_dense_layer():
    member = member_near("plain-cnn", 18_000, SIDE, CLASSES)
    width = member.channels
    convolutions = 9 * (3 * width + width**2 + 2 * width**2 + 4 * width**2)
    normalisations, dense = 2 * (2 * width + 4 * width), (2 * width + 1) * CLASSES
    assert parameters(member) == convolutions + normalisations + dense


@pytest.mark.parametrize("name", OTHERS)
def test_a_member_takes_what_its_file_takes(name, tmp_path):
    member = member_near(name, 20_000, SIDE, CLASSES)
    network, file = build(member).eval(), tmp_path / "member.onnx"
    assert sum(weight.numel() for weight in network.parameters()) == parameters(member)
    assert 0.5 <= parameters(member) / 20_000 <= 2
    export_onnx(network, SIDE, file, IMAGE_IN_MINUS_ONE_TO_ONE)
    assert sum(operation.macs for operation in read_operations(file)[0]) == macs(member)


@pytest.mark.parametrize("name", OTHERS)
def test_members_grow_with_their_width(name):
    widths = family_named(name).widths[:6]
    sizes = [sum(w.numel() for w in family_named(name).build(n, 8, 3).parameters()) for n in widths]
    assert sizes == sorted(set(sizes))


def test_a_size_that_no_member_has_is_refused():
    with pytest.raises(UsageError, match="no member of the family has about 10 parameters"):
        member_near("plain-cnn", 10, SIDE, CLASSES)


def test_an_architecture_that_is_not_known_is_refused_before_anything(tmp_path):
    with pytest.raises(UsageError, match="'resnet': unknown; there are efficientnet, inverted"):
        train.train([1e4], tmp_path / "ladder", architecture="resnet")
    assert not (tmp_path / "ladder").exists()


def test_a_ladder_of_another_family_is_trained_and_says_which(tmp_path):
    data, labels = tmp_path / "stripes.npz", np.arange(96) % 3
    images = np.random.default_rng(0).integers(0, 90, (96, 8, 8, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 2 * label : 2 * label + 2] += 160
    seen, kept = slice(48), slice(48, None)
    np.savez(
        data,
        x_train=images[seen],
        y_train=labels[seen],
        x_test=images[kept],
        y_test=labels[kept],
    )
    folder = tmp_path / "ladder"
    asked = {"data": data, "seeds": 1, "epochs": 1, "augment": "none"}
    train.train([1e3], folder, architecture="plain-cnn", **asked)
    manifest = read_manifest(folder)
    assert [model.architecture for model in manifest.models] == ["plain-cnn-4"]
    assert {model.family for model in find_models([folder])} == {"plain-cnn, clean"}
