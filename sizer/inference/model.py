"""A model file tried on the shape and classes of the data, before anything is measured."""

import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sizer.datasets.classes import ClassList, classes_of_metadata
from sizer.datasets.records import DatasetInfo, Shape
from sizer.errors import ModelError, naming
from sizer.inference.child import Bounds, Child, bounds_of, size_of
from sizer.inference.file_graph import FileGraph, require_numbers
from sizer.inference.input_format import InputFormat, from_metadata, require_sound, to_metadata
from sizer.inference.input_shape import Dims, InputSize, crop_share_from, input_shapes
from sizer.inference.inputs import CPU_BATCH_VALUES, WHOLE_RANGES, InputPlan
from sizer.inference.model_file import ModelFile, packed_files, read_model_file
from sizer.inference.predictor import OnnxPredictor
from sizer.inference.records import ModelInfo
from sizer.inference.runtime import CLOCKS, Provider, open_session

CPU_BATCHES = (25, 5, 1)  # divide the blocks that are measured; the first that is not too large
CUDA_BATCH = 250
CUDA_BATCH_VALUES = 1 << 23  # values of one CUDA batch at most: 32 MiB as float32
LARGEST_BATCH = 1 << 24  # values of a batch that a file states: 64 MiB as float32
USUAL_SIDE = 224  # of a model whose input is not known yet
READING = 60.0  # seconds to read and hash a file and its weights
SAME = {"cpu": 0.0, "cuda": 1e-3}  # of the largest score: how far two runs may differ

INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
}
SCORE_TYPES = {
    f"tensor({name})"
    for name in ("float", "float16", "bfloat16", "double", "int8", "uint8", "int32", "int64")
}


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A classifier that was tried on the shape and classes of the data; holds no session.

    size: bytes of its files. classes: that it scores; class_list: as its metadata call them.
    seconds: that an image took when it was tried.
    """

    path: Path
    info: ModelInfo
    provider: Provider
    plan: InputPlan
    size: int
    classes: int
    class_list: ClassList | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides a prediction: the file, the normalisation of its input, and
        which of its classes are scored.
        """
        parts = [self.info.sha256, *to_metadata(self.plan.input_format).values()]
        if self.plan.classes is not None:
            parts.append(f"classes {self.plan.classes}")
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

    def bounds(self, images: int) -> Bounds:
        """Of labels of so many images."""
        values = images * math.prod(self.info.input_shape or ())
        return bounds_of(self.path, self.size, values, cuda=self.provider == "cuda")

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
    file: ModelFile,
    dataset: DatasetInfo,
    *,
    provider: Provider = "cpu",
    input_format: InputFormat | None = None,
    size: InputSize | None = None,
    floats: bool = False,
    name: str | None = None,
    parameters: int | None = None,
    macs: int | None = None,
    training: str | None = None,
    seed: int | None = None,
    training_seconds: float | None = None,
) -> OnnxModel:
    """Try a checked file twice on noise of the shape that it takes. It runs: call this in a child.

    input_format: as the user says, else the file's metadata, else [-1, 1] as it is (0..255 for a
    model that takes uint8, -128..127 for int8). floats: the data are floating-point numbers, of
    which the user gave the range: the file's metadata then come first. size: of models that take
    any, and what of the pictures is cropped. parameters: as the manifest says, else see
    `count_parameters`. name: the file's stem by default. Raises ModelError, with the remedy, for a
    model that does not fit the data or is no function of it; ProviderError if CUDA does not work.
    """
    with naming(file.path):
        size = size or InputSize()
        stated = from_metadata(file.metadata)
        first, second = (stated, input_format) if floats else (input_format, stated)
        tried = _plan_input(file, dataset, provider, first or second, size.side)
        share = size.crop_share or crop_share_from(file.metadata)
        counted = file.parameters if parameters is None else parameters
        if counted < 1:
            raise ModelError("holds no weights to count; state its parameters in a manifest")
    info = ModelInfo(
        name=name or file.path.stem,
        sha256=file.sha256,
        parameters=counted,
        macs=macs,
        input_shape=tried.shape,
        crop_share=share,
        training=training,
        seed=seed,
        training_seconds=training_seconds,
        precision=file.precision,
    )
    listed = classes_of_metadata(file.metadata, str(file.path))
    size_tried = file.size, tried.classes, listed, tried.seconds
    return OnnxModel(file.path, info, provider, tried.plan, *size_tried)


def read_in(child: Child, path: Path) -> ModelFile:
    """`read_model_file` in a child: parsing alone can ask for much memory and time."""
    return child.call(bounds_of(path, size_of(path), seconds=READING), read_model_file, path)


def open_in(
    child: Child, file: ModelFile, dataset: DatasetInfo, *, provider: Provider = "cpu", **named: Any
) -> OnnxModel:
    """`open_model` in a child."""
    image = max(math.prod(dataset.shape or ()), USUAL_SIDE**2 * 3)
    bounds = bounds_of(file.path, file.size, CPU_BATCHES[0] * image, cuda=provider == "cuda")
    return child.call(bounds, open_model, file, dataset, provider=provider, **named)


class _Tried(NamedTuple):
    """How a model takes images, how many classes it scores, and the seconds that an image took."""

    plan: InputPlan
    shape: Shape
    classes: int
    seconds: float


