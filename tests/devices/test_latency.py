"""Latencies: exact where one rate rules, and honest about what the catalogue leaves out."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latency import LEFT_OUT, NAMES, left_out, shown, sorts
from scipy.stats import t as student

from sizer.devices.catalogue import find_device, shipped_devices
from sizer.devices.energy import energy
from sizer.devices.latency import SPREADS, Rates
from sizer.devices.records import Device, Timing
from sizer.devices.similarity import FACTORS, REST, WIDE, Case, Evidence

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions.md"
CATALOGUE = shipped_devices()
RATES = Rates(CATALOGUE)


def timed(name, core, clock, *speeds, kind="microcontroller", processor="cpu", runtime="rt"):
    """A device whose networks of 1, 2, 4 ... million MACs take these MACs a cycle."""
    timings = tuple(
        Timing(f"n{i}", 10**6 << i, "int8", runtime, (10**3 << i) / speed / clock, "s", processor)
        for i, speed in enumerate(speeds)
    )
    return Device(name, core, kind, "s", clock, timings=timings)


class TestCoverage:
    @pytest.mark.parametrize("sort", list(SPREADS))
    def test_devices_that_were_left_out_are_inside(self, sort):
        cases, latencies = sorts(CATALOGUE)[sort]
        found = list(left_out(cases, latencies, SPREADS[sort], LEFT_OUT["device"]))
        assert len(found) > 250
        assert shown(NAMES[sort], "device", found) in DECISIONS.read_text()
        assert 0.87 <= np.mean([one.inside for one in found]) <= 0.94

    @pytest.mark.slow
    def test_cpus_are_narrower_than_their_rates_alone_told(self):
        """Rates by source gave a median factor of 10 without timings of the device, 6.2 with."""
        cases, latencies = sorts(CATALOGUE)["cpu"]
        for what, before in {"device": 10, "network on device": 6.2}.items():
            found = left_out(cases, latencies, SPREADS["cpu"], LEFT_OUT[what])
            assert math.exp(2 * np.median([one.reach for one in found])) < before

    @pytest.mark.slow
    def test_networks_that_were_left_out_are_inside(self):
        found = [
            one
            for sort, timings in sorts(CATALOGUE).items()
            for one in left_out(*timings, SPREADS[sort], LEFT_OUT["network on device"])
        ]
        assert 0.87 <= np.mean([one.inside for one in found]) <= 0.97
        assert math.exp(2 * np.median([one.reach for one in found])) < 6.2


class TestSimilarity:
    def test_every_factor_has_a_spread(self):
        for spreads in SPREADS.values():
            assert {*spreads, *WIDE} == {*FACTORS, REST}

    @given(st.data())
    def test_planted_effects_come_back(self, data):
        """Of spreads that are known, intervals of a left-out timing hold as often as they say."""
        random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        cases = [
            Case(f"d{d}", f"c{d // 2}", "linux", "cpu", "int8", "rt", 1, f"n{n}", 10**8, 1000.0)
            for d in range(6)
            for n in range(4)
        ]
        evidence = Evidence(cases, np.ones(len(cases)), SPREADS["cpu"])
        root = np.linalg.cholesky(evidence.covariance)
        logs = root @ random.standard_normal(len(cases)) + [case.offset for case in cases]
        rest = Evidence(cases[:-1], np.exp(logs[:-1]), SPREADS["cpu"])
        mean, deviation = rest.predict(cases[-1])
        assert abs(logs[-1] - mean) < 6 * deviation
        alone = SPREADS["cpu"]["network"]
        assert deviation < rest.predict(cases[-1]._replace(network=None))[1]
        assert rest.predict(cases[-1]._replace(network=None))[1] > alone

    def test_what_is_shared_narrows(self):
        (board,) = (find_device(CATALOGUE, "STM32H747XI"),)
        stranger = replace(board, name="other", timings=())
        distant = replace(stranger, core="Cortex-Z")
        widths = [
            math.log(latency.milliseconds.high / latency.milliseconds.low)
            for device in (board, stranger, distant)
            for latency in RATES.latencies(device, "int8", 10**8)[:1]
        ]
        assert widths == sorted(widths)
        assert widths[0] < widths[-1]


class TestLatency:
    def test_the_middle_follows_clock_and_work(self):
        devices = [timed("a", "M", 100, 0.5, 0.5, 0.5), timed("b", "M", 200, 0.5, 0.5)]
        rates = Rates(devices)
        (own,) = rates.latencies(devices[0], "int8", 2 * 10**6)
        assert (own.basis, own.runtime) == ("timed", "rt")
        assert own.milliseconds.value == pytest.approx(40)
        assert own.reason == "timed on this board with 3 other networks"
        other = Device("c", "M", "microcontroller", "s", 400)
        (scaled,) = rates.latencies(other, "int8", 2 * 10**6)
        assert (scaled.basis, scaled.runtime) == ("scaled", "rt")
        assert scaled.milliseconds.value == pytest.approx(10)
        assert scaled.reason == "timed on 2 other boards with its core, scaled by the clock"

    def test_the_runtime_is_a_factor(self):
        """A runtime that is twice as fast on one board is expected to be faster on another."""
        both = [
            timed(name, "M", 100, *speeds, runtime=runtime)
            for name in ("a", "b", "c")
            for runtime, speeds in (("slow", (1, 1, 1)), ("fast", (2, 2, 2)))
        ]
        rates = Rates(both)
        other = Device("d", "M", "microcontroller", "s", 100)
        found = {x.runtime: x.milliseconds.value for x in rates.latencies(other, "int8", 10**6)}
        assert 1.2 < found["slow"] / found["fast"] < 2

    @pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.99])
    def test_an_interval_is_of_the_confidence_asked_for(self, confidence):
        devices = [timed(f"d{i}", "M", 100, 1, 1.2, 0.9) for i in range(12)]
        (half,), (found,) = (
            Rates(devices, asked).latencies(devices[0], "int8", 2 * 10**6)
            for asked in (0.5, confidence)
        )
        told = math.log(found.milliseconds.high / half.milliseconds.value)
        quantile = student.ppf((1 + confidence) / 2, len(devices) - 1)
        unit = math.log(half.milliseconds.high / half.milliseconds.value) / student.ppf(0.75, 11)
        assert told == pytest.approx(quantile * unit, rel=0.01)

    def test_another_core_is_extrapolated(self):
        devices = [timed("a", "M", 100, 1, 2, 3), timed("b", "N", 100, 1, 2)]
        (found,) = Rates(devices).latencies(
            Device("c", "O", "microcontroller", "s", 100), "int8", 2 * 10**6
        )
        assert found.basis == "extrapolated"

    def test_far_from_what_was_timed_is_extrapolated_and_may_cost_a_run(self):
        devices = [timed("a", "M", 100, 1, 1, 1), timed("b", "M", 100, 1, 1)]
        rates = Rates(devices)
        (small,) = rates.latencies(devices[0], "int8", 10)
        assert small.basis == "extrapolated"
        assert "1,000,000 to 4,000,000" in small.reason
        assert small.milliseconds.high >= 10  # of the smallest network timed
        (large,) = rates.latencies(devices[0], "int8", 10**9)
        assert large.basis == "extrapolated"

    @pytest.mark.parametrize(
        "device",
        [
            Device("c", "M", "linux", "s", 100),
            Device("c", "Z", "linux", "s", 100),
            Device("c", "M", "microcontroller", "s"),
        ],
    )
    def test_nothing_speaks_for_it(self, device):
        npu = timed("a", "Z", 100, 1, 2, 3, processor="npu")
        rates = Rates([npu, timed("b", "N", 100, 1, 2, 3)])
        assert rates.latencies(device, "int8", 10**6) == ()
        assert rates.latencies(npu, "fp16", 10**6) == ()

    @given(st.integers(1, 10**12), st.sampled_from(["STM32H747XI", "i.MX 93", "RP2040"]))
    def test_more_work_never_takes_less(self, macs, name):
        device = find_device(CATALOGUE, name)
        for small in RATES.latencies(device, "int8", macs):
            (large,) = [
                latency
                for latency in RATES.latencies(device, "int8", 2 * macs)
                if (latency.runtime, latency.processor, latency.threads)
                == (small.runtime, small.processor, small.threads)
            ]
            less, more = small.milliseconds, large.milliseconds
            assert 0 < less.low < less.value < less.high
            assert less.value < more.value
            assert less.high <= more.high * (1 + 1e-9)


METERED = [
    (device, timing)
    for device in CATALOGUE
    for timing in device.timings
    if timing.energy_uj is not None
]


class TestEnergy:
    def test_published_on_four_devices(self):
        assert {device.name for device, _ in METERED} == {
            "STM32L4R5ZI", "STM32H7A3ZI", "STM32U385RG", "Syntiant NDP120"
        }  # fmt: skip

    @pytest.mark.parametrize(("device", "timing"), METERED)
    def test_a_run_that_was_left_out_is_inside(self, device, timing):
        rest = tuple(other for other in device.timings if other.model != timing.model)
        found = energy(replace(device, timings=rest), timing.precision, timing.macs)
        assert found.microjoules.low < timing.energy_uj < found.microjoules.high

    def test_none_where_nobody_published_it(self):
        assert energy(find_device(CATALOGUE, "STM32H747XI"), "int8", 10**6) is None
        assert energy(find_device(CATALOGUE, "STM32L4R5ZI"), "fp32", 10**6) is None
