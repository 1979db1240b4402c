"""Which cells are run, that each is kept at once, and what follows from the labels."""

import os
import random
import subprocess
import sys
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from here import here
from hypothesis import given, settings
from hypothesis import strategies as st
from misbehaving import Doomed, Failing
from scripted import ScriptedEvaluator, ScriptedImages, no_noise, scripted_model, uniform
from scripted_ladder import (
    IMAGES,
    NOISE,
    SCHEDULE,
    STEPS,
    MemoryStore,
    contents,
    falling,
    interrupting,
    ladder,
)

from sizer.cores import usable_cores
from sizer.errors import DataError, ModelError, UsageError
from sizer.inference.child import Children
from sizer.inference.records import ModelInfo
from sizer.measure import cells, serving
from sizer.measure.blocks import block_ranges, image_order
from sizer.measure.cells import source_of
from sizer.measure.processes import Processes
from sizer.measure.scores import score
from sizer.measure.store import open_store
from sizer.noise import Noise, epsilon, linear_schedule

measure = partial(cells.measure, engine=here)


@pytest.fixture(scope="module")
def engine():
    with Children() as children:
        yield Processes(children, pytest.fail)


class TestPlan:
    @given(
        count=st.integers(1, 5000),
        more=st.integers(0, 5000),
        shape=st.tuples(st.integers(1, 600), st.integers(1, 600), st.sampled_from([1, 3])),
    )
    def test_blocks_cover_all_and_a_longer_measurement_starts_with_the_same(
        self, count, more, shape
    ):
        ranges = list(block_ranges(count, shape))
        covered = [i for start, stop in ranges for i in range(start, stop)]
        assert covered == list(range(count))
        longer = list(block_ranges(count + more, shape))
        assert longer[: len(ranges) - 1] == ranges[:-1]

    def test_blocks_are_long_for_small_images_and_short_for_large_ones(self):
        assert next(block_ranges(9999, (32, 32, 3))) == (0, 500)
        assert next(block_ranges(9999, (224, 224, 3))) == (0, 25)

    @given(st.integers(1, 3000))
    def test_order_is_a_shuffle_fixed_by_the_length(self, images):
        order = image_order(images)
        assert sorted(order) == list(range(images))
        assert np.array_equal(order, image_order(images))

    def test_a_class_sorted_set_is_used_evenly(self):
        first = image_order(10_000)[:1000]
        assert np.histogram(first, bins=10, range=(0, 10_000))[0].min() > 60

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"images": 0}, "from 1 to 1300"),
            ({"images": 1301}, "from 1 to 1300"),
            ({"steps": ()}, "nothing to measure"),
            ({"steps": (0, 6000)}, "outside 0..5000"),
        ],
    )
    def test_impossible_plans_are_refused(self, options, message):
        store = MemoryStore()
        with pytest.raises(UsageError, match=message):
            measure(ladder(), IMAGES, NOISE, store, **({"steps": STEPS} | options))
        assert not store.added

    def test_two_models_of_one_name_are_refused(self):
        twins = [scripted_model("twin", n, falling) for n in (10, 20)]
        with pytest.raises(UsageError, match="two models are called twin"):
            measure(twins, IMAGES, NOISE, MemoryStore(), steps=STEPS)


