"""Training: what it is fed, that it can be stopped at any moment, and the ladder that results."""

import errno
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sizer import __version__
from sizer.datasets import open_dataset
from sizer.datasets.records import DatasetInfo
from sizer.datasets.sealed import SEAL
from sizer.errors import DataError, ModelError, OutputError
from sizer.inference.child import Child
from sizer.networks import recipe, train
from sizer.networks.architecture import macs, parameters, small
from sizer.networks.decoded import decoded
from sizer.networks.manifest import read_manifest
from sizer.networks.models import find_models, open_models
from sizer.networks.network import DepthwiseConvolution
from sizer.networks.plan import CHECKPOINTS, Member, make_plan
from sizer.networks.recipe import Recipe
from sizer.networks.timings import read_timings
from sizer.networks.training import (
    RunFailedError,
    TrainingSet,
    batch_ranges,
    batches,
    settle,
    train_network,
)
from sizer.noise import linear_schedule

RECIPE = Recipe(
    epochs=3,
    batch=16,
    learning_rate=0.01,
    weight_decay=0.02,
    label_smoothing=0.0,
    augment="crop-flip",
    noise_steps=(0, 400),
)
PLAIN = replace(RECIPE, augment="none", noise_steps=None)
SIDE, CLASSES = 8, 3
SIZES = (small(4, SIDE, CLASSES), small(6, SIDE, CLASSES))
EPOCHS = 40  # of a ladder: long enough to be killed in the middle
SCHEDULE = linear_schedule()


def coefficients(last):
    mu, sigma = zip(*(SCHEDULE.coefficients(step) for step in range(last + 1)), strict=True)
    return np.array(mu, np.float32), np.array(sigma, np.float32)


def training_set(images, labels=None):
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    return TrainingSet(images, labels, coefficients(400))


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def striped_images(count, seed=0):
    """Images whose class shows: a bright band in one of three thirds."""
    labels = np.arange(count) % CLASSES
    images = random_images(count, seed) // 2
    for label in range(CLASSES):
        images[labels == label, :, 2 * label : 2 * label + 3] += 128
    return images, labels


def fed(recipe, data, seed=0):
    """All images, back in grey levels (n, height, width, 3), and labels of one epoch."""
    found = list(batches(recipe, data.on("cpu"), torch.Generator().manual_seed(seed)))
    images = torch.cat([images for images, _ in found]).permute(0, 2, 3, 1)
    return (images.numpy() + 1) * 127.5, torch.cat([labels for _, labels in found]).numpy()


