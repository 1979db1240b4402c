"""The spine: what happens in which order. No printing here, and no decisions about display."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import sizer
from sizer import files
from sizer.advise import advise, largest_size, reach
from sizer.advise import plan as plan_trainings
from sizer.errors import (
    DataError,
    MeasurementError,
    MissingExtraError,
    ModelError,
    OutputError,
    UsageError,
)
from sizer.input_format import to_metadata
from sizer.manifest import Manifest, Recipe, TrainedModel, read_manifest, write_manifest
from sizer.noise import NoiseSchedule, epsilon, level_from, linear_schedule, schedule_named
from sizer.results import (
    RESERVE_RAM,
    Advice,
    Architecture,
    Calibration,
    CameraNoise,
    Cell,
    Control,
    DatasetInfo,
    Device,
    DeviceVerdict,
    Footprint,
    InputFormat,
    IntervalMethod,
    LevelCrossing,
    LevelSet,
    Limits,
    ModelInfo,
    NoiseCurve,
    OrderParameter,
    Precision,
    ProviderChoice,
    QuantizedModel,
    Reach,
    Requirement,
    TrainingPlan,
)
from sizer.zoo import architecture

if TYPE_CHECKING:
    from sizer.devices.latency import Rates
    from sizer.evaluate import InputPlan, OnnxModel
    from sizer.levels import LevelSettings
    from sizer.measure import CellStore, Evaluator, ImageSet, Measurement, Noise
    from sizer.quantize import Quantized
    from sizer.zoo.ladder import Progress

BUILTIN = "builtin"
NOISE_SEED = 0
# Quantising: training images that set the activations' ranges, and test images that show the loss.
CALIBRATION_IMAGES = 500
CALIBRATION_SEED = 1
CLEAN_IMAGES = 2000
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

FoundModel = tuple[Path, TrainedModel | None, str | None]  # file, manifest's entry, family
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


# ---------------------------------------------------------------- quantise


def quantize(
    *,
    models: Sequence[Path],
    data: str,
    precision: "Quantized",
    input_format: InputFormat | None,
    folder: Path,
    command: str,
    progress: ReportProgress,
) -> tuple[QuantizedModel, ...]:
    """Quantise fp32 models into a folder, and measure what each lost on clean test images.

    A ladder's manifest goes along, model by model, so that `calibrate` sees the same sizes and the
    same family. What the folder holds already is kept.
    """
    from sizer.datasets import open_dataset

    train, test = open_dataset(data, "train"), open_dataset(data, "test")
    found = find_models(models)
    ladder = _quantized_ladder(models, folder, precision, command)
    opened = open_models(found, train.info, "cpu", input_format)
    _make_quantized_folder(folder, found)
    noise_steps = ladder.recipe.noise_steps if ladder else None
    report, results = progress("quantising"), list[QuantizedModel]()
    total = sum(model.info.parameters for model in opened)
    for model, (path, entry, _) in zip(opened, found, strict=True):
        report(sum(result.parameters for result in results), total)
        target = folder / path.name
        _quantize_one(model, target, train, noise_steps, precision)
        results.append(_compare(model, target, test))
        if ladder and entry:
            ladder = _with_quantized(ladder, entry, target, results[-1])
            write_manifest(folder, ladder)
    report(total, total)
    return tuple(results)


def _quantized_ladder(
    models: Sequence[Path], folder: Path, precision: "Quantized", command: str
) -> Manifest | None:
    """The manifest to go on with in `folder`; None where the models have none."""
    folders = {path if path.is_dir() else path.parent for path in models}
    sources = [manifest for one in folders if (manifest := read_manifest(one))]
    if not sources:
        return None
    if len(sources) > 1:
        raise UsageError("these models are of several ladders: quantise each by itself")
    source = replace(sources[0], command=f"{sources[0].command} && {command}", precision=precision)
    ladder = read_manifest(folder) or replace(source, models=())
    if not ladder.admits(source.recipe, source.dataset, precision):
        raise OutputError(f"{folder}: holds another ladder; choose another --out")
    return ladder


def _make_quantized_folder(folder: Path, found: Sequence[FoundModel]) -> None:
    names = [path.name for path, _, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two models are called {twice[0]}; rename one of the files")
    with files.writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _quantize_one(
    model: "OnnxModel",
    target: Path,
    train: "ImageSet",
    noise_steps: tuple[int, int] | None,
    precision: "Quantized",
) -> None:
    """Write `target` whole, unless it was made from the very same before."""
    from sizer import quantize as tools

    made = tools.made_from(model.fingerprint, precision, train.info.fingerprint, noise_steps)
    if tools.is_made(target, made):
        return
    batches = _calibration_batches(train, noise_steps, model.plan)
    metadata = {**to_metadata(model.plan.input_format), **made}
    contents = tools.quantize(model.path, precision, batches, metadata)
    with files.replacing(target) as partial:
        partial.write_bytes(contents)


def _calibration_batches(
    train: "ImageSet", noise_steps: tuple[int, int] | None, plan: "InputPlan"
) -> Iterator[NDArray[Any]]:
    """Training images as the model takes them, with the noise it was trained with, step by step."""
    from sizer.evaluate import arrange
    from sizer.measure import image_order

    schedule = linear_schedule()
    indices = image_order(train.info.images)[:CALIBRATION_IMAGES]
    steps = np.linspace(*(noise_steps or (0, 0)), len(indices))
    batches = -(-len(indices) // plan.batch)  # the last one is filled up with the first images
    for part in np.resize(np.arange(len(indices)), (batches, plan.batch)):
        images, _ = train.read(indices[part])
        noisy = np.empty(images.shape, np.float32)
        for i, (index, step) in enumerate(zip(indices[part], steps[part], strict=True)):
            mu, sigma = map(np.float32, schedule.coefficients(step))
            drawn = epsilon(CALIBRATION_SEED, int(index), images.shape[1:])
            noisy[i] = mu * (images[i] / np.float32(127.5) - 1) + sigma * drawn
        yield arrange(noisy, plan)


def _compare(model: "OnnxModel", target: Path, test: "ImageSet") -> QuantizedModel:
    """Clean accuracies of a model and its quantised file; measured cells are kept and found."""
    from sizer.evaluate import open_model
    from sizer.measure import Noise, measure
    from sizer.store import open_store

    noise = Noise(linear_schedule(), epsilon, NOISE_SEED)
    quantized = open_model(target, test.info, parameters=model.info.parameters)
    images = min(CLEAN_IMAGES, test.info.images)
    with open_store() as store:
        before, after = (
            measure([one], test, noise, store, steps=(0,), images=images).cells[0]
            for one in (model, quantized)
        )
    return QuantizedModel(
        name=model.info.name,
        parameters=model.info.parameters,
        original=before.correct / before.trials,
        quantized=after.correct / after.trials,
        images=images,
    )


def _with_quantized(
    ladder: Manifest, entry: TrainedModel, target: Path, result: QuantizedModel
) -> Manifest:
    """The manifest with one more model, or with that model's entry anew."""
    from sizer.model_file import read_model_file

    sha256 = read_model_file(target).sha256
    model = replace(entry, sha256=sha256, clean_accuracy=round(result.quantized, 4))
    others = (kept for kept in ladder.models if kept.file != model.file)
    ordered = sorted((*others, model), key=lambda kept: (kept.parameters, kept.seed))
    return replace(ladder, models=tuple(ordered))


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
    interval: IntervalMethod,
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
        right=_in_order_of_size(measurement.right, tuple(model.info for model in opened)),
        interval=interval,
        warnings=(*measurement.warnings, *_trained_on(models, dataset.info)),
    )


