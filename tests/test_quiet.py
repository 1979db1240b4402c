"""What we run reports to nobody."""

import os
import subprocess
import sys

from tiny import network

RUN = """
import sys
from pathlib import Path
from sizer.inference.timing import median_milliseconds
median_milliseconds(Path(sys.argv[1]))
"""


def test_the_runtime_makes_no_identity_for_this_machine(tmp_path):
    """Where it reports its use, ONNX Runtime first makes a device ID in the cache folder."""
    model = tmp_path / "model.onnx"
    model.write_bytes(network(4).SerializeToString())
    cache = tmp_path / "cache"
    cache.mkdir()
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(cache)}
    inherited = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", RUN, str(model)], env=inherited | places, check=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cache", "model.onnx"]