def places():
    """One image whose red and green say where each pixel was."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


class TestBatches:
    @given(images=st.integers(1, 1000), batch=st.integers(2, 200))
    def test_ranges_cover_all_and_leave_no_image_alone(self, images, batch):
        ranges = batch_ranges(images, batch)
        assert [i for start, stop in ranges for i in range(start, stop)] == list(range(images))
        lengths = [stop - start for start, stop in ranges]
        assert all(length == batch for length in lengths[:-1])
        assert 1 < lengths[-1] <= batch + 1 or images == 1

    def test_an_epoch_holds_every_image_once_with_its_label_in_random_order(self):
        images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
        data = training_set(images, np.arange(50))
        grey, labels = fed(PLAIN, data)
        assert np.allclose(grey, labels[:, None, None, None], atol=1e-4)
        assert sorted(labels) == list(range(50))
        assert labels.tolist() != list(range(50))
        assert fed(PLAIN, data, seed=1)[1].tolist() != labels.tolist()

    def test_augmenting_keeps_labels(self):
        images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
        grey, labels = fed(replace(PLAIN, augment="crop-flip"), training_set(images, np.arange(50)))
        assert np.allclose(grey, labels[:, None, None, None], atol=1e-4)

    @pytest.mark.parametrize(("augment", "mirrors"), [("crop", False), ("crop-flip", True)])
    def test_shifts_stay_within_an_eighth_and_mirror_only_when_asked(self, augment, mirrors):
        """Each pixel says where it was: a shift by d, edges repeated, clips place + d."""
        recipe = replace(PLAIN, augment=augment)
        grey, _ = fed(recipe, training_set(np.repeat(places()[None], 600, axis=0)))
        place = np.arange(SIDE)
        shifted = {d: np.clip(place + d, 0, SIDE - 1) for d in (-1, 0, 1)}
        seen = set()
        for image in np.rint(grey).astype(int):
            rows, columns = image[:, 0, 0], image[0, :, 1]
            assert (image[:, :, 0] == rows[:, None]).all()
            assert (image[:, :, 1] == columns[None, :]).all()
            mirrored = columns[0] > columns[-1]
            across = columns[::-1] if mirrored else columns
            down = [d for d, expected in shifted.items() if (rows == expected).all()]
            right = [d for d, expected in shifted.items() if (across == expected).all()]
            assert len(down) == len(right) == 1
            seen.add((down[0], right[0], bool(mirrored)))
        flips = (False, True) if mirrors else (False,)
        assert seen == {(d, r, flip) for d in shifted for r in shifted for flip in flips}

    def test_half_of_the_images_are_mirrored(self):
        recipe = replace(PLAIN, augment="crop-flip")
        grey, _ = fed(recipe, training_set(np.repeat(places()[None], 2000, axis=0)))
        mirrored = (grey[:, 0, 0, 1] > grey[:, 0, -1, 1]).mean()
        assert abs(mirrored - 0.5) < 5 * 0.5 / np.sqrt(2000)

    def test_noise_is_the_forward_process_at_a_step_for_each_image(self):
        """On grey images x_0 = 0 what is fed is sigma_t epsilon: its power tells the step."""
        count, pixels = 1500, SIDE * SIDE * 3
        middle = np.full((count, SIDE, SIDE, 3), 127.5)
        data = training_set(middle)
        grey, _ = fed(replace(PLAIN, noise_steps=(100, 400)), data)
        powers = ((grey / 127.5 - 1) ** 2).reshape(count, -1).mean(1)
        sigmas = np.array([SCHEDULE.coefficients(step)[1] for step in range(100, 401)])
        expected = (sigmas**2).mean()
        # variance of the mean power: of sigma^2 over the steps, and of chi-squared over pixels
        spread = np.sqrt((sigmas**2).var() + 2 * (sigmas**4).mean() / pixels)
        assert abs(powers.mean() - expected) < 5 * spread / np.sqrt(count)
        slack = 1 + 6 * np.sqrt(2 / pixels)
        assert sigmas[0] ** 2 / slack < powers.min() < sigmas[30] ** 2
        assert sigmas[-30] ** 2 < powers.max() < sigmas[-1] ** 2 * slack

    def test_noisy_images_keep_the_share_mu(self):
        """On white images x_0 = 1 the mean of what is fed is the mean of mu over the steps."""
        white = np.full((1500, SIDE, SIDE, 3), 255, np.uint8)
        grey, _ = fed(replace(PLAIN, noise_steps=(300, 301)), training_set(white))
        values = grey / 127.5 - 1
        mu, sigma = SCHEDULE.coefficients(300.5)
        assert abs(values.mean() - mu) < 5 * sigma / np.sqrt(values.size)


class TestDepthwise:
    @pytest.mark.parametrize("kernel", [3, 5])
    @pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (3, 2), (4, 2), (1, 2)])
    def test_gradients_on_small_maps_are_torchs_own(self, side, stride, kernel):
        layer = DepthwiseConvolution(6, 6, kernel, stride, kernel // 2, groups=6, bias=False)
        gradients = []
        for training in (True, False):
            images = torch.randn(5, 6, side, side, generator=torch.Generator().manual_seed(0))
            images.requires_grad_()
            output = layer.train(training)(images)
            taps = "TapByTap" in type(output.grad_fn).__name__
            assert taps is training
            layer.zero_grad()
            (output**2).sum().backward()
            gradients.append((output.detach(), images.grad, layer.weight.grad.clone()))
        for ours, torchs in zip(*gradients, strict=True):
            torch.testing.assert_close(ours, torchs)

    def test_larger_maps_are_left_to_torch(self):
        layer = DepthwiseConvolution(6, 6, 3, 1, 1, groups=6, bias=False).train()
        assert "TapByTap" not in type(layer(torch.zeros(2, 6, 3, 3)).grad_fn).__name__


class TestClassWeights:
    def test_every_class_has_the_same_share_of_the_loss(self):
        labels = np.repeat([0, 1, 2], [80, 15, 5])
        weights = training_set(random_images(100), labels).class_weights(3)
        assert torch.allclose(weights * torch.tensor([80, 15, 5]), torch.tensor(100 / 3))


class StopError(Exception):
    """Stands for a kill between two epochs."""


@pytest.mark.slow
class TestTrain:
    @pytest.fixture(autouse=True)
    def one_thread(self):
        """As in a worker process; sums of floats depend on their order."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)

    def run(self, checkpoint, stop_after=None, recipe=RECIPE, seed=0, count=50):
        reported = []
        data = training_set(*striped_images(count))
        for trained in train_network(SIZES[0], recipe, seed, data, checkpoint):
            network, curve = trained
            reported.append((len(curve), curve[-1]))
            if len(curve) == stop_after:
                raise StopError
        weights = {name: part.numpy().tobytes() for name, part in network.state_dict().items()}
        return weights, curve, reported

    @pytest.mark.parametrize("stop_after", [1, 2])
    def test_stopped_and_resumed_ends_with_the_same_bits(self, tmp_path, stop_after):
        weights, curve, reported = self.run(tmp_path / "whole.pt")
        with pytest.raises(StopError):
            self.run(tmp_path / "stopped.pt", stop_after)
        resumed = self.run(tmp_path / "stopped.pt")
        assert resumed[0] == weights
        assert resumed[1] == curve
        assert resumed[2] == reported[stop_after - 1 :]  # no epoch is trained twice
        assert [done for done, _ in reported] == [1, 2, 3]

    def test_a_finished_checkpoint_is_not_trained_further(self, tmp_path):
        weights, curve, _ = self.run(tmp_path / "whole.pt")
        again = self.run(tmp_path / "whole.pt")
        assert (again[0], again[1]) == (weights, curve)
        assert again[2] == [(3, curve[-1])]

    def test_seeds_give_different_networks(self, tmp_path):
        assert self.run(tmp_path / "0.pt")[0] != self.run(tmp_path / "1.pt", seed=1)[0]

    def test_it_learns(self, tmp_path):
        recipe = replace(PLAIN, epochs=12)
        _, curve, _ = self.run(tmp_path / "long.pt", recipe=recipe, count=150)
        assert curve[-1].accuracy > 0.9
        assert curve[-1].loss < curve[0].loss

    def test_one_image_over_a_batch_is_no_obstacle(self, tmp_path):
        """Alone in a batch, at one pixel, it would leave batch normalisation without variance."""
        assert len(self.run(tmp_path / "odd.pt", count=2 * RECIPE.batch + 1)[1]) == 3

    @pytest.mark.parametrize("damage", [b"", b"no checkpoint", "truncated", "of something else"])
    def test_a_damaged_checkpoint_is_named_with_the_remedy(self, tmp_path, damage):
        path = tmp_path / "model.pt"
        self.run(path)
        if damage == "truncated":
            path.write_bytes(path.read_bytes()[:2000])
        elif damage == "of something else":
            torch.save({"network": {}}, path)
        else:
            path.write_bytes(damage)
        with pytest.raises(ModelError, match=r"model.pt: damaged; remove it") as caught:
            self.run(path)
        assert "\n" not in str(caught.value)

    def test_a_few_steps_are_enough_for_the_statistics_of_a_network(self, tmp_path):
        """Twelve updates leave running averages that are far from what the layers give by then."""
        data = training_set(*striped_images(96))
        recipe = replace(PLAIN, epochs=12, batch=128)
        for trained in train_network(SIZES[0], recipe, 0, data, tmp_path / "model.pt"):
            network, curve = trained
        images = torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 127.5 - 1
        before = network.eval()(images).argmax(1).numpy()
        settle(network, recipe, data.on("cpu"), 0)
        after = network(images).argmax(1).numpy()
        assert curve[-1].accuracy > 0.9
        assert (before == data.labels).mean() < 0.5
        assert (after == data.labels).mean() > 0.9

    def test_a_rare_class_is_learned_where_classes_weigh_alike(self, tmp_path):
        """Of 5 % of the images, one standard deviation brighter: by Bayes' rule 0.7 % of it are
        found where images weigh alike, and 69 % where classes do.
        """
        labels = (np.arange(2000) % 20 == 0).astype(np.int64)
        grey = 120 + 20 * labels + np.random.default_rng(0).normal(0, 20, 2000)
        images = np.broadcast_to(grey[:, None, None, None], (2000, SIDE, SIDE, 3))
        data = training_set(np.clip(images, 0, 255).astype(np.uint8), labels)
        found = {}
        for weights in ("none", "balanced"):
            recipe = replace(PLAIN, epochs=4, batch=64, class_weights=weights)
            path = tmp_path / f"{weights}.pt"
            for trained in train_network(small(4, SIDE, 2), recipe, 0, data, path):
                network = trained[0]
            settle(network, recipe, data.on("cpu"), 0)
            scaled = torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 127.5 - 1
            found[weights] = (network(scaled).argmax(1).numpy() == 1)[labels == 1].mean()
        assert found["none"] < 0.2
        assert found["balanced"] > 0.5

    def test_one_that_diverges_ends_in_its_first_epoch(self, tmp_path):
        recipe = replace(PLAIN, epochs=100, learning_rate=1e30)
        with pytest.raises(RunFailedError, match="diverged in epoch 1, at a loss of"):
            self.run(tmp_path / "model.pt", recipe=recipe)
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_keeps_the_checkpoint_before(self, tmp_path, monkeypatch):
        path = tmp_path / "model.pt"
        with pytest.raises(StopError):
            self.run(path, stop_after=1)
        before = path.read_bytes()
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        monkeypatch.setattr("pathlib.Path.write_bytes", Mock(side_effect=full))
        with pytest.raises(OutputError, match="No space left on device; make room"):
            self.run(path)
        assert path.read_bytes() == before


