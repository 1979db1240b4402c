"""ONNX Runtime: which provider works here, sessions on it, and its errors as ours."""

import contextlib
import functools
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from sizer.errors import ModelError, ProviderError
from sizer.inference.records import ProviderChoice

Provider = Literal["cpu", "cuda"]
# How runs are timed: by processor time, which a busy machine hardly changes; a GPU's by the clock.
CLOCKS = {"cpu": time.thread_time, "cuda": time.perf_counter}

SILENT = 4  # ONNX Runtime's severity `fatal`: all else reaches the user as one of our errors
ALLOCATING = re.compile(r"alloc|out of memory", re.IGNORECASE)


def choose_provider(requested: ProviderChoice) -> Provider:
    """The provider that sessions will really get: CUDA if asked for or usable, else the CPU.

    Raises ProviderError if CUDA is asked for by name and does not work.
    """
    if requested == "cpu":
        return "cpu"
    if cuda_works():
        return "cuda"
    if requested == "cuda":
        raise ProviderError(
            "provider cuda: no usable CUDA device or libraries; "
            "install onnxruntime-gpu[cuda,cudnn] and a driver, or take --provider cpu"
        )
    return "cpu"


class OutOfMemoryError(ModelError):
    """A run asked for more memory than there is."""


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Raises what the runtime raises as a ModelError that says what to do."""
    try:
        yield
    except Exception as error:  # the runtime's own exceptions share no narrower base
        reason = first_line(error)
        if isinstance(error, MemoryError) or ALLOCATING.search(str(error)):
            raise OutOfMemoryError(f"does not fit into memory ({reason})") from None
        raise ModelError(f"fails to run ({reason}); export it again") from None


def open_session(model: Path | bytes, provider: Provider) -> onnxruntime.InferenceSession:
    """A silent session on one thread, that keeps its provider or fails.

    model: a file, or the contents of one.
    """
    options = _options()
    if provider == "cuda":
        _load_cuda()
    try:
        session = onnxruntime.InferenceSession(model, options, providers=_provider_list(provider))
    except MemoryError:
        raise
    except Exception as error:  # the runtime's own exceptions share no narrower base
        raise ModelError(
            f"ONNX Runtime refuses it ({first_line(error)}); export it again"
        ) from None
    if provider == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise ProviderError(f"{model!s:.200}: CUDA does not work for it; take --provider cpu")
    return session


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph after the runtime's first level: constants and batch normalisations folded."""
    return _optimized(model, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)


@functools.cache
def channel_block() -> int | None:
    """Channels that this processor takes at once, read from what the runtime makes of one
    convolution; None where it has no such layout.
    """
    model = _network("Conv", [1, 1, 1, 1], ["x", "w"])
    weights = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    model.graph.initializer.append(weights)
    made = _optimized(model, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL).graph
    blocked = [node for node in made.node if node.domain == "com.microsoft.nchwc"]
    return max(tensor.dims[0] for tensor in made.initializer) if blocked else None


def _optimized(
    model: onnx.ModelProto, level: onnxruntime.GraphOptimizationLevel
) -> onnx.ModelProto:
    options = _options()
    options.graph_optimization_level = level
    with TemporaryFile() as written:  # without a name, nothing stays of it when this is killed
        options.optimized_model_filepath = f"/dev/fd/{written.fileno()}"
        with running():
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=_provider_list("cpu")
            )
        written.seek(0)
        return onnx.load_model_from_string(written.read())


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = SILENT
    return options


def _provider_list(provider: Provider) -> list[Any]:
    if provider == "cpu":
        return ["CPUExecutionProvider"]
    # TF32 rounds to 10 bits, which moves accuracies.
    return [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]


def cuda_works() -> bool:
    """Whether a session really gets CUDA; the list of providers only says what was compiled."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    _load_cuda()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    try:
        session = onnxruntime.InferenceSession(
            _network("Identity", [1], ["x"]).SerializeToString(),
            options,
            providers=_provider_list("cuda"),
        )
    except Exception:  # whatever the runtime raises, CUDA is not usable
        return False
    return "CUDAExecutionProvider" in session.get_providers()


@functools.cache
def _load_cuda() -> None:
    """Once a process."""
    onnxruntime.set_default_logger_severity(SILENT)
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()


def _network(operator: str, shape: list[int], inputs: list[str]) -> onnx.ModelProto:
    """A model of one node from `x` to `y`."""
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name in ("x", "y")
    ]
    node = onnx.helper.make_node(operator, inputs, ["y"])
    graph = onnx.helper.make_graph([node], operator, ends[:1], ends[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)


def first_line(error: Exception) -> str:
    """The runtime's own words, without its error code and the file's name."""
    line = str(error).strip().partition("\n")[0]
    return line.rpartition(" : ")[2].rpartition(" failed:")[2][:200].strip()
