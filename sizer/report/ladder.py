"""What `train` and `quantize` made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sizer.report.document import Document, Section, Table
from sizer.report.format import short

if TYPE_CHECKING:
    from sizer.inference.records import Precision
    from sizer.networks.manifest import Manifest
    from sizer.quantization.quantize import QuantizedModel


def document(manifest: "Manifest") -> Document:
    """The models of a trained ladder."""
    rows = tuple(
        (
            short(model.file),
            f"{model.parameters:,}",
            f"{model.macs:,}",
            str(model.seed),
            f"{model.clean_accuracy:.3f}",
        )
        for model in manifest.models
    )
    headings = ("model", "parameters", "MACs", "seed", "clean accuracy")
    title = f"{manifest.recipe.family} ladder on {short(manifest.dataset.spec)}"
    return Document((Section("", (Table(title, headings, rows),)),))


def quantized_document(precision: "Precision", models: "Sequence[QuantizedModel]") -> Document:
    """The loss that was measured: it shows an operator that quantises badly."""
    rows = tuple(
        (
            short(model.name),
            f"{model.parameters:,}",
            f"{model.original:.3f}",
            f"{model.quantized:.3f}",
            f"{round(model.original - model.quantized, 3) + 0:+.3f}",  # without minus zero
        )
        for model in sorted(models, key=lambda model: (model.parameters, model.name))
    )
    headings = ("model", "parameters", "fp32", precision, "loss")
    title = f"Clean accuracy on {models[0].images:,} test images"
    return Document((Section("", (Table(title, headings, rows),)),))