class TestResults:
    def test_counts_are_those_that_were_scripted(self):
        evaluators = ladder()
        result = measure(evaluators, IMAGES, NOISE, MemoryStore(), steps=STEPS, images=1100)
        used = image_order(1300)[:1100]
        expected = [
            int(np.sum(uniform(0, 0, e.info.parameters, used) < falling(step, e.info.parameters)))
            for e in evaluators
            for step in STEPS
        ]
        assert [cell.correct for cell in result.cells] == expected
        assert {cell.trials for cell in result.cells} == {1100}
        assert [(cell.model, cell.step) for cell in result.cells] == [
            (e.info.name, step) for e in evaluators for step in STEPS
        ]

    @pytest.mark.parametrize("workers", [1, 2, 5])
    def test_workers_and_order_change_nothing(self, workers, engine):
        reference, store = MemoryStore(), MemoryStore()
        first = measure(ladder(), IMAGES, NOISE, reference, steps=STEPS)
        evaluators, options = ladder(), {"engine": engine, "workers": workers}
        measure(evaluators[::-1], IMAGES, NOISE, store, steps=STEPS[::-1], **options)
        assert measure(evaluators, IMAGES, NOISE, store, steps=STEPS) == first
        assert contents(store, evaluators) == contents(reference, evaluators)

    def test_each_model_sees_the_images_under_the_noise_of_their_numbers(self):
        noise, step = Noise(SCHEDULE, epsilon, seed=3), 150.0
        seen = []

        class Recorder(ScriptedEvaluator):
            def __call__(self, images):
                seen.append(images)
                return np.zeros(len(images), np.int64)

        recorder = Recorder(ModelInfo("r", "sha", 5), falling)
        measure([recorder], IMAGES, noise, MemoryStore(), steps=[step], images=60)
        numbers = np.sort(image_order(1300)[:60])
        clean = IMAGES.read(numbers)[0].astype(np.float64) / 127.5 - 1
        drawn = np.stack([epsilon(3, int(number), (2, 2, 3)) for number in numbers])
        mu, sigma = SCHEDULE.coefficients(step)
        assert {part.dtype for part in seen} == {np.dtype(np.float32)}
        np.testing.assert_allclose(np.concatenate(seen), mu * clean + sigma * drawn, atol=1e-6)

    def test_a_model_that_guesses_on_clean_images_is_warned_about(self):
        guesser = scripted_model("guesser", 50, lambda step, n: np.full(len(step), 0.1))
        result = measure([*ladder(), guesser], IMAGES, NOISE, MemoryStore(), steps=STEPS)
        assert len(result.warnings) == 1
        assert "guesser: accuracy" in result.warnings[0]
        assert "--input-range" in result.warnings[0]

    def test_guessing_under_noise_is_no_cause_for_a_warning(self):
        assert not measure(ladder(), IMAGES, NOISE, MemoryStore(), steps=[4000]).warnings

    def test_labels_out_of_range_are_refused(self):
        class Wrong(ScriptedImages):
            @property
            def labels(self):
                return super().labels + 1

        with pytest.raises(DataError, match=r"0\.\.9"):
            measure(ladder(), Wrong(100), NOISE, MemoryStore(), steps=STEPS)


