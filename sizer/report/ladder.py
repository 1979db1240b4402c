"""What `train` made."""

from typing import TYPE_CHECKING

from sizer.networks.judging import remarks
from sizer.report.document import Document, Section, Table, Warnings
from sizer.report.format import short

if TYPE_CHECKING:
    from sizer.networks.manifest import Manifest


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
    lines = tuple(remarks(manifest))
    warnings = (Warnings(lines),) if lines else ()
    return Document((Section("", (Table(title, headings, rows), *warnings)),))
