"""`recommend` and `plan`: a calibration and a question to an answer."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sizer import files
from sizer.advise import advise
from sizer.advise import plan as plan_trainings
from sizer.calibration import Calibration
from sizer.devices.check import DeviceQuestion, Inspection
from sizer.errors import UsageError
from sizer.networks import architecture
from sizer.networks.train import train_line
from sizer.noise import level_from, schedule_named
from sizer.noise.camera import CameraNoise
from sizer.pipeline.devices import held_at_most, needs
from sizer.pipeline.exporting import recommended_member
from sizer.pipeline.reporting import provenance
from sizer.results import Advice, Requirement, TrainingPlan

if TYPE_CHECKING:
    from sizer.progress import ReportProgress


@dataclass(frozen=True, slots=True)
class NoiseQuestion:
    """The noise that is asked about, given in one of these ways; pictures: a camera's folder."""

    step: float | None = None
    sigma: float | None = None
    snr_db: float | None = None
    pictures: Path | None = None


def recommend(
    calibration: str,
    *,
    noise: NoiseQuestion,
    target_accuracy: float,
    confidence: float,
    progress: "ReportProgress",
    question: DeviceQuestion | None = None,
    force: bool = False,
    command: str | None = None,
) -> Advice:
    """The advice of a calibration file, or of a shipped one by name, and how devices hold it.

    Of pictures, their median noise is what is answered for, with a warning where the noisier end of
    them needs another answer. command: the line that asks.
    """
    inspection = Inspection.of(question or DeviceQuestion())
    found = files.read_calibration(files.find_calibration(calibration))
    step, camera = _noise_step(found, noise, progress)
    advice = advise(found, Requirement(step, target_accuracy, confidence), force)
    if camera is not None:
        warnings = (*advice.warnings, *camera.warnings, *_noisier_end(found, advice, camera))
        advice = replace(advice, camera=camera, warnings=warnings)
    precision = found.models[0].precision  # the same for all
    member = recommended_member(found, advice)
    return replace(
        advice,
        architecture=None if member is None else architecture.described(member),
        train_command=train_line(found.ladder, member) if member and found.ladder else None,
        provenance=provenance(found, command),
        precision=precision,
        devices=tuple(
            replace(
                inspection.judge(device, needs(inspection, member, advice)),
                reach=held_at_most(found, advice.requirement, inspection, device),
            )
            for device in inspection.devices
        ),
    )


def plan(
    calibration: str,
    *,
    noise: NoiseQuestion,
    target_accuracy: float,
    confidence: float,
    budget: float,
    progress: "ReportProgress",
) -> TrainingPlan:
    """The trainings that would narrow the answer of a calibration most for their cost."""
    found = files.read_calibration(files.find_calibration(calibration))
    step, _ = _noise_step(found, noise, progress)
    return plan_trainings(found, Requirement(step, target_accuracy, confidence), budget)


def _noise_step(
    calibration: Calibration, noise: NoiseQuestion, progress: "ReportProgress"
) -> tuple[float, CameraNoise | None]:
    """The noise in steps, whichever way it was given, and the pictures it came from."""
    level = {"step": noise.step, "sigma": noise.sigma, "snr_db": noise.snr_db}
    if sum(given is not None for given in (*level.values(), noise.pictures)) != 1:
        raise UsageError("give the noise once: --noise-step, --sigma, --snr-db or --noise-from")
    if calibration.schedule is None:
        if noise.step is None:
            raise UsageError("this calibration's noise has its own unit: give --noise-step in it")
        return noise.step, None
    schedule = schedule_named(calibration.schedule)
    if noise.pictures is None:
        return level_from(schedule, **level).step, None
    from sizer.noise.camera import camera_noise

    camera = camera_noise([noise.pictures], schedule, progress)
    return camera.step.median, camera


def _noisier_end(found: Calibration, advice: Advice, camera: CameraNoise) -> tuple[str, ...]:
    """A warning where the answer at the noisy end of the pictures is another one."""
    step = camera.step.high
    there = advise(found, replace(advice.requirement, noise_step=step))
    if _answer(there) == _answer(advice):
        return ()
    return (
        f"the pictures differ in noise: at their noisy end, step {step:.4g}, it is "
        f"{there.verdict}: {there.reason}",
    )


def _answer(advice: Advice) -> tuple[str, int | None]:
    return advice.verdict, advice.parameters.recommended if advice.parameters else None