def _plan_input(
    file: ModelFile,
    dataset: DatasetInfo,
    provider: Provider,
    input_format: InputFormat | None,
    side: int | None,
) -> _Tried:
    """The first arrangement and shape of images that the model takes and gives classes for."""
    session = open_session(file.path, provider)
    dtype, dims = input_signature(session)
    _require_scores(session)
    input_format = input_format or InputFormat(WHOLE_RANGES.get(dtype, InputFormat().range))
    shapes = input_shapes(dims, dataset.shape, side)
    _require_channels(input_format, {shape[2] for _, shape in shapes})
    plans = [
        (InputPlan(layout, dtype, batch, input_format), shape)
        for layout, shape in shapes
        for batch in _batches(dims[0], shape, provider)
    ]
    return _first_working(file.path, plans, session, dataset, provider)


def _first_working(
    path: Path,
    plans: list[tuple[InputPlan, Shape]],
    session: onnxruntime.InferenceSession,
    dataset: DatasetInfo,
    provider: Provider,
) -> _Tried:
    """The first plan that scores the data's classes, twice the same, else the first ModelError."""
    failures = []
    for plan, shape in plans:
        file_graph = FileGraph(path, session, plan)
        try:
            scores = _require_classes(file_graph, session, dataset, shape)
            clock, images = CLOCKS[provider], _noise(plan.batch, shape)
            begun, again, ended = clock(), file_graph.scores(images), clock()
            _require_same_again(scores, again, SAME[provider])
            require_numbers(scores.reshape(plan.batch, -1))
        except ModelError as error:
            failures.append(error)
        else:
            return _Tried(plan, shape, scores.shape[1], (ended - begun) / plan.batch)
    raise failures[0]


def input_signature(session: onnxruntime.InferenceSession) -> tuple[type[np.generic], Dims]:
    """Type and dimensions of the only input, None for a dimension that is dynamic."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs)
        raise ModelError(f"has {len(inputs)} inputs ({names:.200}); an image classifier takes one")
    node = inputs[0]
    if node.type not in INPUT_TYPES:
        raise ModelError(f"takes {node.type}; export it with float32, float16, uint8 or int8 input")
    return INPUT_TYPES[node.type], tuple(d if isinstance(d, int) else None for d in node.shape)


def _require_scores(session: onnxruntime.InferenceSession) -> None:
    outputs = session.get_outputs()
    if not outputs:
        raise ModelError("has no output; export it with its class scores as the first output")
    if outputs[0].type not in SCORE_TYPES:
        raise ModelError(
            f"gives {outputs[0].type:.100} first; export it with its class scores, which are "
            "numbers, as the first output"
        )


def _require_channels(input_format: InputFormat, channels: set[int]) -> None:
    require_sound(input_format)
    for name, numbers in (("mean", input_format.mean), ("std", input_format.std)):
        if len(numbers) not in {1, *channels}:
            taken = " or ".join(map(str, sorted(channels)))
            raise ModelError(
                f"{name} has {len(numbers)} numbers, the model takes {taken} channels; "
                f"give one number, or {taken}"
            )


def _batches(stated: int | None, shape: tuple[int, int, int], provider: Provider) -> list[int]:
    """Batches to try: the stated one; else a fast one, and 1 where an exporter fixed it inside."""
    most = LARGEST_BATCH // math.prod(shape)
    if most < 1:
        raise ModelError(f"takes {shape[0]:,} x {shape[1]:,} pixels; give a smaller side")
    if stated is not None and not 1 <= stated <= most:
        raise ModelError(
            f"takes {stated:,} images at once; export it for a free number, or one of 1 to {most:,}"
        )
    if stated is not None:
        return [stated]
    if provider == "cpu":
        room = CPU_BATCH_VALUES // math.prod(shape)
        return [next((batch for batch in CPU_BATCHES if batch <= room), 1), 1]
    return [max(1, min(CUDA_BATCH, CUDA_BATCH_VALUES // math.prod(shape))), 1]


def _require_classes(
    file_graph: FileGraph,
    session: onnxruntime.InferenceSession,
    dataset: DatasetInfo,
    shape: Shape,
) -> NDArray[Any]:
    """Scores of a batch of noise; ModelError unless the first output scores the data's classes, or
    more.
    """
    scores = file_graph.scores(_noise(file_graph.plan.batch, shape))
    trailing_ones = all(dim == 1 for dim in scores.shape[2:])
    if scores.shape[:1] == (file_graph.plan.batch,) and scores.ndim > 1 and trailing_ones:
        others = [node.shape[-1] for node in session.get_outputs()[1:] if node.shape]
        more = scores.shape[1] > dataset.classes and dataset.classes not in others
        if scores.shape[1] == dataset.classes or more:
            return scores
        output = f"gives {scores.shape[1]} classes"
    else:
        output = f"gives an output of shape {'x'.join(map(str, scores.shape))}"
    outputs = session.get_outputs()
    if len(outputs) > 1:
        output += f" first among its outputs ({', '.join(n.name for n in outputs):.200})"
    raise ModelError(
        f"{output}, the data have {dataset.classes} classes; "
        "give data with the model's classes, or export its class scores as the first output"
    )


def _require_same_again(scores: NDArray[Any], again: NDArray[Any], tolerance: float) -> None:
    """Raise ModelError where a second run of the same images gave other scores."""
    first, second = scores.astype(np.float64), again.astype(np.float64)
    apart = tolerance * np.abs(first[np.isfinite(first)]).max(initial=0)
    if not np.allclose(first, second, rtol=0, atol=apart, equal_nan=True):
        raise ModelError(
            "gives other scores for the same images when it runs again; "
            "export it in evaluation mode, without random numbers"
        )


def _noise(count: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((count, *shape), np.float32)
