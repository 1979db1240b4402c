"""The shipped timings: each has a source and a licence; a file that is wrong is refused whole."""

import csv
import math
from collections import Counter
from dataclasses import replace

import pytest

from sizer.devices.catalogue import NETWORKS, TIMINGS, shipped_devices
from sizer.devices.timings import read_timings
from sizer.errors import DeviceError

CATALOGUE = shipped_devices()
TIMED = [timing for device in CATALOGUE for timing in device.timings]
GOOD = {
    "device": "a", "processor": "cpu", "threads": "", "runtime": "rt", "version": "1.0",
    "precision": "int8", "network": "net-32", "latency_ms": "2.5", "energy_uj": "",
    "source": "somebody", "licence": "MIT",
}  # fmt: skip
NET = {"network": "net-32", "macs": "1000", "source": "counted"}


def write(folder, rows, networks=(NET,)):
    paths = folder / "timings.csv", folder / "networks.csv"
    for path, content in zip(paths, (rows, networks), strict=True):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(content[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(content)
    return paths


def test_at_least_fifteen_hundred_published_timings():
    assert len(TIMED) >= 1500
    assert all(timing.source and timing.licence for timing in TIMED)
    assert {timing.licence for timing in TIMED} <= {
        "Apache-2.0", "BSD-3-Clause", "MIT", "SLA0044"
    }  # fmt: skip
    assert all(0 < timing.latency_ms < math.inf for timing in TIMED)


def test_no_measurement_is_there_twice():
    rows = [
        (device.name, replace(timing, source="", licence=None, energy_uj=None))
        for device in CATALOGUE
        for timing in device.timings
    ]
    assert [row for row, count in Counter(rows).items() if count > 1] == []


def test_every_count_of_work_has_a_source():
    with NETWORKS.open(newline="") as file:
        networks = list(csv.DictReader(file))
    assert all(bool(row["macs"]) == bool(row["source"]) for row in networks)
    assert {row["network"] for row in networks} == {timing.model for timing in TIMED}


def test_the_timings_that_are_known_by_heart():
    """Two figures of each of three sources, as they were published."""
    known = {
        ("STM32H747XI", "mobilenet_v1_1.0-224", 1641.84),
        ("STM32L4R5ZI", "tiny-ic", 165.125),
        ("i.MX 93", "efficientnet_lite0-224", 4.57),
        ("Raspberry Pi 5", "efficientnet_b0-224", 12.33),
    }
    assert known <= {(d.name, t.model, t.latency_ms) for d in CATALOGUE for t in d.timings}


def test_a_good_row(tmp_path):
    ((timing,),) = read_timings(*write(tmp_path, [GOOD])).values()
    assert (timing.macs, timing.threads, timing.energy_uj) == (1000, None, None)
    assert (timing.version, timing.licence) == ("1.0", "MIT")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("source", ""),
        ("licence", ""),
        ("device", ""),
        ("latency_ms", ""),
        ("latency_ms", "0"),
        ("latency_ms", "nan"),
        ("latency_ms", "fast"),
        ("precision", "int4"),
        ("processor", "tpu"),
        ("threads", "0"),
        ("energy_uj", "-1"),
        ("network", "other"),
        ("weight", "3"),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_file_line_and_column(tmp_path, column, value):
    paths = write(tmp_path, [GOOD | {"weight": ""}, GOOD | {"weight": ""} | {column: value}])
    with pytest.raises(DeviceError) as caught:
        read_timings(*paths)
    message = str(caught.value)
    assert "\n" not in message
    for word in ("timings.csv", "line 3", column):
        assert word in message


@pytest.mark.parametrize("change", [{"macs": ""}, {"source": ""}, {"macs": "many"}])
def test_work_without_its_source_is_refused(tmp_path, change):
    with pytest.raises(DeviceError, match=r"networks\.csv, line 2: macs"):
        read_timings(*write(tmp_path, [GOOD], [NET | change]))


def test_a_damaged_file(tmp_path):
    timings, networks = write(tmp_path, [GOOD])
    timings.write_bytes(b"\xff\xfe")
    with pytest.raises(DeviceError, match=r"timings\.csv"):
        read_timings(timings, networks)
    with pytest.raises(DeviceError, match="none"):
        read_timings(TIMINGS, tmp_path / "none")
