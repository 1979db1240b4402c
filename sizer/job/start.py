"""`start`: from a folder of pictures to a verified model."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sizer.cluster import EngineChoice
from sizer.datasets.records import MAX_BAD
from sizer.devices.check import DeviceQuestion, Inspection
from sizer.devices.footprint import footprint
from sizer.devices.operations import operations
from sizer.devices.units import RESERVE_RAM
from sizer.errors import DeviceError, UsageError
from sizer.estimate import CONFIDENCE
from sizer.extras import require_extra
from sizer.inference.records import Precision
from sizer.io import filling
from sizer.job.budget import parse_duration
from sizer.job.delivering import delivery_of
from sizer.job.delivery import Delivery, leave
from sizer.job.foretold import before
from sizer.job.journal import Journal
from sizer.job.loop import Choice, run
from sizer.job.material import Material, look
from sizer.job.noise import job_noise
from sizer.job.workshop import Bench, JobRecipe
from sizer.networks.architecture import macs, parameters
from sizer.networks.manifest import python_line
from sizer.networks.recipe import AcceleratorChoice, Augment
from sizer.prediction.question import Requirement
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
    accelerator: AcceleratorChoice = "auto",
    engine: EngineChoice = "processes",
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
    pictures. accelerator, engine: as in `sizer.train`. tell: told what is found, what it may cost,
    and each decision.

    Raises UsageError for a question out of range or a target that guessing reaches, DataError for
    pictures that are too few, DeviceError for a device that is not known, OutputError where the
    folder holds another job, MissingExtraError without the extra `train`.
    """
    require_extra("train", "sizer start")
    tell = once(tell)
    if engine == "ray":
        require_extra("ray", "sizer start --engine ray")
    seconds = parse_duration(budget)
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
        confidence=confidence,
    )
    inspection = Inspection.of(question)
    material = look(str(data), side, accuracy, max_bad, tell)
    level = {"step": step, "sigma": sigma, "snr_db": snr_db}
    seen = None if camera is None else Path(camera)
    noise = job_noise(level, seen, material.test, material.to, progress)
    asked = {"data": str(data), "folder": str(folder), "accuracy": accuracy, **level}
    recipe = JobRecipe(
        data=str(data),
        side=material.side,
        epochs=epochs or material.epochs(),
        augment=augment,
        noise=noise,
        max_bad=max_bad,
        precision=precision,
        accelerator=accelerator,
        engine=engine,
        command=command or python_line("start", **asked, camera=camera and str(camera)),
    )
    wanted = Requirement(noise.step, accuracy, confidence)
    with filling(Path(folder)):
        journal = Journal(Path(folder), _identity(material, recipe, wanted, question))
        bench = Bench(Path(folder), recipe, material, journal, progress, tell)
        return _worked(bench, wanted, question, inspection, seconds)


def _worked(
    bench: Bench,
    wanted: Requirement,
    question: DeviceQuestion,
    inspection: Inspection,
    budget: float,
) -> Delivery:
    """The loop to its end, and what it leaves in the folder."""
    choice = _choice(bench, inspection)
    for line in before(bench, choice, wanted, budget, inspection):
        bench.tell(line)
    bench.journal.save()
    ending = run(bench.journal, bench, choice, wanted, budget, bench.tell)
    delivery = delivery_of(ending, bench, wanted, question)
    leave(delivery, bench.trained, bench.measured_models)
    bench.journal.save()
    return delivery


def once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Without what was told before."""
    said = set[str]()

    def tell_new(line: str) -> None:
        if line not in said:
            said.add(line)
            tell(line)

    return tell_new


def _identity(
    material: Material, recipe: JobRecipe, requirement: Requirement, question: DeviceQuestion
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
