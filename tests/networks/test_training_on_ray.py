"""A ladder trained on a Ray cluster: the one that processes here train, whoever dies."""

import hashlib
import os
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import sizer
from sizer.errors import ClusterError
from sizer.networks import cluster
from sizer.networks.plan import CHECKPOINTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_cluster"),
    pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra: model-sizer[ray]"),
]
SIDE, CLASSES = 8, 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains a ladder on striped images; `with_engine` is told which engine does it."""
    folder = tmp_path_factory.mktemp("trained")
    labels = np.arange(96) % CLASSES
    generator = np.random.default_rng(0)
    images = generator.integers(0, 128, (96, SIDE, SIDE, 3), dtype=np.uint8)
    for label in range(CLASSES):
        images[labels == label, :, 2 * label : 2 * label + 3] += 128
    np.savez(folder / "stripes.npz", images=images, labels=labels)

    def train(name, engine, **more):
        return sizer.train(
            (4000, 8000),
            folder / name,
            data=folder / "stripes.npz",
            seeds=1,
            epochs=12,
            augment="crop",
            command="sizer train",
            engine=engine,
            **more,
        )

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        environment.delenv("RAY_ADDRESS", raising=False)
        train.folder = folder
        yield train


@pytest.fixture(scope="module")
def here(trained):
    return trained("here", "processes")


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.onnx")}


def test_it_is_the_same_ladder_though_a_worker_is_killed(trained, here):
    """Killed after its third epoch, the model goes on with the fourth."""
    told, epochs, killed = [], [], []

    def progress(count, costs):
        assert set(costs) == {"small-4-seed0", "small-6-seed0"}
        return seen

    def seen(message):
        epochs.append((message.name, message.done))
        if message.name == "small-6-seed0" and message.done == 3 and not killed:
            killed.extend(training_workers())
            for worker in killed:
                os.kill(worker, signal.SIGKILL)

    manifest = trained("ray", "ray", tell=told.append, progress=progress)
    assert manifest == here
    assert killed
    assert digests(trained.folder / "ray") == digests(trained.folder / "here")
    assert not (trained.folder / "ray" / CHECKPOINTS).exists()
    begin = [
        next((line for line in told if line.startswith(words)), None)
        for words in ("training on a Ray cluster of this machine alone", "training 2 models, ")
    ]
    assert None not in begin
    of_the_largest = [done for name, done in epochs if name == "small-6-seed0"]
    again = of_the_largest.index(3) + 1
    assert of_the_largest[again] >= 3  # resumed, not begun anew


def training_workers():
    """Processes in which Ray runs one of our trainings now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended just now
            if (process / "cmdline").read_bytes().startswith(b"ray::_train"):
                found.append(int(process.name))
    return found


def test_a_node_with_other_versions_is_refused(trained, monkeypatch):
    monkeypatch.setattr(cluster, "versions", lambda packages: "sizer 0.0.1")
    with pytest.raises(ClusterError, match=r"this machine sizer 0\.0\.1; install the same"):
        trained("other", "ray")
