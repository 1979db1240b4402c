"""The spine: what happens in which order. No printing here, and no decisions about display."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer import files
from sizer.advise import advise, largest_size, reach
from sizer.errors import (
    MeasurementError,
    MissingExtraError,
    ModelError,
    OutputError,
    UsageError,
)
from sizer.manifest import Manifest, Recipe, TrainedModel, read_manifest
from sizer.noise import NoiseSchedule, epsilon, linear_schedule, schedule_named
from sizer.results import (
    RESERVE_RAM,
    Advice,
    Architecture,
    Calibration,
    Cell,
    Control,
    DatasetInfo,
    Device,
    DeviceVerdict,
    Footprint,
    InputFormat,
    LevelCrossing,
    LevelSet,
    Limits,
    ModelInfo,
    NoiseCurve,
    OrderParameter,
    Precision,
    ProviderChoice,
    Reach,
    Requirement,
)
from sizer.zoo import architecture

if TYPE_CHECKING:
    from sizer.devices.latency import Rates
    from sizer.evaluate import OnnxModel
    from sizer.levels import LevelSettings
    from sizer.measure import CellStore, Evaluator, ImageSet, Measurement, Noise
    from sizer.zoo.ladder import Progress

BUILTIN = "builtin"
NOISE_SEED = 0
# `--steps auto`: a few images at these steps find where every model only guesses ...
BRACKET_STEPS = (0, 100, 200, 400, 600, 800, 1000, 1300, 1600, 2000, 2500, 3000, 4000, 5000)
BRACKET_IMAGES = 500
RISING = 0.1  # accuracy gained along the steps, when they must be a signal and not a noise
GUESSING = 3.0  # standard errors above chance
# ... and the fall up to there is cut into a grid, finer where there is less noise.
GRID_STEPS = 26
GRID_POWER = 1.25

# What `fit_measurements` says of its own, and says anew of every fit.
NO_WIDTH_LAW = "fewer than three sizes cross a pair of levels: no width law"
NO_CHANCE = "the table has no column `chance`: it was taken to be 0; state what guessing reaches"
NOT_CLEAN = (
    "some models were not measured without noise: their accuracy at the first step measured "
    "stands for the clean one in the levels; measure step 0 too, or take --order-parameter raw"
)

# The one recipe of every ladder that `train` makes; what a user chooses is added to it.
BATCH = 128
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.0
EXTRA = ("torch", "onnxscript", "safetensors")  # packages of the extra `train`

ReportProgress = Callable[[str], Callable[[float, float], None]]


@dataclass(frozen=True, slots=True)
class CutChoice:
    """How curves are cut into widths; see `sizer.levels`."""

    order_parameter: OrderParameter = "normalised"
    control: Control = "step"
    levels: LevelSet = "equidistant"


@dataclass(frozen=True, slots=True)
class DeviceQuestion:
    """Which devices are asked about, at which precision; amounts of memory as they were typed."""

    names: tuple[str, ...] = ()
    file: Path | None = None
    precision: Precision = "int8"
    reserve_ram: str = RESERVE_RAM
    max_ram: str | None = None
    max_flash: str | None = None
    max_latency_ms: float | None = None


# ---------------------------------------------------------------- train and export


def train(
    *,
    data: str,
    sizes: tuple[float, ...],
    seeds: int,
    epochs: int,
    augment: str,
    noise_steps: tuple[int, int] | None,
    folder: Path,
    command: str,
    report: "Callable[[int, dict[str, int]], Callable[[Progress], None]]",
) -> Manifest:
    """Train, export and record a ladder. `report` is told the models' epochs, then each epoch."""
    _require_extra("train")
    from sizer.datasets import open_dataset
    from sizer.measure import usable_cores
    from sizer.zoo import ladder

    recipe = Recipe(
        epochs=epochs,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        label_smoothing=LABEL_SMOOTHING,
        augment=augment,
        noise_steps=noise_steps,
    )
    plan = ladder.make_plan(
        train=open_dataset(data, "train"),
        test=open_dataset(data, "test"),
        schedule=linear_schedule(),
        recipe=recipe,
        sizes=sizes,
        seeds=seeds,
        folder=folder,
        command=command,
    )
    return ladder.train_ladder(plan, usable_cores(), report(epochs, ladder.costs(plan)))


