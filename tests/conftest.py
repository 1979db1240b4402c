"""What several test files share: a calibration of a planted law, made once a session."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from planted import ladder, write_table

from sizer import cli

cli.load_commands(cli.command_modules())

# No test measures time: a busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SIZES = (10_000, 25_000, 63_000, 158_000, 398_000, 1_000_000)


def planted_accuracy(step, size):
    """The transition law, chance 0.1, clean 0.65 to 0.85 over the sizes, falling near step 500."""
    ratio = size / 1e5
    clean, middle = 0.9 - 0.12 * ratio**-0.3, 500 * ratio**0.03
    width = 80 * ratio**-0.1

    def logistic(t):
        return 1 / (1 + np.exp((t - middle) / width))

    return 0.1 + (clean - 0.1) * logistic(step) / logistic(0)


@pytest.fixture(scope="session")
def planted_table(tmp_path_factory):
    """A CSV of six sizes, each trained twice, drawn from `planted_accuracy`."""
    curves = ladder(
        planted_accuracy,
        SIZES,
        np.arange(0, 1001, 70.0),
        trainings=2,
        trials=2000,
        chance=0.1,
        random=np.random.default_rng(8),
    )
    return write_table(tmp_path_factory.mktemp("planted") / "planted.csv", curves)


@pytest.fixture(scope="session")
def planted_calibration(planted_table):
    """The calibration file that `sizer fit` makes of that table."""
    from sizer.fitting import fit

    path = planted_table.with_suffix(".json")
    fit(planted_table).save(path)
    return path
