"""What `quantize` made."""

from typing import TYPE_CHECKING

from sizer.report.document import Document, Section, Table
from sizer.report.format import short

if TYPE_CHECKING:
    from sizer.quantization.quantize import QuantizedLadder


def document(ladder: "QuantizedLadder") -> Document:
    """The loss that was measured: it shows an operator that quantises badly."""
    rows = tuple(
        (
            short(model.name),
            f"{model.parameters:,}",
            f"{model.original:.3f}",
            f"{model.quantized:.3f}",
            f"{round(model.original - model.quantized, 3) + 0:+.3f}",  # without minus zero
        )
        for model in sorted(ladder.models, key=lambda model: (model.parameters, model.name))
    )
    headings = ("model", "parameters", "fp32", ladder.precision, "loss")
    title = f"Clean accuracy on {ladder.models[0].images:,} test images"
    return Document((Section("", (Table(title, headings, rows),)),))