def export(name: str, weights: Path | None, classes: int, output: Path) -> Architecture:
    """Write EfficientNet-B0 to B7 as ONNX, with published weights or untrained."""
    _require_extra("export")
    from sizer.zoo.export import IMAGENET, check_output, export_onnx, load_weights
    from sizer.zoo.network import EfficientNet

    blueprint = architecture.published(name, classes)
    check_output(output)
    network = EfficientNet(blueprint) if weights is None else load_weights(blueprint, weights)
    with files.replacing(output) as partial:
        export_onnx(network, blueprint.resolution, partial, IMAGENET)
    return _architecture(blueprint)


def _require_extra(command: str) -> None:
    """Raise MissingExtraError before any work where a plain installation lacks what it takes."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"sizer {command}: needs {', '.join(missing)}; "
            "install sizer with its extra, as in pip install 'sizer[train]'"
        )


def _architecture(blueprint: architecture.Blueprint) -> Architecture:
    parameters, macs = architecture.parameters(blueprint), architecture.macs(blueprint)
    return Architecture(blueprint.width, blueprint.depth, parameters, macs)


# ---------------------------------------------------------------- calibrate and fit


def calibrate(
    *,
    models: Sequence[Path],
    data: str,
    steps: tuple[float, ...] | None,
    images: int | None,
    provider: ProviderChoice,
    input_format: InputFormat | None,
    cut: CutChoice,
    progress: ReportProgress,
) -> Calibration:
    """Measure a ladder of ONNX files and fit it. No models: the built-in ladder.

    steps: None finds the transition first. images: None takes the whole test set.
    """
    from sizer.datasets import open_dataset
    from sizer.measure import Noise
    from sizer.store import open_store

    found = find_models(models or [files.shipped("models") / BUILTIN])
    dataset = open_dataset(data, "test")
    opened = open_models(found, dataset.info, provider, input_format)
    noise = Noise(linear_schedule(), epsilon, NOISE_SEED)
    with open_store() as store:
        measurement = measure_ladder(opened, dataset, noise, store, steps, images, progress)
    return fit_measurements(
        models=tuple(model.info for model in opened),
        cells=measurement.cells,
        chance=1 / dataset.info.classes,
        schedule=linear_schedule(),
        dataset=dataset.info,
        cut=cut,
        warnings=(*measurement.warnings, *_trained_on(models, dataset.info)),
    )


def find_models(paths: Sequence[Path]) -> list[tuple[Path, TrainedModel | None, str | None]]:
    """ONNX files of files and folders, each with its manifest's entry and family where known."""
    found: list[tuple[Path, TrainedModel | None, str | None]] = []
    for path in paths:
        members = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        if not members:
            raise ModelError(f"{path}: holds no .onnx file; name a ladder's folder or its files")
        manifest = read_manifest(path if path.is_dir() else path.parent)
        entries = {model.file: model for model in manifest.models} if manifest else {}
        for member in members:
            entry = entries.get(member.name)
            family = manifest.recipe.family if manifest and entry else None
            found.append((member, entry, family))
    families = {family for _, _, family in found if family}
    if len(families) > 1:
        raise UsageError(
            f"models of different trainings ({', '.join(sorted(families))}) share no scaling law; "
            "calibrate each family by itself"
        )
    return found


def open_models(
    found: Sequence[tuple[Path, TrainedModel | None, str | None]],
    dataset: DatasetInfo,
    provider: ProviderChoice,
    input_format: InputFormat | None,
) -> "list[OnnxModel]":
    """Check every file before anything is measured."""
    from sizer.evaluate import choose_provider, open_model

    chosen = choose_provider(provider)
    names = [path.stem for path, _, _ in found]
    opened = []
    for path, entry, family in found:
        model = open_model(
            path,
            dataset,
            provider=chosen,
            input_format=input_format,
            name=path.stem if names.count(path.stem) == 1 else f"{path.parent.name}/{path.stem}",
            parameters=entry.parameters if entry else None,
            macs=entry.macs if entry else None,
            training=family,
            seed=entry.seed if entry else None,
        )
        if entry and entry.sha256 != model.info.sha256:
            raise ModelError(f"{path}: not the file its manifest describes; train it again")
        opened.append(model)
    return opened


def measure_ladder(
    models: "Sequence[Evaluator]",
    dataset: "ImageSet",
    noise: "Noise",
    store: "CellStore",
    steps: tuple[float, ...] | None,
    images: int | None,
    progress: ReportProgress,
) -> "Measurement":
    """Every model at every step; without steps, a coarse pass finds where they matter."""
    from sizer.fit.evidence import check_sizes
    from sizer.measure import measure

    check_sizes(model.info.parameters for model in models)
    if steps is None:
        some = min(images or dataset.info.images, BRACKET_IMAGES)
        coarse = measure(
            models,
            dataset,
            noise,
            store,
            steps=BRACKET_STEPS,
            images=some,
            progress=progress("finding the transition"),
        )
        steps = grid_until(_last_useful(coarse.cells, 1 / dataset.info.classes))
    return measure(
        models, dataset, noise, store, steps=steps, images=images, progress=progress("measuring")
    )