class TestResuming:
    def test_nothing_is_run_twice(self):
        store = MemoryStore()
        first = measure(ladder(), IMAGES, NOISE, store, steps=STEPS)
        assert len(store.added) == 3 * 4 * 3
        store.added.clear()
        assert measure(ladder(), IMAGES, NOISE, store, steps=STEPS) == first
        assert not store.added

    def test_more_images_and_steps_reuse_what_was_measured(self):
        store = MemoryStore()
        measure(ladder(), IMAGES, NOISE, store, steps=STEPS, images=500)
        store.added.clear()
        measure(ladder(), IMAGES, NOISE, store, steps=[*STEPS, 1000], images=1000)
        added = [cell for _, cell in store.added]
        assert len(added) == 3 * (4 + 2)
        assert {cell for cell in added if cell[1] == 0} == {(1000.0, 0, 500)}

    @pytest.mark.parametrize("stop_after", [0, 1, 5, 17, 35])
    def test_an_interrupt_loses_no_finished_cell(self, stop_after, engine):
        store = MemoryStore()
        options = {"engine": engine, "progress": interrupting(stop_after), "workers": 2}
        with pytest.raises(KeyboardInterrupt):
            measure(ladder(), IMAGES, NOISE, store, steps=STEPS, **options)
        assert len(set(store.added)) >= stop_after
        undisturbed, before = MemoryStore(), set(store.added)
        store.added.clear()
        again = measure(ladder(), IMAGES, NOISE, store, steps=STEPS)
        assert again == measure(ladder(), IMAGES, NOISE, undisturbed, steps=STEPS)
        assert contents(store, ladder()) == contents(undisturbed, ladder())
        assert before.isdisjoint(store.added)

    def test_a_failing_model_is_reported_and_the_finished_cells_stay(self, engine):
        bad, store = Failing(ModelInfo("bad", "sha", 1), falling), MemoryStore()
        options = {"engine": engine, "workers": 1}
        with pytest.raises(ModelError, match="fails to run"):
            measure([*ladder(), bad], IMAGES, NOISE, store, steps=STEPS, **options)
        assert len(store.added) == 3 * 4 * 3

    @pytest.mark.parametrize("how", ["crash", "hang", "leave"])
    def test_a_child_that_is_lost_costs_a_cell_which_is_tried_again(self, tmp_path, how):
        doomed = Doomed(ModelInfo("m", "sha", 500), falling, place=tmp_path, how=how)
        if how == "hang":
            doomed = replace(doomed, seconds=5)
        store, reference, told = MemoryStore(), MemoryStore(), []
        with Children() as children:
            engine = Processes(children, told.append)
            measure([*ladder(), doomed], IMAGES, NOISE, store, engine=engine, steps=STEPS)
        honest = ScriptedEvaluator(doomed.info, falling)
        measure([*ladder(), honest], IMAGES, NOISE, reference, steps=STEPS)
        assert contents(store, [*ladder(), doomed]) == contents(reference, [*ladder(), doomed])
        assert len(store.added) == len(set(store.added)) == 4 * 4 * 3
        (line,) = told
        assert line.startswith("m: ")
        assert line.endswith("; that cell is tried once more")

    def test_a_cell_that_is_lost_twice_is_given_up_and_names_the_model(self, tmp_path):
        doomed = Doomed(ModelInfo("m", "sha", 50), falling, place=tmp_path, times=9)
        store = MemoryStore()
        with Children() as children:
            options = {"engine": Processes(children, [].append), "workers": 1}
            with pytest.raises(ModelError, match=r"^m: brings ONNX Runtime down .SIGSEGV.; export"):
                measure([*ladder(), doomed], IMAGES, NOISE, store, steps=STEPS, **options)
        assert len(list(tmp_path.iterdir())) == 2
        assert len(store.added) == 3 * 4 * 3 + 2  # the doomed one's two steps before it

    def test_no_worker_holds_more_than_one_session(self):
        sessions, most = weakref.WeakSet(), []

        class Counting(ScriptedEvaluator):
            def open(self):
                session = Session()
                sessions.add(session)
                most.append(len(sessions))
                return session

        class Session:
            pass

        for parameters in range(10, 20):
            serving.predictor_of(Counting(ModelInfo("m", "sha", parameters), falling))
        assert max(most) == 1

    def test_progress_ends_at_the_work_that_was_left(self):
        store, calls = MemoryStore(), []
        measure(ladder(), IMAGES, NOISE, store, steps=STEPS, images=500)
        measure(
            ladder(), IMAGES, NOISE, store, steps=STEPS, progress=lambda *call: calls.append(call)
        )
        assert calls[0] == (0, 800 * 4 * (100 + 1000 + 10_000))
        assert calls[-1][0] == calls[-1][1]
        assert calls == sorted(calls)

    def test_the_source_changes_with_every_ingredient(self):
        model = ladder()[0]
        larger = replace(model, info=replace(model.info, input_shape=(4, 4, 3)))
        cropped = replace(larger, info=replace(larger.info, crop_share=0.5))
        sources = [
            source_of(model, IMAGES, NOISE),
            source_of(ladder()[1], IMAGES, NOISE),
            source_of(scripted_model("m100", 100, falling, provider="cuda"), IMAGES, NOISE),
            source_of(model, ScriptedImages(1300, seed=1), NOISE),
            source_of(larger, IMAGES, NOISE),
            source_of(cropped, IMAGES, NOISE),
            source_of(model, IMAGES, Noise(SCHEDULE, no_noise, seed=8)),
            source_of(model, IMAGES, Noise(linear_schedule(1000), no_noise, seed=7)),
        ]
        assert len(set(sources)) == len(sources)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("200000 100000", 2), ("50000 100000", 1), ("150000 100000", 1), ("max 100000", 3), (None, 3)],
)
def test_a_container_gets_no_more_workers_than_its_share(tmp_path, monkeypatch, quota, cores):
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota + "\n")
    monkeypatch.setattr("sizer.cores.QUOTA", file)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert usable_cores() == cores


