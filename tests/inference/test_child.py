"""What runs a stranger's graph hangs, crashes or asks for all memory alone, and says so."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import misbehaving
import pytest
from hostile_models import HANGS, HUNGRY
from tiny import CLASSES, SHAPE, network

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError
from sizer.inference.child import Bounds, Child, ChildLostError, Ended, bounds_of
from sizer.inference.model import open_in, open_model, read_in

DATA = DatasetInfo("data", "test", "fingerprint", CLASSES, 100, SHAPE)
FAR = Bounds("m.onnx", 100, None)


@pytest.fixture
def child():
    with Child() as started:
        yield started


def alive(process):
    """Whether it still runs; one that nobody waits for yet does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(process):
    deadline = time.monotonic() + 60
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(process)


class TestAnswers:
    def test_calls_are_answered_by_one_process_that_is_kept(self, child):
        process = child.call(FAR, misbehaving.where)
        assert process != os.getpid()
        assert child.call(FAR, misbehaving.where) == process

    def test_an_iterator_gives_one_answer_after_another(self, child):
        child.send(FAR, misbehaving.counted, 3)
        child.send(FAR, misbehaving.counted, 1)
        assert [child.receive() for _ in range(6)] == [0, 1, 2, Ended(), 0, Ended()]

    @pytest.mark.parametrize(
        ("function", "error", "words"),
        [
            (misbehaving.raise_unforeseen, ZeroDivisionError, "of its own"),
            (misbehaving.raise_unsendable, RuntimeError, "raise Unsendable"),
        ],
    )
    def test_an_error_is_raised_here_and_the_child_goes_on(self, child, function, error, words):
        process = child.call(FAR, misbehaving.where)
        with pytest.raises(error, match=words):
            child.call(FAR, function)
        assert child.call(FAR, misbehaving.where) == process

    def test_what_it_prints_reaches_nobody(self, child, capfd):
        child.call(FAR, misbehaving.printing)
        assert capfd.readouterr() == ("", "")

    def test_a_users_script_is_not_run_again(self, tmp_path):
        script = tmp_path / "script.py"
        script.write_text(
            "print('once')\n"
            "from sizer.inference.child import Bounds, Child\n"
            "import math\n"
            "with Child() as child:\n"
            "    print(child.call(Bounds('m', 100, None), math.factorial, 3))\n"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, script], env=environment, capture_output=True, text=True, check=True
        )
        assert run.stdout.split() == ["once", "6"]

    def test_a_module_in_the_working_folder_is_not_run(self, tmp_path, monkeypatch, child):
        (tmp_path / "numpy.py").write_text("raise SystemExit")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
        assert child.call(FAR, misbehaving.where)


class TestLosses:
    @pytest.mark.parametrize(
        ("function", "seconds", "words"),
        [
            (misbehaving.hang, 0.2, "m.onnx: gave no answer within 0 s; export it again"),
            (misbehaving.crash, 100, "m.onnx: brings ONNX Runtime down .SIGSEGV.; export it again"),
            (misbehaving.leave, 100, "down .exit 7."),
        ],
    )
    def test_a_child_that_is_lost_names_the_model_and_another_takes_its_place(
        self, child, function, seconds, words
    ):
        process = child.call(FAR, misbehaving.where)
        with pytest.raises(ChildLostError, match=words):
            child.call(Bounds("m.onnx", seconds, None), function)
        assert gone(process)
        assert child.call(FAR, misbehaving.where) != process

    def test_each_answer_has_the_whole_time(self, child):
        child.send(Bounds("m.onnx", 3, None), misbehaving.slowly, 3, 1.2)
        assert [child.receive() for _ in range(3)] == [0, 1, 2]

    def test_memory_is_bounded_call_by_call(self, child):
        child.call(FAR, misbehaving.nothing, b"")
        with pytest.raises(ModelError, match=r"m\.onnx: does not fit into memory"):
            child.call(Bounds("m.onnx", 100, 1 << 30), misbehaving.fill, 2)
        assert child.call(Bounds("m.onnx", 100, 2 << 30), misbehaving.fill, 1) == 1 << 27

    @pytest.mark.parametrize("kind", [*HANGS, *HUNGRY])
    def test_a_hostile_graph_is_refused_in_one_line(self, child, tmp_path, kind):
        path = tmp_path / "hostile.onnx"
        path.write_bytes((HANGS | HUNGRY)[kind].SerializeToString())
        file = read_in(child, path)
        with pytest.raises(ModelError) as caught:
            child.call(replace(bounds_of(path, 0), seconds=3), open_model, file, DATA)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)

    def test_an_honest_model_is_opened_beside_them(self, child, tmp_path):
        path = tmp_path / "tiny.onnx"
        path.write_bytes(network(8).SerializeToString())
        model = open_in(child, read_in(child, path), DATA)
        assert model.plan.batch == 25
        assert model.size == path.stat().st_size


class TestEnds:
    def test_it_is_ended_at_once_whatever_it_runs(self, child):
        process = child.call(FAR, misbehaving.where)
        child.send(FAR, misbehaving.hang)
        child.end()
        assert gone(process)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
    def test_a_child_outlives_no_parent(self, how):
        script = (
            "import misbehaving\n"
            "from sizer.inference.child import Bounds, Child\n"
            "bounds, child = Bounds('m', 100, None), Child()\n"
            "print(child.call(bounds, misbehaving.where), flush=True)\n"
            "child.call(bounds, misbehaving.hang)\n"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as parent:
            process = int(parent.stdout.readline())
            parent.send_signal(how)
        assert gone(process)

    def test_an_interrupt_of_the_terminal_reaches_the_parent_alone(self, child):
        assert os.getpgid(child.call(FAR, misbehaving.where)) != os.getpgid(0)


def test_bounds_grow_with_the_work():
    small, large = bounds_of("a", 10**6, 10**6), bounds_of("a", 10**9, 10**8)
    assert small.seconds < 30 < large.seconds
    assert small.memory < 2 << 30 < large.memory
    assert bounds_of("a", 1, cuda=True).memory is None
