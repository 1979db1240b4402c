"""Counts against the paper and torchvision, networks against the counts, and one small family."""

import itertools
import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sizer.errors import UsageError
from sizer.networks.architecture import (
    PUBLISHED,
    SMALL_STEMS,
    block,
    layers,
    macs,
    parameters,
    published,
    round_channels,
    small,
    small_with,
)
from sizer.networks.network import EfficientNet, MBConv

GOLDEN = Path(__file__).parent / "data" / "efficientnet_b0_state_dict.json"
# torchvision 0.28.0, the weights with 1000 classes
PARAMETERS = {
    "b0": 5_288_548,
    "b1": 7_794_184,
    "b2": 9_109_994,
    "b3": 12_233_232,
    "b4": 19_341_616,
    "b5": 30_389_784,
    "b6": 43_040_704,
    "b7": 66_347_960,
}
# Tan & Le 2019 (arXiv:1905.11946), Table 1, "FLOPS", which are multiply-accumulates
BILLION_MACS = {
    "b0": 0.39,
    "b1": 0.70,
    "b2": 1.0,
    "b3": 1.8,
    "b4": 4.2,
    "b5": 9.9,
    "b6": 19,
    "b7": 37,
}
stems = st.sampled_from(SMALL_STEMS)
resolutions = st.sampled_from([8, 16, 28, 32])


def built(blueprint):
    """The network on torch's device without memory: shapes are computed, numbers are not."""
    with torch.device("meta"):
        return EfficientNet(blueprint).eval()


def torchs_macs(network, resolution):
    """Counted by torch while an image passes: output elements times kernel elements."""
    counted = []

    def count(layer, _inputs, output):
        per_output = layer.weight[0].numel()
        counted.append(output[0].numel() * per_output)

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, resolution, resolution, device="meta"))
    return sum(counted)


def torchs_parameters(network):
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


class TestPublished:
    @pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
    def test_parameters_are_exact(self, name, count):
        assert parameters(published(name)) == count

    @pytest.mark.parametrize(("name", "billions"), BILLION_MACS.items())
    def test_multiply_accumulates_agree_with_table_1(self, name, billions):
        """Within 5 %: the paper rounds to two digits, and its B4 and B5 lie 4.6 and 3.7 % below.

        Counting layer by layer, as torch does below, gives 4.39 and 10.27 billion there.
        """
        assert macs(published(name)) / 1e9 == pytest.approx(billions, rel=0.05)

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_torch_counts_the_same(self, name):
        blueprint = published(name)
        network = built(blueprint)
        assert torchs_parameters(network) == PARAMETERS[name]
        assert torchs_macs(network, blueprint.resolution) == macs(blueprint)

    @given(name=st.sampled_from(sorted(PUBLISHED)), classes=st.integers(2, 30_000))
    def test_classes_change_the_classifier_alone(self, name, classes):
        head = published(name).head
        more = (classes - 1000) * (head + 1)
        assert parameters(published(name, classes)) == PARAMETERS[name] + more

    def test_names_and_shapes_are_torchvisions(self):
        golden = json.loads(GOLDEN.read_text())["state_dict"]
        ours = {
            name: list(part.shape) for name, part in built(published("b0")).state_dict().items()
        }
        assert ours == golden
        assert list(ours) == list(golden)

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(UsageError, match="unknown EfficientNet 'b8'; known: b0, b1"):
            published("b8")

    def test_the_residual_is_dropped_more_often_the_deeper(self):
        """torchvision: 0.2 times the block's number over the number of blocks, 16 in B0."""
        blocks = [part for part in built(published("b0")).modules() if isinstance(part, MBConv)]
        assert [block.drop for block in blocks] == pytest.approx([0.2 * i / 16 for i in range(16)])

    @pytest.mark.parametrize(
        ("channels", "rounded"), [(32, 32), (35.2, 32), (44, 48), (3, 8), (12, 16), (18, 24)]
    )
    def test_channels_are_rounded_to_8_and_never_over_a_tenth_down(self, channels, rounded):
        assert round_channels(channels) == rounded


class TestResidualDrop:
    """A block whose residual branch is dropped for some images, in training alone."""

    def block(self, drop):
        torch.manual_seed(0)
        blueprint = small(4, 8, 2)
        return MBConv(block(4, blueprint.stages[0], 1, 3, drop), blueprint)

    def test_kept_branches_are_scaled_up_so_that_the_mean_stays(self):
        images = torch.randn(64, 4, 3, 3)
        always, sometimes = self.block(0.0).train(), self.block(0.5).train()
        branch = always(images) - images
        change = sometimes(images) - images
        kept = change.abs().amax((1, 2, 3)) > 0
        assert 0 < kept.sum() < 64
        assert torch.allclose(change[kept], 2 * branch[kept], atol=1e-6)

    def test_nothing_is_dropped_in_use(self):
        images = torch.randn(64, 4, 3, 3)
        assert torch.equal(self.block(0.9).eval()(images), self.block(0.0).eval()(images))


class TestSmall:
    @given(stem=stems, resolution=resolutions, classes=st.integers(2, 200))
    def test_every_member_has_the_same_shape(self, stem, resolution, classes):
        """Ratios of all channels to the stem's, so that no member has a bottleneck of its own."""
        blueprint = small(stem, resolution, classes)
        assert blueprint.stem == stem >= 4 > 3  # wider than the image
        assert [stage.channels / stem for stage in blueprint.stages] == [1, 1, 2, 2]
        assert blueprint.head == 8 * stem
        assert blueprint.depth == 1
        assert blueprint.width == stem / 16
        least = min(
            layer.outputs for layer in layers(blueprint).convolutions if not layer.bias
        )  # squeezed channels and classes are the layers with a bias
        assert least == stem

    @settings(max_examples=20)
    @given(stem=st.sampled_from(SMALL_STEMS[:20]), resolution=resolutions)
    def test_torch_counts_the_same(self, stem, resolution):
        blueprint = small(stem, resolution, 10)
        network = built(blueprint)
        assert torchs_parameters(network) == parameters(blueprint)
        assert torchs_macs(network, resolution) == macs(blueprint)

    def test_counts_rise_with_the_stem_and_span_the_range_asked_for(self):
        members = [small(stem, 32, 100) for stem in SMALL_STEMS]
        counts, costs = [parameters(m) for m in members], [macs(m) for m in members]
        assert counts == sorted(set(counts))
        assert costs == sorted(set(costs))
        assert counts[0] < 1e4
        assert counts[-1] > 1e7
        # no gap over a factor of 2: a ladder asked for in even ratios is nearly one
        ratios = [after / before for before, after in itertools.pairwise(counts)]
        assert max(ratios) < 2

    @given(target=st.floats(1e4, 1e7), classes=st.integers(2, 100))
    def test_the_member_for_a_count_is_the_nearest_in_ratio(self, target, classes):
        chosen = small_with(target, 16, classes)
        distance = abs(math.log(parameters(chosen) / target))
        for stem in SMALL_STEMS:
            count = parameters(small(stem, 16, classes))
            assert distance <= abs(math.log(count / target)) + 1e-12

    @pytest.mark.parametrize("target", [1000, 1e9])
    def test_a_count_that_no_member_has_is_refused(self, target):
        with pytest.raises(UsageError, match="no member of the family has about 1,000"):
            small_with(target, 16, 48)

    @given(stem=stems, classes=st.integers(2, 200))
    def test_a_members_own_count_leads_to_it(self, stem, classes):
        member = small(stem, 16, classes)
        assert small_with(parameters(member), 16, classes) == member
