"""How long one image takes on one thread."""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sizer.errors import ModelError, naming
from sizer.inference.model import input_signature
from sizer.inference.runtime import open_session, running

WARM_UP, REPEATS = 20, 100  # runs that are not counted, and that are, of a timing
RUNS = WARM_UP + REPEATS
RUNTIME = f"ONNX Runtime {onnxruntime.__version__}, 1 thread"


def median_milliseconds(path: Path) -> float:
    """The median time of one image on one CPU thread, after a warm-up.

    path: of a file that `read_model_file` accepts. It runs, so call this in a child. Raises
    ModelError for one that does not run.
    """
    with naming(path):
        session = open_session(path, "cpu")
        dtype, dims = input_signature(session)
        size = [dim for dim in dims[1:] if dim is not None]
        if len(size) < len(dims) - 1:
            raise ModelError("its input has no fixed size; export it with one")
        image = np.full((dims[0] or 1, *size), 0.5, np.float32).astype(dtype)
        feed = {session.get_inputs()[0].name: image}
        with running():
            taken = [_seconds(session, feed) for _ in range(RUNS)]
    return 1000 * statistics.median(taken[WARM_UP:]) / len(image)


def _seconds(session: onnxruntime.InferenceSession, feed: dict[str, NDArray[Any]]) -> float:
    start = time.perf_counter()
    session.run(None, feed)
    return time.perf_counter() - start
