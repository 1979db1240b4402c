"""From what an answer was made, and the lines that make it again."""

import math
import platform
import shlex
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import sizer
from sizer.calibration import Calibration, Measuring, Request
from sizer.datasets.records import MAX_BAD, DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining
from sizer.scaling.crossings import Cut

OUT = "calibration.json"  # where calibrate writes by default


@dataclass(frozen=True, slots=True)
class Provenance:
    """From what an answer was made, and the lines that make it again.

    commands: in their order, as far as they are known. versions: of the programs. trained_on,
    measured_on: the data. models: the files that were measured, where they were files.
    """

    commands: tuple[str, ...]
    versions: tuple[str, ...]
    trained_on: DatasetInfo | None
    measured_on: DatasetInfo | None
    models: tuple[ModelInfo, ...]


def provenance(calibration: Calibration, command: str | None) -> Provenance:
    """Where the figures of a calibration come from; command: the line that asks now."""
    ladder = calibration.ladder
    trained = ladder.command if ladder else None
    return Provenance(
        commands=tuple(
            line for line in (trained, *calibration_lines(calibration), command) if line
        ),
        versions=(
            *([f"ladder: {ladder.created_with}"] if ladder else []),
            f"calibration: {calibration.created_with}",
            f"answer: sizer {sizer.__version__}, Python {platform.python_version()}, "
            f"numpy {np.__version__}",
        ),
        trained_on=ladder.dataset if ladder else None,
        measured_on=calibration.dataset,
        models=calibration.models,
    )


def calibration_lines(calibration: Calibration) -> tuple[str, ...]:
    """The lines that measure and fit the same again, as far as they are known."""
    request = calibration.request or _guessed_request(calibration)
    measuring = request.measuring or _guessed_measuring(calibration)
    kept = request.measurements or OUT
    fitted = request.measurements is not None or request.cut != Cut()
    interval = [] if request.interval == "sandwich" else ["--interval", request.interval]
    lines = []
    if measuring is not None:
        options = ["--out", kept] if fitted and kept != OUT else [] if fitted else interval
        lines.append(["calibrate", *_measuring_words(measuring), *options])
    if fitted and (measuring is not None or request.measurements is not None):
        lines.append(["fit", kept, *_cut_words(request.cut), *interval])
    return tuple(shlex.join(["sizer", *words]) for words in lines)


def _measuring_words(measuring: Measuring) -> list[str]:
    words = [*measuring.models, "--data", measuring.data]
    if measuring.steps is None:
        words += ["--tolerance", _number(measuring.tolerance)]
    else:
        words += ["--steps", _numbers(measuring.steps)]
    if measuring.images is not None:
        words += ["--images", str(measuring.images)]
    if measuring.input_format is not None:
        expected = measuring.input_format
        words += ["--input-range", _numbers(expected.range)]
        words += ["--mean", _numbers(expected.mean), "--std", _numbers(expected.std)]
    if measuring.input_side is not None:
        words += ["--input-side", str(measuring.input_side)]
    if measuring.crop_share is not None:
        words += ["--crop-share", _number(measuring.crop_share)]
    if measuring.max_bad != MAX_BAD:
        words += ["--max-bad", _number(measuring.max_bad)]
    if measuring.classes is not None:
        words += ["--classes", measuring.classes]
    for name in measuring.shape:
        words += ["--shape", name]
    if measuring.restrict:
        words += ["--restrict"]
    if measuring.provider != "auto":
        words += ["--provider", measuring.provider]
    if measuring.engine != "processes":
        words += ["--engine", measuring.engine]
    return words


def _cut_words(cut: Cut) -> list[str]:
    usual, words = Cut(), list[str]()
    if cut.order_parameter != usual.order_parameter:
        words += ["--order-parameter", cut.order_parameter]
    if cut.control != usual.control:
        words += ["--control", cut.control]
    if cut.levels != usual.levels:
        words += ["--levels", cut.levels]
    return words


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(map(_number, values))


def _number(value: float) -> str:
    """All digits of it, and none more."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _guessed_request(calibration: Calibration) -> Request:
    """Of a file that does not say it, as those of older versions."""
    law, fit, cut = calibration.width_law, calibration.fit, Cut()
    if law is not None:
        halved = all(math.log2(low).is_integer() for pair in law.pairs for low, _ in [pair.levels])
        cut = Cut(law.order_parameter, law.control, "logarithmic" if halved else "equidistant")
    return Request(
        measuring=None,
        measurements=None,
        cut=cut,
        interval="bootstrap" if fit is not None and fit.interval == "bootstrap" else "sandwich",
        version=calibration.created_with,
    )


def _guessed_measuring(calibration: Calibration) -> Measuring | None:
    """The steps that all models have; or, where each has its own, the plan on as many images.

    None where the models are of no known ladder.
    """
    data, ladder, images = calibration.dataset, calibration.ladder, calibration.images
    folder = None if ladder is None else _folder(ladder)
    if folder is None or data is None:
        return None
    curves = calibration.curves
    steps = curves[0].steps
    return Measuring(
        models=(folder,),
        data=data.spec,
        steps=steps if all(curve.steps == steps for curve in curves) else None,
        images=images if images < data.images else None,
        tolerance=0.0,
        input_format=None,
        provider="auto",
        engine="processes",
    )


def _folder(ladder: LadderTraining) -> str | None:
    """Where the commands of a ladder put it last."""
    words = shlex.split(ladder.command)
    after = [word for option, word in pairwise(words) if option == "--out"]
    return after[-1] if after else None