class Counted:
    """A data set that counts how often it is read."""

    def __init__(self, count=2500):
        self.images, self.labels = random_images(count), np.arange(count) % CLASSES
        self.info = DatasetInfo("counted", "train", "c0ffee" * 8, CLASSES, count, (SIDE, SIDE, 3))
        self.reads = 0

    def read(self, indices):
        self.reads += 1
        return self.images[indices], self.labels[indices]


class TestDecoded:
    @pytest.fixture(autouse=True)
    def cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        return tmp_path / "sizer"

    def assert_right(self, data):
        path, labels = decoded(data)
        assert np.array_equal(np.load(path, mmap_mode="r"), data.images)
        assert np.array_equal(labels, data.labels)

    def test_is_written_block_by_block_and_then_never_read_again(self, cache):
        data = Counted()
        self.assert_right(data)
        assert data.reads == 3
        self.assert_right(data)
        assert data.reads == 3
        (folder,) = (cache / "decoded").iterdir()
        assert {file.name for file in folder.iterdir()} == {"images.npy", "labels.npy", SEAL}

    @pytest.mark.parametrize("which", ["images.npy", "labels.npy", SEAL])
    @pytest.mark.parametrize("left", [None, 0, 10, 60])
    def test_what_a_kill_or_a_user_left_behind_is_made_anew(self, cache, which, left):
        data = Counted()
        path = decoded(data)[0].with_name(which)
        path.write_bytes(path.read_bytes()[:left]) if left is not None else path.unlink()
        self.assert_right(data)
        assert data.reads == 6

    def test_a_single_changed_bit_is_seen(self, cache):
        data = Counted()
        path = decoded(data)[0]
        contents = bytearray(path.read_bytes())
        contents[-7] ^= 1
        path.write_bytes(contents)
        self.assert_right(data)
        assert data.reads == 6

    def test_an_interrupted_decoding_leaves_nothing(self, cache):
        data = Counted()
        whole = data.read

        def read(indices):
            if data.reads == 2:
                raise KeyboardInterrupt
            return whole(indices)

        data.read = read
        with pytest.raises(KeyboardInterrupt):
            decoded(data)
        assert [path for path in cache.rglob("*") if path.is_file()] == []

    def test_a_full_disk_is_one_line_and_no_signal(self, cache):
        """In a process of its own, whose files may not grow over 100 kB."""
        run = subprocess.run(
            [sys.executable, "-c", DECODES_ON_A_FULL_DISK],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert "File too large; make room" in run.stdout
        assert run.stdout.count("\n") == 1
        assert [path for path in cache.rglob("*") if path.is_file()] == []


DECODES_ON_A_FULL_DISK = """
import resource
from test_training import Counted, decoded, OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    decoded(Counted())
except OutputError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set on disk, and the cache folder of all ladders on it."""
    folder = tmp_path_factory.mktemp("ladders")
    images, labels = striped_images(96)
    np.savez(folder / "stripes.npz", images=images, labels=labels)
    return folder / "stripes.npz"


@pytest.fixture
def cache(monkeypatch, data):
    monkeypatch.setenv("XDG_CACHE_HOME", str(data.parent / "cache"))


def train_ladder(data, folder, workers, report=lambda message: None, **options):
    """`sizer train` but for the command line, with a number of processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(data.parent / "cache"))
        patch.setattr(train, "usable_cores", lambda: workers)
        return train.train(
            **{
                "data": str(data),
                "sizes": tuple(float(parameters(blueprint)) for blueprint in SIZES),
                "seeds": 1,
                "epochs": EPOCHS,
                "augment": "crop",
                "noise_steps": (0, 400),
                "folder": folder,
                "command": "sizer train as tested",
                "progress": lambda epochs, costs: report,
                **options,
            }
        )


def start_command(data, folder):
    """`sizer train` of the same ladder, in a process group of its own."""
    sizes = f"{parameters(SIZES[0])}:{parameters(SIZES[1])}:2"
    options = ["--sizes", sizes, "--seeds", "1", "--epochs", str(EPOCHS), "--augment", "crop"]
    options += ["--noise-augment", "0:400", "--data", str(data), "--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-c", "from sizer.cli import main; main()", "train", *options],
        env=os.environ | {"XDG_CACHE_HOME": str(data.parent / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition, what):
    """A limit far beyond what it takes, so that a failure ends."""
    for _ in range(12_000):
        if found := condition():
            return found
        time.sleep(0.01)
    raise TimeoutError(what)


def trained_epochs(folder):
    """Epochs in each checkpoint, by the model's name."""
    return {
        path.name.rpartition("-")[0]: len(torch.load(path, weights_only=True)["curve"])
        for path in (folder / CHECKPOINTS).glob("*.pt")
    }


def living(group):
    """Processes of a group that have not ended, from Linux's /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it ended just now
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(stat.parent.name)
    return found


def starting_workers(group):
    """Workers of a command that have begun to import their code, NumPy first."""
    found = []
    for process in living(group):
        folder = Path("/proc", process)
        with suppress(OSError):  # it ended just now
            worker = b"spawn_main" in (folder / "cmdline").read_bytes()
            if worker and "multiarray" in (folder / "maps").read_text():
                found.append(int(process))
    return found


def contents(folder):
    """Every file with its bytes and time."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.onnx")}


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """The ladder as one process trains it: (folder, manifest, progress)."""
    folder, reported = tmp_path_factory.mktemp("undisturbed") / "ladder", []
    manifest = train_ladder(data, folder, 1, reported.append)
    return folder, manifest, reported