def _last_useful(cells: Sequence[Cell], chance: float) -> float:
    """The first step from which on every model only guesses."""
    above = [
        cell.step
        for cell in cells
        if cell.correct / cell.trials
        > chance + GUESSING * np.sqrt(chance * (1 - chance) / cell.trials)
    ]
    last = max(above, default=0.0)
    return next((step for step in BRACKET_STEPS if step > last), BRACKET_STEPS[-1])


def grid_until(last: float) -> tuple[float, ...]:
    """Whole steps from 0 to `last`, denser at the start."""
    grid = np.round(last * np.linspace(0, 1, GRID_STEPS) ** GRID_POWER)
    return tuple(float(step) for step in np.unique(grid))


def fit_measurements(
    *,
    models: tuple[ModelInfo, ...],
    cells: tuple[Cell, ...],
    chance: float,
    schedule: NoiseSchedule | None,
    dataset: DatasetInfo | None,
    cut: CutChoice,
    warnings: tuple[str, ...] = (),
) -> Calibration:
    """Levels, widths, collapse and surfaces of a finished measurement."""
    from sizer import fit
    from sizer.fit.evidence import check_sizes
    from sizer.levels import crossings, widths

    check_sizes(model.parameters for model in models)
    curves = files.curves(models, cells, chance)
    settings, levels = _settings(cut, schedule), sorted({a for pair in _pairs(cut) for a in pair})
    crossed = tuple(found for curve in curves for found in crossings(curve, levels, settings))
    _require_crossings(curves, crossed)
    found = widths(curves, _pairs(cut), settings)
    width_law = fit.fit_width_law(found, cut.control, cut.order_parameter)
    if width_law is None:
        warnings = (*warnings, NO_WIDTH_LAW)
    if cut.order_parameter == "normalised" and any(curve.steps[0] > 0 for curve in curves):
        warnings = (*warnings, NOT_CLEAN)
    surfaces, backtests = fit.fit_surfaces(curves)
    return Calibration(
        version=files.VERSION,
        created_with=f"sizer {sizer.__version__}",
        schedule=schedule.name if schedule else None,
        dataset=dataset,
        models=models,
        chance=chance,
        cells=cells,
        crossings=crossed,
        widths=found,
        width_law=width_law,
        collapse=fit.fit_collapse(curves),
        fit=surfaces[0],
        rivals=surfaces[1:],
        backtests=backtests,
        warnings=warnings,
    )


def _require_crossings(curves: Sequence[NoiseCurve], crossed: Sequence[LevelCrossing]) -> None:
    inside = sum(crossing.censored is None for crossing in crossed)
    if inside >= 2:
        return
    if all(_guesses(curve) for curve in curves):
        raise MeasurementError(
            "every model only guesses, even at the first step: train them longer, or say what "
            "pixels they expect with --input-range, --mean and --std"
        )
    risen = [c.correct[-1] / c.trials[-1] - c.correct[0] / c.trials[0] for c in curves]
    raise MeasurementError(
        f"{inside} level crossings in all curves; a transition needs two or more: "
        + (
            "accuracy rises with the step, so give a noise and not a signal"
            if np.mean(risen) > RISING
            else "measure more noise steps"
        )
    )


def _guesses(curve: NoiseCurve) -> bool:
    """Whether a model's accuracy at its first step is what guessing explains."""
    error = np.sqrt(curve.chance * (1 - curve.chance) / curve.trials[0])
    return bool(curve.correct[0] / curve.trials[0] <= curve.chance + GUESSING * error)


def _pairs(cut: CutChoice) -> tuple[tuple[float, float], ...]:
    from sizer.levels import EQUIDISTANT, LOGARITHMIC

    return EQUIDISTANT if cut.levels == "equidistant" else LOGARITHMIC


def _settings(cut: CutChoice, schedule: NoiseSchedule | None) -> "LevelSettings":
    """The control variable as a function of step."""
    from sizer.levels import LevelSettings

    def needs_schedule(_steps: NDArray[np.float64]) -> NDArray[np.float64]:
        raise UsageError(f"--control {cut.control} needs steps of a noise schedule; take step")

    functions: dict[Control, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        "step": np.asarray,
        "log-step": np.log,
        "beta": schedule.beta if schedule else needs_schedule,
        "log-snr": schedule.log_snr if schedule else needs_schedule,
    }
    return LevelSettings(cut.order_parameter, cut.control, functions[cut.control])


