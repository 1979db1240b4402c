"""`start`: from a folder of pictures to a verified model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sizer.datasets.records import MAX_BAD
from sizer.devices.check import DeviceQuestion, Inspection, check_model
from sizer.devices.footprint import footprint
from sizer.devices.operations import operations
from sizer.devices.records import DeviceVerdict
from sizer.devices.units import RESERVE_RAM
from sizer.errors import DeviceError, UsageError
from sizer.estimate import CONFIDENCE
from sizer.extras import require_extra
from sizer.inference.records import Precision
from sizer.io import filling
from sizer.job.budget import parse_duration
from sizer.job.delivery import Delivery, leave
from sizer.job.journal import Journal
from sizer.job.loop import Choice, Ending, run
from sizer.job.material import Material, look
from sizer.job.noise import JobNoise, job_noise
from sizer.job.verify import measured_file
from sizer.job.workshop import Bench, Recipe
from sizer.networks.architecture import macs, parameters
from sizer.networks.ladder import in_words
from sizer.networks.manifest import python_line
from sizer.networks.recipe import Augment
from sizer.prediction.question import Requirement, check_confidence
from sizer.prediction.recommend import recommend
from sizer.progress import ReportProgress, no_progress, say_nothing

BUDGET = "2h"


def start(
    data: str | Path,
    folder: str | Path,
    *,
    accuracy: float,
    camera: str | Path | None = None,
    step: float | None = None,
    sigma: float | None = None,
    snr_db: float | None = None,
    confidence: float = CONFIDENCE,
    budget: str = BUDGET,
    devices: str | Sequence[str] = (),
    devices_file: str | Path | None = None,
    precision: Precision = "int8",
    reserve_ram: str = RESERVE_RAM,
    max_ram: str | None = None,
    max_flash: str | None = None,
    max_latency_ms: float | None = None,
    side: int | None = None,
    epochs: int | None = None,
    augment: Augment = "crop-flip",
    max_bad: float = MAX_BAD,
    command: str | None = None,
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Delivery:
    """Train, measure and choose, until a model reaches an accuracy (a fraction) under noise.

    data: as in `sizer.train`. folder: of the job, which is made; stopped at any moment, the same
    call goes on. The noise is given once: pictures of the `camera`, a `step`, `sigma` in grey
    levels of 0..255, or `snr_db`. budget: of time, as `90m` or `2h`, in all runs together. devices
    and their limits: as in `sizer.recommend`; a size that none of them holds is not trained.
    precision: at which models are measured and delivered, int8 or fp32. side: pixels of the model's
    input; None: of small square pictures their own, else 64. epochs: None by the number of
    pictures. tell: told what is found, what it may cost, and each decision.

    Raises UsageError for a question out of range or a target that guessing reaches, DataError for
    pictures that are too few, DeviceError for a device that is not known, OutputError where the
    folder holds another job, MissingExtraError without the extra `train`.
    """
    require_extra("train", "sizer start")
    tell = once(tell)
    seconds = parse_duration(budget)
    check_confidence(confidence)
    if precision not in ("int8", "fp32"):
        raise UsageError(f"--precision {precision}: give int8 or fp32")
    question = DeviceQuestion(
        names=(devices,) if isinstance(devices, str) else tuple(devices),
        file=None if devices_file is None else Path(devices_file),
        precision=precision,
        reserve_ram=reserve_ram,
        max_ram=max_ram,
        max_flash=max_flash,
        max_latency_ms=max_latency_ms,
    )
    inspection = Inspection.of(question)
    material = look(str(data), side, accuracy, max_bad, tell)
    level = {"step": step, "sigma": sigma, "snr_db": snr_db}
    noise = job_noise(
        level, None if camera is None else Path(camera), material.test, material.to, progress
    )
    folder = Path(folder)
    asked = {"data": str(data), "folder": str(folder), "accuracy": accuracy, **level}
    recipe = Recipe(
        data=str(data),
        side=material.side,
        epochs=epochs or material.epochs(),
        augment=augment,
        noise=noise,
        max_bad=max_bad,
        precision=precision,
        command=command or python_line("start", **asked, camera=camera and str(camera)),
    )
    requirement = Requirement(noise.step, accuracy, confidence)
    with filling(folder):
        journal = Journal(folder, _identity(material, recipe, requirement, question))
        bench = Bench(folder, recipe, material, journal, progress, tell)
        choice = _choice(bench, inspection)
        for line in _before(bench, choice, requirement, seconds, inspection):
            tell(line)
        ending = run(journal, bench, choice, requirement, seconds, tell)
        delivery = _delivery(ending, bench, requirement, question)
        leave(delivery, bench.trained, bench.measured_models)
        journal.save()
    return delivery


def once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Without what was told before."""
    said = set[str]()

    def tell_new(line: str) -> None:
        if line not in said:
            said.add(line)
            tell(line)

    return tell_new


