"""From what an answer was made, and the lines that make it again."""

import math
import platform
import shlex
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import sizer
from sizer.calibration import Calibration
from sizer.datasets.records import DatasetInfo
from sizer.inference.records import ModelInfo
from sizer.networks.recipe import LadderTraining


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


def calibrate_line(calibration: Calibration) -> str | None:
    """The line that measures the same again, where its models are of a known ladder."""
    data, law, ladder = calibration.dataset, calibration.width_law, calibration.ladder
    folder = None if ladder is None else _folder(ladder)
    if folder is None or data is None:
        return None
    words = [folder, "--data", data.spec, *_measured_words(calibration, data)]
    if law is not None:
        words += ["--control", law.control, "--order-parameter", law.order_parameter]
        halved = all(math.log2(low).is_integer() for pair in law.pairs for low, _ in [pair.levels])
        words += ["--levels", "logarithmic" if halved else "equidistant"]
    if calibration.fit is not None:
        words += ["--interval", calibration.fit.interval]
    return shlex.join(["sizer", "calibrate", *words])


def _measured_words(calibration: Calibration, data: DatasetInfo) -> list[str]:
    """The steps that all models have; or, where each has its own, the plan on as many images."""
    curves = calibration.curves
    steps, images = curves[0].steps, calibration.images
    words = ["--images", str(images)] if images < data.images else []
    if any(curve.steps != steps for curve in curves):
        return [*words, "--precision", "0"]
    return ["--steps", ",".join(f"{step:g}" for step in steps), *words]


def _folder(ladder: LadderTraining) -> str | None:
    """Where the commands of a ladder put it last."""
    words = shlex.split(ladder.command)
    after = [word for option, word in pairwise(words) if option == "--out"]
    return after[-1] if after else None


def provenance(calibration: Calibration, command: str | None) -> Provenance:
    """Where the figures of a calibration come from; command: the line that asks now."""
    ladder = calibration.ladder
    lines = (ladder.command if ladder else None, calibrate_line(calibration), command)
    return Provenance(
        commands=tuple(line for line in lines if line),
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
