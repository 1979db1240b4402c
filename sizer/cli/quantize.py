"""`sizer quantize`: a ladder at a lower precision."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import sizer
from sizer.cli.app import command, line_given
from sizer.cli.messages import mention, suggest
from sizer.cli.options import (
    PRECISION,
    ClassesOption,
    CropShareOption,
    InputRangeOption,
    InputSideOption,
    MaxBadOption,
    MeanOption,
    StdOption,
    parse_input_format,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.datasets.records import MAX_BAD


@command
def quantize(
    models: Annotated[list[Path], typer.Argument(help="ONNX files in fp32, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the quantised files and their manifest.")],
    data: Annotated[
        str, typer.Option(help="Training images to calibrate on: builtin, a path, or hf:NAME.")
    ] = "builtin",
    precision: Annotated[Literal["int8", "fp16"], PRECISION] = "int8",
    input_range: InputRangeOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    input_side: InputSideOption = None,
    crop_share: CropShareOption = None,
    max_bad: MaxBadOption = MAX_BAD,
    classes: ClassesOption = None,
) -> None:
    """Quantise a ladder, and measure what each model loses by it on clean test images.

    The folder is a ladder like any other: `sizer calibrate` measures it under noise.

    Example: sizer quantize models/mine --data photos/ --out models/mine-int8
    """
    with measuring_progress() as progress:
        ladder = sizer.quantize(
            models,
            out,
            data=data,
            precision=precision,
            input_format=parse_input_format(input_range, mean, std),
            input_side=input_side,
            crop_share=crop_share,
            max_bad=max_bad,
            classes=classes,
            command=line_given(),
            progress=progress,
            tell=mention,
        )
    show(ladder)
    suggest("calibrate", str(out), "--data", data, "--out", f"{out.name}.json")
