"""`sizer train` and `sizer export`: networks to ONNX files."""

from pathlib import Path
from typing import Annotated

import typer

import sizer
from sizer.cli.app import command, line_given
from sizer.cli.messages import mention, suggest
from sizer.cli.options import (
    EPOCHS,
    AcceleratorOption,
    AugmentOption,
    EngineOption,
    InputRangeOption,
    MaxBadOption,
    SideOption,
    parse_noise_steps,
    parse_range,
    parse_sizes,
)
from sizer.cli.progress import training_progress
from sizer.cli.show import show
from sizer.datasets.records import MAX_BAD
from sizer.networks.recipe import EFFICIENTNET


@command
def train(
    sizes: Annotated[
        str, typer.Option(help="Parameter counts FIRST:LAST:HOW_MANY, evenly spaced in ratio.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the ONNX files and the manifest.")],
    data: Annotated[str, typer.Option(help="Data to train on: builtin, a path, or hf:NAME.")] = (
        "builtin"
    ),
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Trainings of each size.")] = 2,
    architecture: Annotated[
        str,
        typer.Option(help="efficientnet, plain-cnn or inverted-residual: one file each, to copy."),
    ] = EFFICIENTNET,
    epochs: Annotated[int, EPOCHS] = 10,
    augment: AugmentOption = "crop-flip",
    noise_augment: Annotated[
        str | None,
        typer.Option(help="Add diffusion noise in training, at steps FIRST:LAST.", metavar="A:B"),
    ] = None,
    side: SideOption = None,
    max_bad: MaxBadOption = MAX_BAD,
    input_range: InputRangeOption = None,
    accelerator: AcceleratorOption = "auto",
    engine: EngineOption = "processes",
) -> None:
    """Train a ladder of small networks, export it to ONNX, and write its manifest.

    Stopped at any moment, the same line goes on at the last finished epoch.

    Example: sizer train --sizes 1e4:1e6:8 --noise-augment 0:800 --out models/mine
    """
    with training_progress() as progress:
        manifest = sizer.train(
            parse_sizes(sizes),
            out,
            data=data,
            seeds=seeds,
            architecture=architecture,
            epochs=epochs,
            augment=augment,
            noise_steps=parse_noise_steps(noise_augment),
            side=side,
            max_bad=max_bad,
            input_range=parse_range(input_range),
            accelerator=accelerator,
            engine=engine,
            command=line_given(),
            progress=progress,
            tell=mention,
        )
    show(manifest)
    suggest("calibrate", str(out), "--data", data, "--out", f"{out.name}.json")


@command
def export(
    name: Annotated[str, typer.Argument(help="b0 to b7.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    weights: Annotated[
        Path | None,
        typer.Option(help="Published weights: safetensors or a weights-only checkpoint."),
    ] = None,
    classes: Annotated[
        int, typer.Option("--class-count", min=2, max=30_000, help="Number of classes.")
    ] = 1000,
    side: Annotated[
        int | None,
        typer.Option(min=32, max=2048, help="Pixels a side of the network's input."),
    ] = None,
) -> None:
    """Write EfficientNet-B0 to B7 as ONNX, with published weights or untrained.

    Example: sizer export b0 --weights efficientnet_b0.safetensors --out b0.onnx
    """
    from sizer.networks.export import export
    from sizer.report.format import visible

    member = export(name, out, weights, classes, side)
    kind = "untrained" if weights is None else "with the given weights"
    print(
        f"{visible(str(out))}: EfficientNet-{name.upper()} {kind}, "
        f"{member.parameters:,} parameters, {member.macs:,} multiply-accumulates"
    )