def _in_order_of_size(right: NDArray[np.bool_], models: Sequence[ModelInfo]) -> NDArray[np.bool_]:
    order = sorted(range(len(models)), key=lambda i: (models[i].parameters, models[i].name))
    return right[order]


def find_models(paths: Sequence[Path]) -> list[FoundModel]:
    """ONNX files of files and folders, each with its manifest's entry and family where known."""
    found: list[FoundModel] = []
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
    found: Sequence[FoundModel],
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
    precisions = sorted({model.info.precision or "unknown" for model in opened})
    if len(precisions) > 1:
        raise UsageError(
            f"models of different precision ({', '.join(precisions)}) share no scaling law; "
            "take each precision by itself"
        )
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
    image_share: float = 1.0,
    right: NDArray[np.bool_] | None = None,
    interval: IntervalMethod = "sandwich",
    warnings: tuple[str, ...] = (),
) -> Calibration:
    """Levels, widths, collapse and surfaces of a finished measurement.

    right: whether each model, in order of size, was right at each step on each image (models,
    steps, images). Where it is unknown, `image_share` is taken as given.
    """
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
    if right is not None:
        image_share = fit.image_share(right)
    surfaces, backtests = fit.fit_surfaces(curves, image_share, interval)
    if interval == "bootstrap":
        surfaces = tuple(
            fit.bootstrap(one, curves, right) if one.weight > 0 else one for one in surfaces
        )
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
        scan=fit.scan_smallest(surfaces[0], curves),
        image_share=image_share,
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


