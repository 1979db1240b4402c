"""Any ONNX image classifier as a function from noisy images to labels, on ONNX Runtime."""

import contextlib
import hashlib
import io
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from sizer.errors import ModelError, ProviderError
from sizer.input_format import from_metadata, require_sound, to_metadata
from sizer.model_file import ModelFile, packed_files, read_model_file
from sizer.results import DatasetInfo, InputFormat, ModelInfo, ProviderChoice

Provider = Literal["cpu", "cuda"]
Layout = Literal["NCHW", "NHWC"]
Dims = tuple[int | None, ...]

SILENT = 4  # ONNX Runtime's severity `fatal`: all else reaches the user as one of our errors
CPU_BATCH = 25  # divides the blocks that are measured; 8 to 32 is fastest on a CPU
CUDA_BATCH = 250
CUDA_BATCH_VALUES = 1 << 23  # values of one CUDA batch at most: 32 MiB as float32
BYTE_RANGE = (0.0, 255.0)
WARM_UP, REPEATS = 20, 100  # runs that are not counted, and that are, of a timing
RUNTIME = f"ONNX Runtime {onnxruntime.__version__}, 1 thread"

INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, slots=True)
class InputPlan:
    """How images must be arranged for a model; batch: images in one run, neither more nor less."""

    layout: Layout
    dtype: type[np.generic]
    batch: int
    input_format: InputFormat


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A classifier that was tried on the shape and classes of the data; holds no session."""

    path: Path
    info: ModelInfo
    provider: Provider
    plan: InputPlan

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides a prediction: the file, and the normalisation of its input."""
        parts = [self.info.sha256, *to_metadata(self.plan.input_format).values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def open(self) -> "OnnxPredictor":
        """A session of its own, for one thread.

        Raises ModelError if the file changed since it was tried, because what it predicts would
        be kept under the hash of the old one.
        """
        if read_model_file(self.path).sha256 != self.info.sha256:
            raise ModelError(f"{self.path}: changed while it was being measured; run again")
        return OnnxPredictor(self.path, _session(self.path, self.provider), self.plan)

    def packed(self) -> "PackedModel":
        """With the bytes of its files, to be opened where they are not."""
        return PackedModel(self, packed_files(self.path))


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model and its files, by their path within its folder, on their way to another machine."""

    model: OnnxModel
    files: dict[str, bytes]

    @property
    def home(self) -> str:
        """The folder they come from, as the user named it."""
        return str(self.model.path.parent)

    def unpack(self, folder: Path) -> OnnxModel:
        """The same model, with its files written to a folder."""
        for name, contents in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(contents)
        return replace(self.model, path=folder / self.model.path.name)


class OnnxPredictor:
    """Labels of noisy images, by one single-threaded session."""

    def __init__(self, path: Path, session: onnxruntime.InferenceSession, plan: InputPlan) -> None:
        self._path = path
        self._session = session
        self._plan = plan
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    @property
    def batch(self) -> int:
        """Images that one run takes; a multiple of it wastes no padding."""
        return self._plan.batch

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Labels (B,) of images (B, H, W, C) on the [-1, 1] scale, noise may exceed it.

        Every run has the same batch, the last one padded: labels do not depend on how images
        are split over calls. Raises ModelError where the runtime fails.
        """
        starts = range(0, len(images), self.batch)
        with _naming(self._path):
            batches = [self._run(images[start : start + self.batch]) for start in starts]
        return np.concatenate(batches) if batches else np.empty(0, np.int64)

    def scores(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Raw first output for exactly one batch of images."""
        feed = {self._input: arrange(images, self._plan)}
        try:
            output: NDArray[Any] = self._session.run([self._output], feed)[0]
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ModelError(f"fails to run ({_first_line(error)}); export it again") from None
        return output

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        missing = self.batch - len(images)
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        labels: NDArray[np.int64] = np.argmax(self.scores(padded).reshape(self.batch, -1), axis=1)
        return labels[: len(images)].astype(np.int64, copy=False)


def median_milliseconds(path: Path) -> float:
    """The median time of one image on one CPU thread, after a warm-up.

    Raises ModelError for a file that cannot be read or trusted, or that does not run.
    """
    read_model_file(path)
    with _naming(path):
        session = _session(path, "cpu")
        dtype, dims = _input_signature(session)
        size = [dim for dim in dims[1:] if dim is not None]
        if len(size) < len(dims) - 1:
            raise ModelError("its input has no fixed size; export it with one")
        image = np.full((dims[0] or 1, *size), 0.5, np.float32).astype(dtype)
        feed = {session.get_inputs()[0].name: image}
        try:
            taken = [_seconds(session, feed) for _ in range(WARM_UP + REPEATS)]
        except Exception as error:  # the runtime's own exceptions share no narrower base
            raise ModelError(f"fails to run ({_first_line(error)}); export it again") from None
    return 1000 * statistics.median(taken[WARM_UP:]) / len(image)


def _seconds(session: onnxruntime.InferenceSession, feed: dict[str, NDArray[Any]]) -> float:
    start = time.perf_counter()
    session.run(None, feed)
    return time.perf_counter() - start


def choose_provider(requested: ProviderChoice) -> Provider:
    """The provider that sessions will really get: CUDA if asked for or usable, else the CPU.

    Raises ProviderError if CUDA is asked for by name and cannot be had.
    """
    if requested == "cpu":
        return "cpu"
    if _cuda_works():
        return "cuda"
    if requested == "cuda":
        raise ProviderError(
            "provider cuda: no usable CUDA device or libraries; "
            "install onnxruntime-gpu[cuda,cudnn] and a driver, or take --provider cpu"
        )
    return "cpu"


def open_model(
    path: Path,
    dataset: DatasetInfo,
    *,
    provider: Provider = "cpu",
    input_format: InputFormat | None = None,
    name: str | None = None,
    parameters: int | None = None,
    macs: int | None = None,
    training: str | None = None,
    seed: int | None = None,
) -> OnnxModel:
    """Check a model file, and try it once on blank images of the data's shape.

    input_format: the user's word, else the file's metadata, else [-1, 1] as it is (0..255 for a
    model that takes uint8). parameters: the manifest's word, else counted by `count_parameters`.
    name: the file's stem by default. Raises ModelError, with the remedy, for a file that cannot
    be read or trusted, or that does not fit the data; ProviderError if CUDA is not to be had.
    """
    file = read_model_file(path)
    with _naming(path):
        plan = _plan_input(file, dataset, provider, input_format)
        counted = file.parameters if parameters is None else parameters
        if counted < 1:
            raise ModelError("holds no weights to count; state its parameters in a manifest")
    info = ModelInfo(
        name=name or path.stem,
        sha256=file.sha256,
        parameters=counted,
        macs=macs,
        input_shape=dataset.shape,
        training=training,
        seed=seed,
        precision=file.precision,
    )
    return OnnxModel(path, info, provider, plan)


def arrange(images: NDArray[np.float32], plan: InputPlan) -> NDArray[Any]:
    """Images (B, H, W, C) on the [-1, 1] scale in the model's range, layout and type."""
    scale, offset = _affine(plan.input_format)
    if plan.layout == "NCHW":  # before the scaling, which is slow along a short last axis
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        scale, offset = scale[:, None, None], offset[:, None, None]
    identity = np.all(scale == 1) and not np.any(offset)
    scaled = images if identity else images * scale + offset
    if plan.dtype is np.uint8:
        scaled = np.clip(np.rint(scaled), *BYTE_RANGE)
    return np.ascontiguousarray(scaled, dtype=plan.dtype)


def _affine(input_format: InputFormat) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(scale, offset), one a channel, that take [-1, 1] to the range, minus mean, over std."""
    low, high = input_format.range
    mean, std = np.asarray(input_format.mean), np.asarray(input_format.std)
    scale = (high - low) / 2 / std
    offset = ((high + low) / 2 - mean) / std
    return scale.astype(np.float32), offset.astype(np.float32)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name before the message of a ModelError."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def _plan_input(
    file: ModelFile, dataset: DatasetInfo, provider: Provider, requested: InputFormat | None
) -> InputPlan:
    """The first arrangement of the data's images that the model takes and gives classes for."""
    session = _session(file.path, provider)
    dtype, dims = _input_signature(session)
    default = InputFormat(BYTE_RANGE) if dtype is np.uint8 else InputFormat()
    input_format = requested or from_metadata(file.metadata) or default
    _require_channels(input_format, dataset.shape[2])
    plans = [
        InputPlan(layout, dtype, batch, input_format)
        for layout in _fitting_layouts(dims, dataset.shape)
        for batch in _batches(dims[0], dataset.shape, provider)
    ]
    if not plans:
        raise ModelError(_shape_problem(dims, dataset.shape))
    return _first_working(file.path, plans, session, dataset)


def _first_working(
    path: Path,
    plans: list[InputPlan],
    session: onnxruntime.InferenceSession,
    dataset: DatasetInfo,
) -> InputPlan:
    """The first plan that runs and scores the data's classes, else the first one's ModelError."""
    failures = []
    for plan in plans:
        try:
            _require_classes(OnnxPredictor(path, session, plan), session, dataset)
        except ModelError as error:
            failures.append(error)
        else:
            return plan
    raise failures[0]


def _input_signature(session: onnxruntime.InferenceSession) -> tuple[type[np.generic], Dims]:
    """Type and dimensions of the only input, None for a dimension that is dynamic."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise ModelError(f"has {len(inputs)} inputs ({names}); an image classifier takes one")
    node = inputs[0]
    if node.type not in INPUT_TYPES:
        raise ModelError(f"takes {node.type}; export it with float32, float16 or uint8 input")
    return INPUT_TYPES[node.type], tuple(d if isinstance(d, int) else None for d in node.shape)


def _require_channels(input_format: InputFormat, channels: int) -> None:
    require_sound(input_format)
    for name, numbers in (("mean", input_format.mean), ("std", input_format.std)):
        if len(numbers) not in {1, channels}:
            raise ModelError(
                f"{name} has {len(numbers)} numbers, the images have {channels} channels; "
                f"give one number, or {channels}"
            )


def _fitting_layouts(dims: Dims, shape: tuple[int, int, int]) -> list[Layout]:
    """Layouts whose stated dimensions agree with images of (height, width, channels)."""
    height, width, channels = shape
    layouts: dict[Layout, tuple[int, ...]] = {
        "NCHW": (channels, height, width),
        "NHWC": (height, width, channels),
    }
    return [
        layout
        for layout, wanted in layouts.items()
        if len(dims) == 4
        and all(dim in {None, size} for dim, size in zip(dims[1:], wanted, strict=True))
    ]


def _batches(stated: int | None, shape: tuple[int, int, int], provider: Provider) -> list[int]:
    """Batches to try: the stated one; else a fast one, and 1 for a trace that fixed it inside."""
    if stated is not None:
        return [stated]
    if provider == "cpu":
        return [CPU_BATCH, 1]
    return [max(1, min(CUDA_BATCH, CUDA_BATCH_VALUES // math.prod(shape))), 1]


def _shape_problem(dims: Dims, shape: tuple[int, int, int]) -> str:
    stated = "x".join("?" if dim is None else str(dim) for dim in dims) or "no stated shape"
    height, width, channels = shape
    return (
        f"takes {stated}, the images are {height}x{width} with {channels} channels; "
        "give data of the model's shape, or export it for this one"
    )


def _require_classes(
    predictor: OnnxPredictor, session: onnxruntime.InferenceSession, dataset: DatasetInfo
) -> None:
    """Run blank images; raise ModelError unless the first output scores the data's classes."""
    scores = predictor.scores(np.zeros((predictor.batch, *dataset.shape), np.float32))
    trailing_ones = all(dim == 1 for dim in scores.shape[2:])
    if scores.shape[:1] == (predictor.batch,) and scores.ndim > 1 and trailing_ones:
        if scores.shape[1] == dataset.classes:
            return
        found = f"gives {scores.shape[1]} classes"
    else:
        found = f"gives an output of shape {'x'.join(map(str, scores.shape))}"
    outputs = session.get_outputs()
    if len(outputs) > 1:
        found += f" first among its outputs ({', '.join(node.name for node in outputs)})"
    raise ModelError(
        f"{found}, the data have {dataset.classes} classes; "
        "give data with the model's classes, or export its class scores as the first output"
    )


def _session(path: Path, provider: Provider) -> onnxruntime.InferenceSession:
    """A silent session on one thread, that keeps its provider or fails."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = SILENT
    try:
        session = onnxruntime.InferenceSession(path, options, providers=_provider_list(provider))
    except Exception as error:  # the runtime's own exceptions share no narrower base
        raise ModelError(
            f"ONNX Runtime refuses it ({_first_line(error)}); export it again"
        ) from None
    if provider == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise ProviderError(f"{path}: CUDA is not to be had for it; take --provider cpu")
    return session


def _provider_list(provider: Provider) -> list[Any]:
    if provider == "cpu":
        return ["CPUExecutionProvider"]
    # TF32 rounds to 10 bits, which moves accuracies.
    return [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]


def _cuda_works() -> bool:
    """Whether a session really gets CUDA; the list of available providers only says compiled."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    onnxruntime.set_default_logger_severity(SILENT)
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    try:
        session = onnxruntime.InferenceSession(
            _identity_network(), options, providers=_provider_list("cuda")
        )
    except Exception:  # whatever the runtime raises, CUDA is not usable
        return False
    return "CUDAExecutionProvider" in session.get_providers()


def _identity_network() -> bytes:
    """The smallest model there is, to try a provider on."""
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")
    ]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "identity", ends[:1], ends[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    contents: bytes = onnx.helper.make_model(
        graph, opset_imports=opsets, ir_version=9
    ).SerializeToString()
    return contents


def _first_line(error: Exception) -> str:
    """The runtime's own words, without its error code and the file's name."""
    line = str(error).strip().partition("\n")[0]
    return line.rpartition(" : ")[2].rpartition(" failed:")[2][:200].strip()
