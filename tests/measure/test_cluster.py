"""Cells on a Ray cluster of two nodes: those that one process measures, whoever dies."""

import signal
import threading
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
import stopped
import watched
from here import here
from opened import open_model
from stopped import Line
from tiny import network, save_images, save_ladder
from typer.testing import CliRunner
from watched import Watched

from sizer.cli.app import app
from sizer.errors import ClusterError, ModelError
from sizer.inference.child import ChildLostError
from sizer.measure import cluster
from sizer.measure.cells import measure
from sizer.measure.cluster import ray_engine
from sizer.measure.store import open_store
from sizer.noise import Noise, epsilon, linear_schedule

NOISE = Noise(linear_schedule(), epsilon, seed=7)
STEPS = (0, 300, 600, 900, 1500)
IMAGES, BLOCK = 3000, 500
STORE = 100_000_000  # bytes of a node's object store

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_cluster")]
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra: model-sizer[ray]")


class MemoryStore:
    """Cells as they were kept, and how often."""

    def __init__(self):
        self.kept = {}
        self.times = Counter()

    def cells(self, source, classes):
        return dict(self.kept.get(source, {}))

    def keep(self, source, cell, labels):
        self.times[source, cell] += 1
        self.kept.setdefault(source, {})[cell] = labels

    def contents(self):
        return {
            (source, cell): labels.tobytes()
            for source, cells in self.kept.items()
            for cell, labels in cells.items()
        }


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a ladder and images; one of the models has its weights in a file beside it."""
    folder = tmp_path_factory.mktemp("given")
    save_ladder(folder / "ladder")
    save_images(folder / "images.npz", IMAGES)
    onnx.save(
        network(24),
        folder / "ladder" / "tiny-24.onnx",
        save_as_external_data=True,
        location="tiny-24.weights",
        size_threshold=64,  # the shape stays inside, where ONNX Runtime wants it
    )
    return folder


@pytest.fixture(scope="module")
def data(given):
    from sizer.datasets import open_dataset

    return open_dataset(str(given / "images.npz"), "test")


@pytest.fixture(scope="module")
def models(given, data):
    return [open_model(path, data.info) for path in sorted((given / "ladder").glob("*.onnx"))]


@pytest.fixture(scope="module")
def by_itself(models, data):
    store = MemoryStore()
    measurement = measure(models, data, NOISE, store, engine=here, steps=STEPS)
    return store.contents(), measurement


@pytest.fixture(scope="module")
def nodes():
    """Two nodes of one core each."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # where Ray would tell even that statistics are off
        environment.setenv("RAY_USAGE_STATS_REPORT_URL", "http://127.0.0.1:9")
        environment.setenv("PYTHONPATH", str(Path(watched.__file__).parent), prepend=":")
        from ray.cluster_utils import Cluster

        size = {"num_cpus": 1, "object_store_memory": STORE}
        made = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
        made.add_node(**size)
        environment.setenv("RAY_ADDRESS", made.address)
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def engine(nodes, told):
    with ray_engine(told.append) as opened:
        yield opened


def measured(models, data, engine, folder, before):
    """The store, and what was measured, of models watched in every worker."""
    store = MemoryStore()
    evaluators = [Watched(model, folder, before) for model in models]
    return store, measure(evaluators, data, NOISE, store, steps=STEPS, engine=engine)


@needs_ray
class TestCells:
    def test_two_nodes_predict_what_one_process_predicts(
        self, models, data, engine, nodes, told, by_itself, tmp_path
    ):
        store, measurement = measured(models, data, engine, tmp_path, watched.meet)
        assert store.contents() == by_itself[0]
        assert measurement == by_itself[1]
        assert set(store.times.values()) == {1}
        assert len(list(tmp_path.glob("node-*"))) == 2
        where = f"the Ray cluster at {nodes.address}, which RAY_ADDRESS names"
        assert told == [f"measuring on {where}: 2 CPUs, 0 GPUs"]

    def test_a_killed_workers_cells_run_again(self, models, data, engine, by_itself, tmp_path):
        store, _ = measured(models, data, engine, tmp_path, watched.die_once)
        assert (tmp_path / "killed").exists()
        assert store.contents() == by_itself[0]
        assert set(store.times.values()) == {1}

    def test_a_crashed_childs_cells_run_again(self, models, data, engine, by_itself, tmp_path):
        store, _ = measured(models, data, engine, tmp_path, watched.crash_once)
        assert (tmp_path / "killed").exists()
        assert store.contents() == by_itself[0]
        assert set(store.times.values()) == {1}

    def test_a_lost_nodes_cells_run_elsewhere(
        self, models, data, engine, nodes, by_itself, tmp_path
    ):
        doomed = nodes.add_node(num_cpus=1, object_store_memory=STORE)
        (tmp_path / f"doomed-{doomed.all_processes['raylet'][0].process.pid}").touch()

        def remove():
            watched.wait_for((tmp_path / "hanging").exists)
            nodes.remove_node(doomed, allow_graceful=False)

        remover = threading.Thread(target=remove)
        remover.start()
        store, _ = measured(models, data, engine, tmp_path, watched.hang_on_doomed_node)
        remover.join()
        assert store.contents() == by_itself[0]
        assert set(store.times.values()) == {1}

    def test_what_is_kept_is_not_run_again(self, models, data, engine, by_itself, tmp_path):
        store = MemoryStore()
        measure(models, data, NOISE, store, engine=here, steps=STEPS[:3], images=1000)
        before = set(store.times)
        assert len(before) == len(models) * 3 * 2
        seen = []
        measure(
            *(models, data, NOISE, store),
            steps=STEPS,
            engine=engine,
            progress=lambda *state: seen.append(state),
        )
        assert store.contents() == by_itself[0]
        assert set(store.times.values()) == {1}
        assert seen[0][0] == 0
        assert seen[-1][0] == pytest.approx(seen[-1][1])
        assert len(seen) == 1 + len(store.times) - len(before)