def _trained_on(models: Sequence[Path], dataset: DatasetInfo) -> tuple[str, ...]:
    """A warning where a ladder was trained on the very images it is measured on."""
    folders = {path if path.is_dir() else path.parent for path in models}
    manifests = [manifest for folder in folders if (manifest := read_manifest(folder))]
    if any(manifest.dataset.fingerprint == dataset.fingerprint for manifest in manifests):
        return ("the models were trained on these very images: their accuracies flatter them",)
    return ()


def fit_file(path: Path, cut: CutChoice) -> Calibration:
    """Fit again what a calibration holds, or a CSV table that some other evaluation wrote."""
    if path.suffix == ".json":
        old = files.read_calibration(path)
        return fit_measurements(
            models=old.models,
            cells=old.cells,
            chance=old.chance,
            schedule=schedule_named(old.schedule) if old.schedule else None,
            dataset=old.dataset,
            cut=cut,
            warnings=tuple(w for w in old.warnings if w not in {NO_WIDTH_LAW, NOT_CLEAN}),
        )
    models, cells, chance = files.read_table(path)
    warnings = (NO_CHANCE,) if chance is None else ()
    return fit_measurements(
        models=models,
        cells=cells,
        chance=chance or 0.0,
        schedule=None,
        dataset=None,
        cut=cut,
        warnings=warnings,
    )


# ---------------------------------------------------------------- recommend


def recommend(
    calibration: str,
    *,
    noise_step: float | None,
    sigma: float | None,
    snr_db: float | None,
    target_accuracy: float,
    confidence: float,
    question: DeviceQuestion | None = None,
) -> Advice:
    """The advice of a calibration file, or of a shipped one by name, and how devices hold it."""
    bench = Bench.of(question or DeviceQuestion())
    found = files.read_calibration(files.find_calibration(calibration))
    step = _noise_step(found, noise_step, sigma, snr_db)
    advice = advise(found, Requirement(step, target_accuracy, confidence))
    member = _member(found, advice)
    return replace(
        advice,
        architecture=None if member is None else _architecture(member),
        devices=tuple(
            replace(
                bench.judge(device, bench.needs(member, advice)),
                reach=_reach(found, advice.requirement, bench, device),
            )
            for device in bench.devices
        ),
    )


def _noise_step(
    calibration: Calibration, step: float | None, sigma: float | None, snr_db: float | None
) -> float:
    """The noise in steps, whichever way it was given."""
    given = [value for value in (step, sigma, snr_db) if value is not None]
    if len(given) != 1:
        raise UsageError("give the noise once: --noise-step, --sigma or --snr-db")
    if calibration.schedule is None:
        if step is None:
            raise UsageError("this calibration's noise has its own unit: give --noise-step in it")
        return step
    schedule = schedule_named(calibration.schedule)
    if sigma is not None:
        return schedule.step_from_sigma(sigma)
    if snr_db is not None:
        return schedule.step_from_snr_db(snr_db)
    schedule.log_alpha_bar(given[0])  # raises on a step outside the schedule
    return given[0]


def _member(calibration: Calibration, advice: Advice) -> architecture.Blueprint | None:
    """The smallest member of the family with the recommended size, where the family is ours."""
    sizes = advice.parameters
    if sizes is None or sizes.recommended is None:
        return None
    large = (m for m in _family(calibration) if architecture.parameters(m) >= sizes.recommended)
    return next(large, None)


def _family(calibration: Calibration) -> list[architecture.Blueprint]:
    """The members of the small family for the calibration's data, the smallest first."""
    data = calibration.dataset
    if data is None or not all(model.training for model in calibration.models):
        return []
    stems = architecture.SMALL_STEMS
    return [architecture.small(stem, data.shape[0], data.classes) for stem in stems]


# ---------------------------------------------------------------- devices