def fit_file(path: Path, cut: CutChoice, interval: IntervalMethod = "sandwich") -> Calibration:
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
            image_share=old.image_share,
            interval=interval,
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
        interval=interval,
        warnings=warnings,
    )


# ---------------------------------------------------------------- recommend


def recommend(
    calibration: str,
    *,
    noise_step: float | None,
    sigma: float | None,
    snr_db: float | None,
    noise_from: Path | None,
    target_accuracy: float,
    confidence: float,
    progress: ReportProgress,
    question: DeviceQuestion | None = None,
    force: bool = False,
) -> Advice:
    """The advice of a calibration file, or of a shipped one by name, and how devices hold it.

    noise_from: pictures of the camera. Their median noise is then what is answered for, with a
    warning where the noisier end of them needs another answer.
    """
    bench = Bench.of(question or DeviceQuestion())
    found = files.read_calibration(files.find_calibration(calibration))
    level = {"step": noise_step, "sigma": sigma, "snr_db": snr_db}
    step, camera = _noise_step(found, level, noise_from, progress)
    advice = advise(found, Requirement(step, target_accuracy, confidence), force)
    if camera is not None:
        warnings = (*advice.warnings, *camera.warnings, *_noisier_end(found, advice, camera))
        advice = replace(advice, camera=camera, warnings=warnings)
    precision = found.models[0].precision  # the same for all
    member = _member(found, advice)
    return replace(
        advice,
        architecture=None if member is None else _architecture(member),
        precision=precision,
        devices=tuple(
            replace(
                bench.judge(device, bench.needs(member, advice)),
                reach=_reach(found, advice.requirement, bench, device),
            )
            for device in bench.devices
        ),
    )


def plan(
    calibration: str,
    *,
    noise_step: float | None,
    sigma: float | None,
    snr_db: float | None,
    noise_from: Path | None,
    target_accuracy: float,
    confidence: float,
    budget: float,
    progress: ReportProgress,
) -> TrainingPlan:
    """The trainings that would narrow the answer of a calibration most for their cost."""
    found = files.read_calibration(files.find_calibration(calibration))
    level = {"step": noise_step, "sigma": sigma, "snr_db": snr_db}
    step, _ = _noise_step(found, level, noise_from, progress)
    return plan_trainings(found, Requirement(step, target_accuracy, confidence), budget)


def _noise_step(
    calibration: Calibration,
    level: Mapping[str, float | None],
    pictures: Path | None,
    progress: ReportProgress,
) -> tuple[float, CameraNoise | None]:
    """The noise in steps, whichever way it was given, and the pictures it came from."""
    if sum(given is not None for given in (*level.values(), pictures)) != 1:
        raise UsageError("give the noise once: --noise-step, --sigma, --snr-db or --noise-from")
    if calibration.schedule is None:
        if level["step"] is None:
            raise UsageError("this calibration's noise has its own unit: give --noise-step in it")
        return level["step"], None
    schedule = schedule_named(calibration.schedule)
    if pictures is None:
        return level_from(schedule, **level).step, None
    camera = camera_noise([pictures], schedule, progress)
    return camera.step.median, camera


def camera_noise(
    paths: Sequence[Path], schedule: NoiseSchedule, progress: ReportProgress
) -> CameraNoise:
    """The noise that pictures show: files, and the picture files anywhere inside folders."""
    from sizer import camera
    from sizer.datasets.files import pictures_in
    from sizer.datasets.images import decode

    found = []
    for path in paths:
        members = pictures_in(path) if path.is_dir() else [path]
        if not (members and members[0].is_file()):
            raise DataError(f"{path}: no picture there; give picture files, or a folder of them")
        found += members
    report = progress("estimating the noise")
    return camera.camera_noise(found, decode, schedule.step_from_sigma, report)


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
