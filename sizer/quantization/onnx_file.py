"""An ONNX classifier in int8 or fp16, made by ONNX Runtime's own tools.

int8 is static QDQ: unsigned activations between the extremes that calibration images give them,
signed weights with a scale for each output channel. Weights use 7 of their 8 bits: processors
without VNNI add two products into 16 bits, which full ones overflow, so that the same file would
be less accurate on them.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import onnx
from numpy.typing import NDArray

from sizer.errors import ModelError, OutputError, SizerError, naming
from sizer.inference.model_file import ModelFile, read_model_file
from sizer.inference.raising import raised, without_weight_inputs
from sizer.inference.runtime import open_session

LowPrecision = Literal["int8", "fp16"]

OLDEST_OPSET = 13  # in which weights may have a scale for each channel
MADE_FROM_KEY = "sizer.made_from"


def quantize_file(
    source: Path,
    precision: LowPrecision,
    batches: Iterable[NDArray[Any]],
    metadata: Mapping[str, str],
    scratch: Path,
) -> bytes:
    """The quantised model as the contents of a file. It runs, so call this in a child.

    source: a file that `read_model_file` accepts. batches: of calibration images, as the model
    takes them; fp16 looks at none. metadata: entries that are set beside the source's own. scratch:
    a folder of the caller's for what the tools write. Raises ModelError for a model that is
    quantised already, or that the tools fail on.
    """
    file = read_model_file(source)
    with naming(source):
        if file.precision != "fp32":
            raise ModelError(f"its weights are {file.precision}; give the fp32 model")
        try:
            with _silent(), _writing_in(scratch):
                graph = without_weight_inputs(onnx.load(source))
                int8 = precision == "int8"
                made = _to_int8(graph, batches, scratch) if int8 else _to_fp16(graph)
                onnx.helper.set_model_props(made, {**file.metadata, **metadata})
                contents: bytes = made.SerializeToString()
        except SizerError:  # of the images
            raise
        except Exception as error:  # the tools raise nearly anything on what they do not know
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise ModelError(f"cannot be made {precision} ({reason}); export it again") from error
        open_session(contents, "cpu")  # what does not run is never written
    return contents


def made_from(*ingredients: object) -> dict[str, str]:
    """The metadata entry that names all that decides a quantised file."""
    digest = hashlib.sha256("\n".join(map(str, ingredients)).encode()).hexdigest()
    return {MADE_FROM_KEY: digest}


def is_made(target: ModelFile, made: Mapping[str, str]) -> bool:
    """True; raises OutputError if it is another file."""
    if target.metadata.get(MADE_FROM_KEY) != made[MADE_FROM_KEY]:
        raise OutputError(f"{target.path}: exists and was not made from this; choose another --out")
    return True


def _to_int8(
    graph: onnx.ModelProto, batches: Iterable[NDArray[Any]], scratch: Path
) -> onnx.ModelProto:
    from onnxruntime import quantization

    graph = raised(graph, OLDEST_OPSET)
    (name,) = (node.name for node in graph.graph.input)
    made = scratch / "int8.onnx"
    quantization.quantize_static(
        graph,
        made,
        _reader(name, batches),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    return onnx.load(made)


def _reader(name: str, batches: Iterable[NDArray[Any]]) -> Any:
    """Batches in the form that ONNX Runtime asks for."""
    from onnxruntime.quantization import CalibrationDataReader

    waiting = iter(batches)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(waiting, None)
            return None if batch is None else {name: batch}

    return Reader()


def _to_fp16(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Weights and arithmetic in fp16; inputs and outputs keep their type."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    made: onnx.ModelProto = convert_float_to_float16(graph, keep_io_types=True)
    return made


@contextmanager
def _silent() -> Iterator[None]:
    """Hold back what the tools log on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """Temporary files of the tools go there."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