def _held(model: Path, question: DeviceQuestion) -> tuple[DeviceVerdict, ...]:
    """Of the model that is delivered, which need not be the one that the answer recommends."""
    return check_model(
        model,
        question.names,
        devices_file=question.file,
        precision=question.precision,
        reserve_ram=question.reserve_ram,
        max_ram=question.max_ram,
        max_flash=question.max_flash,
        max_latency_ms=question.max_latency_ms,
    )


def _identity(
    material: Material, recipe: Recipe, requirement: Requirement, question: DeviceQuestion
) -> dict[str, str]:
    """All that decides what is trained, in words, by the name of what a user gives."""
    return {
        "pictures": f"{material.train.info.identity[:16]} {material.test.info.identity[:16]}",
        "noise step": f"{requirement.noise_step:.6g}",
        "noise of the training": f"0..{recipe.noise.last}",
        "accuracy": f"{requirement.target_accuracy:g}",
        "confidence": f"{requirement.confidence:g}",
        "side": str(recipe.side),
        "epochs": str(recipe.epochs),
        "augment": recipe.augment,
        "precision": recipe.precision,
        "devices": ", ".join(question.names),
    }


def _choice(bench: Bench, inspection: Inspection) -> Choice:
    """The members that may be trained: those that no device is sure to refuse."""
    fitting = []
    for member in bench.members():
        needs = footprint(*operations(member), inspection.precision)
        grades = [inspection.judge(device, needs).verdict for device in inspection.devices]
        if "FAIL" in grades:
            break
        fitting.append(member)
    if not fitting:
        names = ", ".join(device.name for device in inspection.devices)
        raise DeviceError(
            f"{names}: not even the smallest network at {bench.recipe.side} pixels fits; give a"
            " smaller --side, or another device"
        )
    return Choice(
        tuple(parameters(member) for member in fitting),
        tuple(macs(member) for member in fitting),
        len(fitting) < len(bench.members()),
    )


def _before(
    bench: Bench, choice: Choice, wanted: Requirement, budget: float, inspection: Inspection
) -> tuple[str, ...]:
    """Four lines: the pictures, the noise, what will be done, what it may cost."""
    recipe, noise = bench.recipe, bench.recipe.noise
    small, large = choice.sizes[0], next((n for n in choice.sizes if n > 2e5), choice.sizes[-1])
    costs = [bench.seconds(size) for size in (small, large)]
    if costs[0] > budget:
        raise UsageError(
            f"--budget: the smallest training takes {in_words(costs[0])} here; give more, or fewer"
            " --epochs or a smaller --side"
        )
    held = "".join(f", {device.name}" for device in inspection.devices)
    most = f"; up to {choice.sizes[-1]:,} parameters fit{held}" if choice.limited else held
    return (
        bench.material.said(),
        _noise_said(noise),
        f"to do: train at {recipe.side} x {recipe.side} pixels, {recipe.epochs} epochs, noise of "
        f"steps 0 to {noise.last}, the smallest first; measure in {recipe.precision}{most}",
        f"cost: {in_words(costs[0])} for {small:,} parameters to {in_words(costs[1])} for "
        f"{large:,}, by timed batches; ends at {wanted.target_accuracy:g}, or where no size "
        f"reaches it, or after {in_words(budget)}",
    )


def _noise_said(noise: JobNoise) -> str:
    if noise.camera is None:
        return f"noise: step {noise.step:.4g}"
    seen = noise.camera.sigma
    return (
        f"camera: {seen.median:.1f} grey levels ({seen.low:.1f} to {seen.high:.1f}) in "
        f"{noise.camera.used:,} pictures, of which the model's input keeps {noise.kept:.0%}: step "
        f"{noise.step:.4g}"
    )


def _delivery(
    ending: Ending, bench: Bench, wanted: Requirement, question: DeviceQuestion
) -> Delivery:
    noise, recipe, calibration = bench.recipe.noise, bench.recipe, bench.fitted()
    advice = recommend(
        calibration,
        accuracy=wanted.target_accuracy,
        step=wanted.noise_step,
        confidence=wanted.confidence,
        devices=question.names,
        devices_file=question.file,
        precision=question.precision,
        reserve_ram=question.reserve_ram,
        max_ram=question.max_ram,
        max_flash=question.max_flash,
        max_latency_ms=question.max_latency_ms,
        command=recipe.command,
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
