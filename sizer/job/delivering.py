"""From the end of the loop to what is delivered: the answer, and the verdict of each device."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sizer.devices.check import DeviceQuestion, check_model
from sizer.devices.records import DeviceVerdict
from sizer.job.acceptance import Acceptance
from sizer.job.delivery import Delivery
from sizer.job.loop import Ending
from sizer.job.verify import measured_file
from sizer.job.workshop import Bench
from sizer.prediction.question import Requirement
from sizer.prediction.recommend import recommend


def delivery_of(
    ending: Ending, bench: Bench, wanted: Requirement, question: DeviceQuestion
) -> Delivery:
    noise, recipe, calibration = bench.recipe.noise, bench.recipe, bench.fitted()
    advice = recommend(
        calibration,
        accuracy=wanted.target_accuracy,
        step=wanted.noise_step,
        confidence=wanted.confidence,
        command=recipe.command,
        **_asked(question),
    )
    if noise.camera is not None:
        warnings = (*advice.warnings, *noise.camera.warnings)
        advice = replace(advice, camera=noise.camera, warnings=warnings)
    delivered = ending.acceptance if ending.meets else None
    if delivered is not None and question.names:
        advice = replace(advice, devices=_held(bench.trained / f"{delivered.model}.onnx", question))
    original = None
    if delivered is not None and bench.measured_models != bench.trained:
        file = bench.trained / f"{delivered.model}.onnx"
        original = measured_file(file, wanted, recipe.data, recipe.max_bad)
    if delivered is not None and not delivered.sure:
        advice = replace(advice, warnings=(*advice.warnings, _luck(delivered)))
    size = next(m.parameters for m in calibration.models if m.name == ending.acceptance.model)
    return Delivery(
        kind=ending.kind,
        reason=ending.why,
        folder=str(bench.folder),
        advice=advice,
        calibration=calibration,
        delivered=delivered,
        original=original,
        promised=ending.promised,
        closest=ending.acceptance,
        parameters=size,
        noise=noise,
        decisions=bench.journal.decisions,
        seconds=round(bench.journal.seconds, 1),
        command=recipe.command,
    )


def _luck(delivered: Acceptance) -> str:
    """That counting alone may have lifted a model over the target, and what would settle it."""
    target, below = delivered.requirement.target_accuracy, delivered.accuracy - delivered.low
    return (
        f"{delivered.pictures:,} test pictures tell the delivered accuracy to {below:.3f}, so it "
        f"may lie below {target:g}; to be sure, ask for {target + below:.3f}, or give more pictures"
    )


def _held(model: Path, question: DeviceQuestion) -> tuple[DeviceVerdict, ...]:
    """Of the model that is delivered, which need not be the one that the answer recommends."""
    return check_model(model, confidence=question.confidence, **_asked(question))


def _asked(question: DeviceQuestion) -> dict[str, Any]:
    """As `recommend` and `check_model` take it."""
    return {
        "devices": question.names,
        "devices_file": question.file,
        "precision": question.precision,
        "reserve_ram": question.reserve_ram,
        "max_ram": question.max_ram,
        "max_flash": question.max_flash,
        "max_latency_ms": question.max_latency_ms,
    }