@needs_ray
class TestFailures:
    def test_a_models_error_is_its_own_and_names_the_users_file(self, data, engine, tmp_path):
        path = save_ladder(tmp_path / "ladder", widths=(8,)) / "tiny-8.onnx"
        model = open_model(path, data.info)
        onnx.save(network(9), path)
        with pytest.raises(ModelError) as raised:
            measure([model], data, NOISE, MemoryStore(), steps=STEPS, engine=engine)
        assert str(raised.value) == f"{path}: changed while it was being measured; run again"

    def test_a_cell_that_takes_every_worker_down_is_given_up(
        self, models, data, engine, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(cluster, "ATTEMPTS", 2)
        store = MemoryStore()
        evaluators = [Watched(models[0], tmp_path, watched.die)]
        with pytest.raises(ClusterError, match="2 workers were lost over one cell, the last"):
            measure(evaluators, data, NOISE, store, steps=STEPS, engine=engine)
        assert not store.times

    def test_a_model_that_hangs_is_named_and_ended(self, models, data, engine, tmp_path):
        evaluators = [Watched(models[0], tmp_path, watched.hang, seconds=2)]
        with pytest.raises(ChildLostError) as raised:
            measure(evaluators, data, NOISE, MemoryStore(), steps=STEPS, engine=engine)
        told = f"{models[0].path}: gave no answer within 2 s; export it again"
        assert str(raised.value) == told
        ended = [int(file.name.partition("-")[2]) for file in tmp_path.glob("hanging-*")]
        assert len(ended) >= 2
        watched.wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in ended))

    def test_a_node_with_other_versions_is_refused(self, models, data, engine, monkeypatch):
        monkeypatch.setattr(cluster, "versions", lambda packages: "sizer 0.0.1")
        with pytest.raises(ClusterError, match=r"this machine sizer 0\.0\.1; install the same"):
            measure(models, data, NOISE, MemoryStore(), steps=STEPS, engine=engine)

    def test_a_cluster_without_gpus_cannot_be_asked_for_them(self, models, data, engine):
        cuda = [replace(models[0], provider="cuda")]
        with pytest.raises(ClusterError, match="no GPU; join a node that has one, or take --prov"):
            measure(cuda, data, NOISE, MemoryStore(), steps=STEPS, engine=engine)


@needs_ray
def test_an_interrupted_line_goes_on_and_ends_with_the_same(given, models, data, nodes, tmp_path):
    reference, line = Line(given, tmp_path / "here"), Line(given, tmp_path / "ray")
    with open_store(reference.store) as store:
        noise = Noise()
        measure(models, data, noise, store, engine=here, steps=stopped.STEPS)
    line.place.mkdir()
    line.command += ["--engine", "ray"]
    error, code = line.stop_when(20, 0.02, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in error
    assert error.splitlines()[0].startswith(f"measuring on the Ray cluster at {nodes.address}")
    assert error.splitlines()[-1] == "interrupted; nothing measured is lost: the same line goes on"
    some, every = line.cells(), reference.cells()
    assert len(every) == len(models) * len(stopped.STEPS) * IMAGES // BLOCK
    assert 20 <= len(some) < len(every)
    assert some.items() <= every.items()
    assert line.finish() == (len(every) - len(some)) * BLOCK
    assert line.cells() == every
    assert line.out.exists()


def calibrating(given, *more):
    arguments = ("calibrate", given / "ladder", "--data", given / "images.npz", "--engine", "ray")
    return CliRunner().invoke(app, [*map(str, arguments), *more])


@needs_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://somewhere:10001", "sizer runs on a node of the cluster, not as a remote client"),
        ("127.0.0.1:1", "no Ray cluster answers"),
        ("127.0.0.1:port", "no Ray cluster answers"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(given, monkeypatch, tmp_path, address, message):
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = calibrating(given, "--out", str(tmp_path / "out.json"))
    assert result.exit_code == 3
    assert f"error: RAY_ADDRESS={address}: {message}" in result.stderr


def test_without_the_extra_it_says_what_to_install(given, monkeypatch, tmp_path):
    monkeypatch.setattr("sizer.extras.find_spec", lambda name: None)
    result = calibrating(given, "--out", str(tmp_path / "out.json"))
    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error: sizer calibrate --engine ray: needs ray; "
        "install sizer with its extra, as in pip install 'model-sizer[ray]'"
    ]
