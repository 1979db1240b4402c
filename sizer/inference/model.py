"""A model file tried on the shape and classes of the data, before anything is measured."""

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime

from sizer.datasets.records import DatasetInfo
from sizer.errors import ModelError
from sizer.inference.file_graph import FileGraph
from sizer.inference.input_format import InputFormat, from_metadata, require_sound, to_metadata
from sizer.inference.inputs import BYTE_RANGE, InputPlan, Layout
from sizer.inference.model_file import ModelFile, packed_files, read_model_file
from sizer.inference.predictor import OnnxPredictor
from sizer.inference.records import ModelInfo
from sizer.inference.runtime import Provider, naming, open_session

Dims = tuple[int | None, ...]

CPU_BATCH = 25  # divides the blocks that are measured; 8 to 32 is fastest on a CPU
CUDA_BATCH = 250
CUDA_BATCH_VALUES = 1 << 23  # values of one CUDA batch at most: 32 MiB as float32

INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


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
        graph = FileGraph(self.path, open_session(self.path, self.provider), self.plan)
        return OnnxPredictor(graph, self.provider, self.fingerprint)

    def packed(self) -> "PackedModel":
        """The model with the bytes of its files, to be opened on another machine."""
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
    training_seconds: float | None = None,
) -> OnnxModel:
    """Check a model file, and try it once on blank images of the data's shape.

    input_format: as the user says, else the file's metadata, else [-1, 1] as it is (0..255 for a
    model that takes uint8). parameters: as the manifest says, else see `count_parameters`.
    name: the file's stem by default. Raises ModelError, with the remedy, for a file that cannot
    be read or trusted, or that does not fit the data; ProviderError if CUDA does not work.
    """
    file = read_model_file(path)
    with naming(path):
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
        training_seconds=training_seconds,
        precision=file.precision,
    )
    return OnnxModel(path, info, provider, plan)


def _plan_input(
    file: ModelFile, dataset: DatasetInfo, provider: Provider, requested: InputFormat | None
) -> InputPlan:
    """The first arrangement of the data's images that the model takes and gives classes for."""
    session = open_session(file.path, provider)
    dtype, dims = input_signature(session)
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
            _require_classes(FileGraph(path, session, plan), session, dataset)
        except ModelError as error:
            failures.append(error)
        else:
            return plan
    raise failures[0]


def input_signature(session: onnxruntime.InferenceSession) -> tuple[type[np.generic], Dims]:
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
    """Batches to try: the stated one; else a fast one, and 1 where an exporter fixed it inside."""
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
    file_graph: FileGraph, session: onnxruntime.InferenceSession, dataset: DatasetInfo
) -> None:
    """Run blank images; raise ModelError unless the first output scores the data's classes."""
    scores = file_graph.scores(np.zeros((file_graph.plan.batch, *dataset.shape), np.float32))
    trailing_ones = all(dim == 1 for dim in scores.shape[2:])
    if scores.shape[:1] == (file_graph.plan.batch,) and scores.ndim > 1 and trailing_ones:
        if scores.shape[1] == dataset.classes:
            return
        output = f"gives {scores.shape[1]} classes"
    else:
        output = f"gives an output of shape {'x'.join(map(str, scores.shape))}"
    outputs = session.get_outputs()
    if len(outputs) > 1:
        output += f" first among its outputs ({', '.join(node.name for node in outputs)})"
    raise ModelError(
        f"{output}, the data have {dataset.classes} classes; "
        "give data with the model's classes, or export its class scores as the first output"
    )