@dataclass(frozen=True, slots=True)
class Bench:
    """The devices that are asked about, ready to be asked."""

    devices: tuple[Device, ...]
    precision: Precision
    limits: Limits
    rates: "Rates"

    @classmethod
    def of(cls, question: DeviceQuestion) -> "Bench":
        """Raises DeviceError for a device or a file that is not to be had, UsageError for limits
        that are none.
        """
        from sizer.devices.catalogue import all_devices, find_device
        from sizer.devices.latency import Rates, rows

        limits = _limits(question)
        known = all_devices(question.file) if question.names or question.file else ()
        devices = tuple(find_device(known, name) for name in question.names)
        return cls(devices, question.precision, limits, Rates(rows(known)))

    def needs(self, member: architecture.Blueprint | None, advice: Advice) -> Footprint | None:
        """What the recommended size takes; of another family's, its weights alone are known."""
        from sizer.devices.footprint import footprint, weights_alone
        from sizer.zoo.operations import operations

        if member is not None:
            return footprint(*operations(member), self.precision)
        sizes = advice.parameters
        if sizes is None or sizes.recommended is None:
            return None
        return weights_alone(sizes.recommended, self.precision)

    def judge(self, device: Device, footprint: Footprint | None) -> DeviceVerdict:
        from sizer.devices.verdict import judge

        macs = None if footprint is None else footprint.macs
        timed = () if macs is None else self.rates.latencies(device, self.precision, macs)
        return judge(device, footprint, timed, self.limits)


def _limits(question: DeviceQuestion) -> Limits:
    from sizer.devices.units import parse_bytes

    def memory(option: str, text: str | None) -> int | None:
        try:
            return None if text is None else parse_bytes(text)
        except ValueError as error:
            raise UsageError(f"{option}: {error}") from None

    limits = Limits(
        reserve_ram=memory("--reserve-ram", question.reserve_ram) or 0,
        max_ram=memory("--max-ram", question.max_ram),
        max_flash=memory("--max-flash", question.max_flash),
        max_latency_ms=question.max_latency_ms,
    )
    given = (limits.max_ram, limits.max_flash, limits.max_latency_ms)
    if not question.names and given != (None, None, None):
        raise UsageError("--max-ram, --max-flash and --max-latency need a --device to hold them")
    if limits.max_latency_ms is not None and not 0 < limits.max_latency_ms < float("inf"):
        raise UsageError(f"--max-latency {limits.max_latency_ms:g}: give milliseconds above zero")
    return limits


def _reach(
    calibration: Calibration, requirement: Requirement, bench: Bench, device: Device
) -> Reach | None:
    """The most that the largest member does which the device can hold; None where none is."""
    from sizer.devices.footprint import footprint
    from sizer.zoo.operations import operations

    smallest, largest = calibration.fit.size_range[0], largest_size(calibration)
    for member in reversed(_family(calibration)):
        size = architecture.parameters(member)
        if smallest <= size <= largest:
            need = footprint(*operations(member), bench.precision)
            if bench.judge(device, need).verdict in {"PASS", "MARGINAL"}:
                return reach(calibration, requirement, size)
    return None


def check_model(model: Path, question: DeviceQuestion) -> tuple[DeviceVerdict, ...]:
    """Whether an ONNX file fits the devices, from its graph."""
    from sizer.devices.footprint import footprint
    from sizer.devices.graph import read_operations

    bench = Bench.of(question)
    need = footprint(*read_operations(model), bench.precision)
    return tuple(bench.judge(device, need) for device in bench.devices)


def list_devices(
    word: str | None, core: str | None, ram: str | None, file: Path | None
) -> tuple[Device, ...]:
    """The devices of the catalogue and of a user's file. ram: at least that much."""
    from sizer.devices.catalogue import all_devices, select
    from sizer.devices.units import parse_bytes

    try:
        least = None if ram is None else parse_bytes(ram)
    except ValueError as error:
        raise UsageError(f"--ram: {error}") from None
    return select(all_devices(file), word, core, least)


def measure_device(name: str, models: Sequence[Path], out: Path) -> Device:
    """Time ONNX files on this machine, one thread, and write it as a device of that name."""
    from sizer.devices.catalogue import to_toml
    from sizer.devices.graph import read_operations, weight_precision
    from sizer.devices.machine import this_machine
    from sizer.evaluate import RUNTIME, median_milliseconds
    from sizer.results import Timing

    if out.exists():
        raise OutputError(f"{out}: exists; choose another --out or remove it")
    timings = []
    for path in models:
        macs = sum(one.macs for one in read_operations(path)[0])
        if macs < 1:
            raise ModelError(f"{path}: has no multiply-accumulates to time; give a network")
        timings.append(
            Timing(
                model=path.stem,
                macs=macs,
                precision=weight_precision(path),
                runtime=RUNTIME,
                latency_ms=median_milliseconds(path),
                source="timed by sizer on the machine itself",
            )
        )
    device = replace(this_machine(name), timings=tuple(timings))
    files.write_text(out, to_toml(device))
    return device
