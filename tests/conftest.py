"""What several test files share: a calibration of a planted law, made once a session."""

import secrets
import signal
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from planted import ladder, write_table
from planted_models import SIZES, planted_accuracy

from sizer import cli
from sizer.cli import progress

cli.load_commands(cli.command_modules())

# Ctrl-C reaches the programs that tests start, also where these run in the background of a shell.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test measures time: a busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def ray_token():
    """A process keeps the first token that it talked to Ray with: all its clusters have this."""
    return secrets.token_hex(32)


@pytest.fixture(scope="module")
def one_cluster(ray_token):
    """No two Ray clusters start on this machine at once, for their ports would meet.

    Only who knows the token can talk to them.
    """
    with FileLock(Path(gettempdir()) / "sizer-tests-ray.lock"), pytest.MonkeyPatch.context() as env:
        env.setenv("RAY_AUTH_MODE", "token")
        env.setenv("RAY_AUTH_TOKEN", ray_token)
        yield


@pytest.fixture(autouse=True)
def no_bar_by_chance(monkeypatch):
    """What a command says does not depend on how long it took."""
    monkeypatch.setattr(progress, "PATIENCE", float("inf"))


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
