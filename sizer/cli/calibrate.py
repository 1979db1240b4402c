"""`sizer calibrate` and `sizer fit`: measurements to a calibration."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sizer
from sizer.cli.app import command, save_pictures
from sizer.cli.messages import mention
from sizer.cli.options import (
    ClassesOption,
    ControlOption,
    CropShareOption,
    DetailsOption,
    EngineOption,
    InputRangeOption,
    InputSideOption,
    IntervalOption,
    LevelsOption,
    MaxBadOption,
    MeanOption,
    OrderOption,
    OutOption,
    PlotsOption,
    StdOption,
    parse_input_format,
    parse_steps,
)
from sizer.cli.progress import measuring_progress
from sizer.cli.show import show
from sizer.datasets.records import MAX_BAD
from sizer.errors import UnfittedError
from sizer.inference.records import ProviderChoice
from sizer.scaling.choices import TOLERANCE

if TYPE_CHECKING:
    from sizer.calibration import Calibration


@command
def calibrate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="ONNX files, or folders of them. None: the built-in ladder."),
    ] = None,
    data: Annotated[
        str, typer.Option(help="Test images: builtin, a path, or hf:OWNER/NAME.")
    ] = "builtin",
    steps: Annotated[
        str, typer.Option(help="auto, or noise steps in 0..5000 as in 0,100,200.")
    ] = "auto",
    images: Annotated[
        int | None, typer.Option(min=1, help="Use this many test images at most; all by default.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            help="With --steps auto, stop once the widths are known this well: half of their 90 % "
            "interval from counting, a share of the width. 0: use all images.",
        ),
    ] = TOLERANCE,
    provider: Annotated[
        ProviderChoice, typer.Option(help="Where ONNX Runtime runs; auto: CUDA if it works.")
    ] = "auto",
    engine: EngineOption = "processes",
    input_range: InputRangeOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    input_side: InputSideOption = None,
    crop_share: CropShareOption = None,
    max_bad: MaxBadOption = MAX_BAD,
    classes: ClassesOption = None,
    restrict: Annotated[
        bool, typer.Option("--restrict", help="Score among the classes of the data alone.")
    ] = False,
    interval: IntervalOption = "sandwich",
    shape: Annotated[
        list[str] | None,
        typer.Option(
            help="A calibration whose shape of the fall this ladder nearly has: then four steps a "
            "model do. Give it again to take the mean of several."
        ),
    ] = None,
    out: OutOption = Path("calibration.json"),
    plots: PlotsOption = None,
    details: DetailsOption = False,
) -> None:
    """Measure how a ladder of models falls under noise, fit the scaling laws, write the result.

    Stopped at any moment, the same line goes on where it was: every finished cell is kept.

    Example: sizer calibrate models/mine --images 2000 --out mine.json --plots pictures
    """
    from sizer.calibration import check_outputs
    from sizer.io import making

    check_outputs(out, plots)
    with making(out), measuring_progress() as progress:
        measured = functools.partial(
            sizer.calibrate,
            models or (),
            data=data,
            steps=parse_steps(steps),
            images=images,
            tolerance=tolerance,
            provider=provider,
            engine=engine,
            input_format=parse_input_format(input_range, mean, std),
            input_side=input_side,
            crop_share=crop_share,
            max_bad=max_bad,
            classes=classes,
            restrict=restrict,
            interval=interval,
            shape=shape or (),
            progress=progress,
            tell=mention,
        )
        kept = _saved(measured, out)
    _deliver(*kept, out, plots, details)


@command
def fit(
    measurements: Annotated[
        Path,
        typer.Argument(
            help="A calibration file, or CSV: model,parameters,step,correct,trials"
            "[,chance][,training]; step in any unit of noise."
        ),
    ],
    order_parameter: OrderOption = "normalised",
    control: ControlOption = "step",
    levels: LevelsOption = "equidistant",
    interval: IntervalOption = "sandwich",
    out: OutOption = Path("calibration.json"),
    plots: PlotsOption = None,
    details: DetailsOption = False,
) -> None:
    """Fit the scaling laws to measurements made before, here or elsewhere.

    Example: sizer fit measurements.csv --out mine.json
    """
    from sizer.calibration import check_outputs
    from sizer.io import making

    check_outputs(out, plots)
    with making(out), measuring_progress() as progress:
        calibration = sizer.fit(
            measurements,
            order_parameter=order_parameter,
            control=control,
            levels=levels,
            interval=interval,
            progress=progress,
        )
        calibration.save(out)
    _deliver(calibration, None, out, plots, details)


def _saved(
    make: "Callable[[], Calibration]", out: Path
) -> "tuple[Calibration, UnfittedError | None]":
    """The calibration that is written, and why nothing is fitted to it, if that is so."""
    unfitted: UnfittedError | None = None
    try:
        calibration = make()
    except UnfittedError as error:
        calibration, unfitted = error.calibration, error
    calibration.save(out)
    return calibration, unfitted


def _deliver(
    calibration: "Calibration",
    unfitted: UnfittedError | None,
    out: Path,
    plots: Path | None,
    details: bool,
) -> None:
    """Show what is written, before a refusal to fit it."""
    mention(f"wrote {out}")
    if plots is not None:
        from sizer.report.pictures import figures

        save_pictures(figures(calibration), plots)
    from sizer.report.calibration import told

    if unfitted is None:
        show(calibration, document=functools.partial(told, name=str(out)), details=details)
        return
    show(replace(calibration, fit_warnings=()), details=True)  # which are the refusal
    raise unfitted