@pytest.fixture
def ladder_copy(undisturbed, tmp_path):
    return Path(shutil.copytree(undisturbed[0], tmp_path / "copy"))


@pytest.mark.slow
class TestLadder:
    def test_the_manifest_says_how_each_model_was_made(self, undisturbed, data, cache):
        folder, manifest, _ = undisturbed
        assert read_manifest(folder) == manifest
        assert manifest.command == "sizer train as tested"
        assert manifest.created_with == f"sizer {__version__}"
        assert manifest.dataset == open_dataset(str(data), "train").info
        assert manifest.recipe.family == "noise 0..400"
        assert (manifest.recipe.epochs, manifest.recipe.augment) == (EPOCHS, "crop")
        for model, blueprint in zip(manifest.models, SIZES, strict=True):
            assert model.file == f"{blueprint.name}-seed0.onnx"
            assert model.architecture == blueprint.name
            assert (model.width, model.depth, model.seed) == (blueprint.width, 1.0, 0)
            assert (model.parameters, model.macs) == (parameters(blueprint), macs(blueprint))
            assert len(model.curve) == EPOCHS
        assert {model.file: model.sha256 for model in manifest.models} == digests(folder)

    def test_a_measurement_knows_how_long_each_training_took(self, undisturbed, data, cache):
        folder, manifest, _ = undisturbed
        with Child() as child:
            opened = open_models(find_models([folder]), open_dataset(str(data), "test").info, child)
        timings = read_timings(folder)
        assert all(timings[model.file] > 0 for model in manifest.models)
        assert [model.info.training_seconds for model in opened] == list(timings.values())

    @pytest.mark.parametrize(
        "contents",
        [None, "[1, 2]", "{", '{"m.onnx": -1, "n.onnx": "1"}', f'{{"m.onnx": {"9" * 400}}}'],
    )
    def test_times_that_cannot_be_read_are_not_known(self, tmp_path, contents):
        if contents is not None:
            (tmp_path / "timings.json").write_text(contents)
        assert read_timings(tmp_path) == {}

    def test_the_folder_holds_the_ladder_alone(self, undisturbed):
        folder, manifest, _ = undisturbed
        files = {model.file for model in manifest.models} | {"manifest.json", "timings.json"}
        assert {path.name for path in folder.iterdir()} == files

    def test_the_accuracy_in_the_manifest_is_the_files(self, undisturbed):
        folder, manifest, _ = undisturbed
        images, labels = striped_images(96)
        scaled = images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        for model in manifest.models:
            session = onnxruntime.InferenceSession(
                str(folder / model.file), providers=["CPUExecutionProvider"]
            )
            predicted = session.run(None, {"images": scaled})[0].argmax(1)
            assert model.clean_accuracy == round(float((predicted == labels).mean()), 4)
            assert model.clean_accuracy > 0.8  # chance is 0.33

    def test_every_epoch_is_reported_once_the_largest_model_first(self, undisturbed):
        _, manifest, reported = undisturbed
        names = [Path(model.file).stem for model in reversed(manifest.models)]
        expected = [(name, done) for name in names for done in range(1, EPOCHS + 1)]
        assert [(message.name, message.done) for message in reported] == expected
        assert tuple(m.epoch for m in reported[EPOCHS:]) == manifest.models[0].curve

    def test_the_same_line_again_trains_and_writes_nothing(self, data, ladder_copy):
        before, reported = contents(ladder_copy), []
        manifest = train_ladder(data, ladder_copy, 2, reported.append)
        assert manifest == read_manifest(ladder_copy)
        assert reported == []
        assert contents(ladder_copy) == before

    @pytest.mark.parametrize(
        "other", [{"epochs": EPOCHS + 1}, {"augment": "none"}, {"noise_steps": None}]
    )
    def test_a_ladder_of_another_recipe_is_left_alone(self, data, ladder_copy, other):
        before = contents(ladder_copy)
        with pytest.raises(OutputError, match="copy: holds a ladder of another recipe"):
            train_ladder(data, ladder_copy, 1, **other)
        assert contents(ladder_copy) == before

    def test_a_ladder_of_other_data_is_left_alone(self, tmp_path, ladder_copy):
        before = contents(ladder_copy)
        images, labels = striped_images(96, seed=1)
        np.savez(tmp_path / "other.npz", images=images, labels=labels)
        with pytest.raises(OutputError, match="another recipe or data set"):
            train_ladder(tmp_path / "other.npz", ladder_copy, 1)
        assert contents(ladder_copy) == before
        assert not list((tmp_path / "cache" / "sizer").glob("decoded-*"))  # refused before the work

    @pytest.mark.slow
    def test_killed_and_finished_by_more_processes_it_is_the_same(
        self, data, undisturbed, tmp_path
    ):
        """The command is killed in the middle; its workers end too, and leave their checkpoints."""
        folder = tmp_path / "killed"
        with start_command(data, folder) as process:
            wait_until(lambda: max(trained_epochs(folder).values(), default=0) >= 3, "checkpoint")
            process.kill()
        assert process.returncode == -signal.SIGKILL
        wait_until(lambda: not living(process.pid), "orphans")
        done, reported = trained_epochs(folder), []
        assert 3 <= max(done.values()) < EPOCHS
        assert read_manifest(folder) is None
        (folder / ".training" / ".sizer-0.partial").write_bytes(b"killed while it wrote")
        manifest = train_ladder(data, folder, 3, reported.append)
        assert digests(folder) == digests(undisturbed[0])
        assert manifest == undisturbed[1]
        assert {path.name for path in folder.iterdir()} == {
            path.name for path in undisturbed[0].iterdir()
        }
        for name, epochs in done.items():  # resumed, not repeated
            assert min(m.done for m in reported if m.name == name) == epochs

    @pytest.mark.slow
    def test_ctrl_c_ends_all_its_processes_in_one_line(self, data, tmp_path):
        """A terminal sends it to every process; workers leave the answer to their parent."""
        folder = tmp_path / "interrupted"
        with start_command(data, folder) as process:
            for worker in wait_until(lambda: starting_workers(process.pid), "a worker"):
                os.kill(worker, signal.SIGINT)
            wait_until(lambda: trained_epochs(folder) or process.poll() is not None, "checkpoint")
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (130, "")
        assert stderr.splitlines()[-1].startswith("interrupted; nothing")
        assert "Traceback" not in stderr
        assert "leaked" not in stderr
        wait_until(lambda: not living(process.pid), "orphans")
        assert trained_epochs(folder)

    @pytest.mark.slow
    def test_a_killed_worker_is_one_line_and_a_damaged_file_is_trained_again(
        self, data, ladder_copy
    ):
        damaged = ladder_copy / f"{SIZES[1].name}-seed0.onnx"
        damaged.write_bytes(damaged.read_bytes()[:1000])
        before, reported = contents(ladder_copy), []
        bystanders = set(multiprocessing.active_children())

        def kill_it(message):
            reported.append(message.name)
            for process in set(multiprocessing.active_children()) - bystanders:
                process.kill()

        with pytest.raises(ModelError, match="the system killed a training process") as caught:
            train_ladder(data, ladder_copy, 2, kill_it)
        assert "\n" not in str(caught.value)
        assert set(reported) == {damaged.stem}
        assert set(multiprocessing.active_children()) == bystanders
        kept = contents(ladder_copy)
        assert {path: kept[path] for path in before} == before
        assert trained_epochs(ladder_copy).keys() == {damaged.stem}

    @pytest.mark.slow
    def test_what_fails_in_a_worker_is_said_by_its_parent(self, data, tmp_path, monkeypatch):
        monkeypatch.setattr(recipe, "LEARNING_RATE", 1e30)
        with pytest.raises(
            ModelError, match=r"small-6-seed0\.onnx: the training diverged"
        ) as caught:
            train_ladder(data, tmp_path / "ladder", 1, epochs=2)
        assert str(caught.value).endswith("with 3 seeds; choose other --sizes or more images")
        assert "\n" not in str(caught.value)
        assert read_manifest(tmp_path / "ladder") is None
        assert digests(tmp_path / "ladder") == {}


