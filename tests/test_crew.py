"""How many workers run: all, unless scripted machines get more done with fewer; no cell is lost."""

import random
import threading
from collections import Counter, deque
from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedEvaluator
from test_measure import IMAGES, NOISE, STEPS, MemoryStore, contents, falling, ladder

from sizer.errors import ModelError
from sizer.inference.records import ModelInfo
from sizer.measure import measure
from sizer.measure.crew import SHARE, WINDOW, Crew
from sizer.measure.protocols import Task

PLENTY = 1e9
SMALL, LARGE = (Task(model, 0, 500, (0.0,), 1.0) for model in ladder()[:2])
CREWS = st.integers(1, 256)


def run_window(crew, throughput):
    """The first worker's cells of a window; the machine runs throughput(active) images a second."""
    for _ in range(WINDOW):
        crew.finished(SMALL, 500 * crew.active / throughput(crew.active))


def tried(crew, throughput):
    """The numbers of workers until it settles, a window each."""
    numbers = []
    while not crew.settled:
        numbers.append(crew.active)
        run_window(crew, throughput)
    return numbers


def best_at(peak):
    """A machine that gets a tenth less done for every doubling beyond its best number."""
    return lambda active: min(active, peak) * (1 - 0.1 * max(0, log2(active / peak)))


class TestCrew:
    @given(st.integers(2, 256))
    def test_all_stay_where_each_adds_its_own(self, workers):
        crew = Crew(workers, PLENTY)
        assert tried(crew, lambda active: active) == [workers, workers // 2]
        assert crew.active == workers

    def test_one_is_not_tried(self):
        assert Crew(1, PLENTY).settled

    @pytest.mark.parametrize("workers", [2, 4, 8, 64])
    def test_half_stay_where_half_are_best(self, workers):
        crew = Crew(workers, PLENTY)
        assert tried(crew, best_at(workers // 2))[-1] == workers
        assert crew.active == workers // 2

    @pytest.mark.parametrize(("workers", "peak"), [(8, 2), (64, 4), (64, 1), (12, 3)])
    def test_it_goes_on_for_as_long_as_fewer_get_more_done(self, workers, peak):
        crew = Crew(workers, PLENTY)
        tried(crew, best_at(peak))
        assert crew.active == peak

    @given(CREWS, st.randoms(use_true_random=False))
    def test_all_stay_where_the_difference_is_noise(self, workers, chance):
        crew = Crew(workers, PLENTY)
        tried(crew, lambda active: chance.uniform(98, 102))
        assert crew.active == workers

    @given(st.integers(2, 256))
    def test_all_stay_after_a_disturbance_that_passed(self, workers):
        crew = Crew(workers, PLENTY)
        run_window(crew, lambda active: active / 5)
        tried(crew, lambda active: active)
        assert crew.active == workers

    @given(CREWS, st.floats(0, PLENTY), st.integers(0, 2**32))
    def test_whatever_it_hears_it_settles_soon_and_costs_little(self, workers, work, seed):
        crew, chance = Crew(workers, work), random.Random(seed)
        numbers = tried(crew, lambda active: chance.uniform(1, 1000))
        assert all(1 <= number <= workers for number in numbers)
        assert len(numbers) <= 2 + log2(workers)
        assert sum(workers - number for number in numbers) * WINDOW * SMALL.cost <= SHARE * work
        settled = crew.active
        run_window(crew, lambda active: chance.uniform(1, 1000))
        assert crew.active == settled
        assert 1 <= settled <= workers

    def test_too_little_work_is_no_cause_for_a_trial(self):
        crew = Crew(2, WINDOW * SMALL.cost / SHARE - 1)
        assert tried(crew, best_at(1)) == [2]
        assert crew.active == 2

    def test_another_model_begins_the_trial_again(self):
        crew = Crew(4, PLENTY)
        run_window(crew, best_at(2))
        assert crew.active == 2
        crew.finished(LARGE, 1.0)
        assert crew.active == 4
        assert not crew.settled


class Scripted(Crew):
    """Four workers, of whom so many run as was decided beforehand, one decision a cell."""

    def __init__(self, decisions, *, settles):
        """settles: whether it does after the last decision."""
        super().__init__(4, PLENTY)
        self._decisions = deque(decisions)
        self._settles = settles
        self.finished(None, None)

    def finished(self, task, seconds):
        if self._decisions and not self.settled:
            self.active = self._decisions.popleft()
        elif self._settles:
            self.settle(self.active)


def measured(store, crew, models=None, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sizer.measure.threads.Crew", lambda workers, work: crew)
        measure(models or ladder(), IMAGES, NOISE, store, steps=STEPS, workers=4, **options)


def threads_of(crew, when=lambda crew: True):
    """Which thread began each cell, as far as `when` was true of the crew then."""
    seen = []

    class Seen(ScriptedEvaluator):
        def __call__(self, images):
            if when(crew):
                seen.append(threading.current_thread())
            return super().__call__(images)

    measured(MemoryStore(), crew, [Seen(model.info, falling) for model in ladder()])
    return seen


class TestWorkers:
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 4), max_size=40), st.booleans())
    def test_every_cell_is_run_once_whatever_is_decided(self, decisions, settles):
        store, plain, threads = MemoryStore(), MemoryStore(), threading.active_count()
        measured(store, Scripted(decisions, settles=settles))
        measure(ladder(), IMAGES, NOISE, plain, steps=STEPS)
        assert len(store.added) == 3 * 4 * 3
        assert contents(store, ladder()) == contents(plain, ladder())
        assert threading.active_count() == threads

    @pytest.mark.parametrize("settles", [True, False])
    def test_only_the_crew_works(self, settles):
        assert len(set(threads_of(Scripted([1], settles=settles)))) == 1

    def test_a_worker_left_out_ends_its_cell_and_waits(self):
        crew = Scripted([4, 4, 1], settles=False)
        seen = threads_of(crew, lambda crew: crew.active == 1 and not crew.settled)
        assert all(cells == 1 for _, cells in Counter(seen).most_common()[1:])

    @pytest.mark.parametrize("stop_after", [0, 1, 17])
    def test_an_interrupt_wakes_those_that_wait(self, stop_after):
        store, calls, threads = MemoryStore(), [], threading.active_count()

        def interrupt(done, total):
            calls.append(done)
            if len(calls) > stop_after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            measured(store, Scripted([4, 4, 1], settles=False), progress=interrupt)
        assert len(set(store.added)) == len(store.added) >= stop_after
        assert threading.active_count() == threads

    def test_a_failure_of_the_first_wakes_those_that_wait(self):
        class Failing(ScriptedEvaluator):
            def __call__(self, images):
                raise ModelError("bad.onnx: fails to run")

        threads, bad = threading.active_count(), Failing(ModelInfo("bad", "sha", 1), falling)
        with pytest.raises(ModelError, match="fails to run"):
            measured(MemoryStore(), Scripted([1], settles=False), [*ladder(), bad])
        assert threading.active_count() == threads
