"""`recommend`: a calibration and a question to an answer, and how devices hold it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.calibration import Calibration, load
from sizer.devices.units import RESERVE_RAM
from sizer.estimate import CONFIDENCE
from sizer.inference.records import Precision
from sizer.networks.architecture import Blueprint, described, parameters
from sizer.networks.recipe import train_line
from sizer.prediction.advice import Advice, advise
from sizer.prediction.asked_noise import AskedNoise, noise_step
from sizer.prediction.lending import borrowing
from sizer.prediction.members import family, member_with, recommended_member
from sizer.prediction.question import Requirement
from sizer.progress import ReportProgress, no_progress
from sizer.provenance import provenance

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise


def recommend(
    calibration: Calibration | str | Path,
    *,
    accuracy: float,
    step: float | None = None,
    sigma: float | None = None,
    snr_db: float | None = None,
    noise_from: str | Path | None = None,
    borrow: str | Path | Sequence[str | Path] = (),
    confidence: float = CONFIDENCE,
    devices: str | Sequence[str] = (),
    devices_file: str | Path | None = None,
    precision: Precision = "int8",
    reserve_ram: str = RESERVE_RAM,
    max_ram: str | None = None,
    max_flash: str | None = None,
    max_latency_ms: float | None = None,
    force: bool = False,
    command: str | None = None,
    progress: ReportProgress = no_progress,
) -> Advice:
    """The smallest size that reaches an accuracy (a fraction) under noise, or what is known of it.

    calibration: one that was loaded, its file, or the name of a shipped one. confidence: of the
    recommended size and of all intervals. The noise is given once: as a step, `sigma` in grey
    levels of 0..255, `snr_db`, or a folder of pictures. Of pictures, their median noise is what is
    answered for, with a warning where their noisier end needs another answer. borrow: calibrations
    whose growth with size this one may share; one that contradicts its measurements counts for
    little. devices: names of the catalogue or of `devices_file`. force: name a size also where it
    lies too far beyond the ladder. command: the line that asks, for the provenance.

    Raises UsageError for a question out of range, DeviceError for a device that is not known,
    DataError for pictures that cannot be read, MeasurementError for a calibration that cannot be
    borrowed of.
    """
    calibration = borrowing(load(calibration), borrow)
    asked, camera = noise_step(calibration, AskedNoise(step, sigma, snr_db, noise_from), progress)
    advice = advise(calibration, Requirement(asked, accuracy, confidence), force)
    if camera is not None:
        advice = _of_pictures(calibration, advice, camera)
    advice = _with_networks(
        replace(
            advice,
            provenance=provenance(calibration, command),
            precision=calibration.models[0].precision,  # the same for all
        ),
        calibration,
    )
    limits = (devices_file, max_ram, max_flash, max_latency_ms)
    if not devices and limits == (None,) * len(limits) and reserve_ram == RESERVE_RAM:
        return advice
    from sizer.devices.check import DeviceQuestion
    from sizer.prediction.held import device_verdicts

    names = (devices,) if isinstance(devices, str) else tuple(devices)
    file = None if devices_file is None else Path(devices_file)
    question = DeviceQuestion(names, file, precision, reserve_ram, *limits[1:], confidence)
    return replace(advice, devices=device_verdicts(calibration, advice, question))


def _with_networks(advice: Advice, calibration: Calibration) -> Advice:
    """With the member to build, and the line that trains it, or what would settle the answer."""
    members, ladder = family(calibration), calibration.ladder
    member = recommended_member(members, advice)
    next_size = advice.settle or advice.recommended
    trained = member_with(members, next_size) if next_size else None
    return replace(
        advice,
        architecture=None if member is None else described(member),
        train_command=train_line(ladder, trained) if trained and ladder else None,
    )


def _of_pictures(calibration: Calibration, advice: Advice, camera: "CameraNoise") -> Advice:
    """With the pictures, and a warning where the noisy end of them has another answer."""
    warnings = [*advice.warnings, *camera.warnings]
    step = camera.step.high
    there = advise(calibration, replace(advice.requirement, noise_step=step))
    members = family(calibration)
    to_build = _to_build(members, there)
    if (there.verdict, to_build) != (advice.verdict, _to_build(members, advice)):
        size = there.verdict == "recommended" and to_build
        words = f"use {size:,} parameters" if size else there.reason
        warnings.append(
            f"the pictures differ in noise: at their noisy end, {advice.noise(step)}, {words}"
        )
    return replace(advice, camera=camera, warnings=tuple(warnings))


def _to_build(members: Sequence[Blueprint], advice: Advice) -> int | None:
    """The size of the member, or the recommended one where sizer builds none."""
    member = recommended_member(members, advice)
    return advice.recommended if member is None else parameters(member)