class Described:
    """A data set of which only the description is ever asked."""

    def __init__(self, shape, images=10, spec="described"):
        self.info = DatasetInfo(spec, "train", "f" * 64, CLASSES, images, shape)
        self.labels = np.arange(images) % CLASSES

    def read(self, indices):
        raise AssertionError("read before the request was checked")


class TestPlan:
    def plan(self, train, test, folder):
        return make_plan(train, test, SCHEDULE, RECIPE, (1e4,), 1, folder, "command")

    @pytest.mark.parametrize(
        ("train", "test", "message"),
        [
            (Described((8, 8, 1)), Described((8, 8, 1)), "needs square RGB images"),
            (Described((8, 9, 3)), Described((8, 9, 3)), "needs square RGB images"),
            (Described((8, 8, 3), 1), Described((8, 8, 3)), "two images or more; it holds 1"),
            (Described((8, 8, 3)), Described((9, 9, 3)), "test images have shape"),
        ],
    )
    def test_images_that_do_not_fit_are_refused_before_any_is_read(
        self, tmp_path, train, test, message
    ):
        with pytest.raises(DataError, match=f"described: .*{message}"):
            self.plan(train, test, tmp_path)

    def test_a_folder_that_cannot_be_made_is_named_before_any_is_read(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        data = Described((8, 8, 3))
        with pytest.raises(OutputError, match=r"file.*choose another --out"):
            self.plan(data, data, tmp_path / "file" / "ladder")

    def test_sizes_that_share_a_member_are_trained_once(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        data, count = Counted(100), parameters(SIZES[0])
        sizes = (0.9 * count, count, 1.1 * count, float(parameters(SIZES[1])))
        plan = make_plan(data, data, SCHEDULE, RECIPE, sizes, 2, tmp_path / "l", "command")
        assert plan.members == tuple(
            Member(size, seed) for size in reversed(SIZES) for seed in (0, 1)
        )
        mu, sigma = plan.coefficients
        assert len(mu) == len(sigma) == 401
        assert (mu[0], sigma[0]) == (1, 0)
