"""The shipped ladders and published tables: what docs/paper.md says of them."""

from pathlib import Path

import pytest

import sizer

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "published"


@pytest.fixture(scope="module")
def comparison():
    return sizer.compare(
        ["builtin", "cifar100-clean", "cifar100-noise", *sorted(PUBLISHED.glob("*.csv"))]
    )


def test_one_shape_does_for_every_family(comparison):
    """Within 0.02, with a steepness that only the other families have told."""
    assert len(comparison.ladders) == 5
    assert max(ladder.borrowed_rms for ladder in comparison.ladders) <= 0.02


def test_the_half_noise_grows_with_size_on_imagenet_alone(comparison):
    exponents = {
        ladder.name: ladder.figures["half_noise_exponent"] for ladder in comparison.ladders
    }
    assert exponents["imagenet-c-efficientnet"].low > 0.1
    assert exponents["imagenet-c-resnet"].low > 0.1
    assert all(
        exponents[name].high < 0.1 for name in ("builtin", "cifar100-clean", "cifar100-noise")
    )
    assert comparison.verdict == "no one class"


def test_no_width_narrows_as_the_paper_has_it(comparison):
    """N^-0.27 to N^-0.30: no interval holds that."""
    widths = [ladder.figures["width_exponent"] for ladder in comparison.ladders]
    assert all(width.low > -0.27 for width in widths)