def brute_force(predicted, labels):
    """Macro (F1, precision, recall) straight from their definitions."""
    triples = []
    for c in set(predicted) | set(labels):
        hits = sum(p == c == t for p, t in zip(predicted, labels, strict=True))
        precision = hits / predicted.count(c) if c in predicted else 0.0
        recall = hits / labels.count(c) if c in labels else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        triples.append((f1, precision, recall))
    return np.mean(triples, axis=0)


class TestScore:
    def test_by_hand(self):
        # 2 is predicted but never true, 3 is true but never predicted, 4 is neither
        scores = score(np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 3]), 5)
        assert (scores.correct, scores.trials) == (3, 5)
        assert scores.macro_precision == pytest.approx((2 / 3 + 1 + 0 + 0) / 4)
        assert scores.macro_recall == pytest.approx((1 + 1 / 2 + 0 + 0) / 4)
        assert scores.macro_f1 == pytest.approx((4 / 5 + 2 / 3 + 0 + 0) / 4)

    @settings(max_examples=50)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
    def test_agrees_with_the_definitions(self, pairs):
        predicted, labels = (list(column) for column in zip(*pairs, strict=True))
        scores = score(np.array(predicted), np.array(labels), 6)
        found = (scores.macro_f1, scores.macro_precision, scores.macro_recall)
        assert scores.correct == sum(p == t for p, t in pairs)
        assert found == pytest.approx(tuple(brute_force(predicted, labels)))


# Run by the test below: measures into the store it is given, and says which cells it runs.
MEASURER = """
import sys
from pathlib import Path
from here import here
from scripted_ladder import IMAGES, NOISE, STEPS, Telling, ladder
from sizer.measure.cells import measure
from sizer.measure.store import open_store
models = [Telling(m.info, m.accuracy) for m in ladder()]
with open_store(Path(sys.argv[1])) as store:
    measure(models, IMAGES, NOISE, store, engine=here, steps=STEPS)
"""


def run_and_kill(path, batches):
    """Start a measurement, kill it in the midst of the last batch it may run; return its lines."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MEASURER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        process.stdin.write(b"." * batches)
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(batches)]
        process.kill()
        return lines + process.stdout.readlines()


def cells_run(lines):
    """(parameters, step, first position) of every cell that a measurement began to run."""
    order = image_order(1300)
    position = {int(number): i for i, number in enumerate(order)}
    fields = (line.split() for line in lines)
    return {(int(n), float(step), position[int(image)] // 500 * 500) for n, step, image in fields}


def finished_cells(path):
    """(parameters, step, first position) of every cell in a store."""
    with open_store(path) as store:
        return {
            (model.info.parameters, step, start)
            for model in ladder()
            for step, start, _ in store.cells(source_of(model, IMAGES, NOISE))
        }


@pytest.mark.slow
def test_killed_at_random_moments_it_resumes_to_the_same_labels(tmp_path):
    moments = random.Random(20251)
    path = tmp_path / "cells.sqlite"
    for _ in range(8):
        finished = finished_cells(path)
        lines = run_and_kill(path, moments.randrange(2, 60))
        assert finished.isdisjoint(cells_run(lines))
    assert 0 < len(finished_cells(path)) < 36
    undisturbed = MemoryStore()
    measure(ladder(), IMAGES, NOISE, undisturbed, steps=STEPS)
    with open_store(path) as store:
        measure(ladder(), IMAGES, NOISE, store, steps=STEPS)
        assert contents(store, ladder()) == contents(undisturbed, ladder())


def test_the_scripted_images_can_be_read_back():
    data, model = ScriptedImages(70_000), ladder()[0]
    numbers = np.array([0, 1, 255, 65_536, 69_999])
    images, labels = data.read(numbers)
    for step in (0.0, 1.0, 250.5, 5000.0):
        mu = np.float32(SCHEDULE.coefficients(step)[0])
        clean = images.astype(np.float32) / np.float32(127.5) - np.float32(1)
        steps, read_numbers, read_labels = model.decode(mu * clean)
        assert steps == pytest.approx(step, abs=2e-3)
        assert read_numbers.tolist() == numbers.tolist()
        assert read_labels.tolist() == labels.tolist()
