"""The command line: options in, one call to the spine, an answer out. Nothing is decided here."""

import functools
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

import sizer
from sizer.errors import SizerError, UsageError
from sizer.results import PRECISION, RESERVE_RAM, EngineChoice, Precision, ProviderChoice
from sizer.scaling.choices import Control, IntervalMethod, LevelSet, OrderParameter

# the parser's error of which BadParameter is one kind; typer exports no name for it
WRONG_USAGE: Any = typer.BadParameter.__mro__[1]


class OneLineErrors(TyperGroup):
    """A wrong command line is answered in one line, as every other error is."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with one_line():
            return super().invoke(ctx)


@contextmanager
def one_line() -> Iterator[None]:
    try:
        yield
    except WRONG_USAGE as error:
        complain(f"{error.format_message().rstrip('.')}; see --help")
        raise typer.Exit(UsageError.exit_code) from None


app = typer.Typer(
    name="sizer",
    cls=OneLineErrors,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="How many parameters an image classifier needs under noise, answered from small models.",
)


def main() -> None:
    app()


def command(function: Callable[..., Any], group: typer.Typer | None = None) -> Callable[..., Any]:
    """Register a command, of the program or of a group of commands."""
    (group or app).command(epilog=_example(function))(answering(function))
    return function


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a SizerError into one line on stderr, and what comes of it into the exit code."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
        except SizerError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            talk().print("interrupted; nothing measured is lost: the same line goes on")
            raise typer.Exit(130) from None
        if code:
            raise typer.Exit(code)

    return wrapped


def _example(function: Callable[..., Any]) -> str:
    """The docstring's last line, which is the command's example, taken out of its help."""
    text, _, example = (function.__doc__ or "").rpartition("Example:")
    function.__doc__ = text.strip()
    return f"Example: [bold]{escape(example.strip())}[/bold]"


def complain(message: str) -> None:
    talk().print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)


def mention(message: str) -> None:
    talk().print(escape(message), soft_wrap=True)


def talk() -> Console:
    """Where everything goes that is not the answer."""
    return Console(stderr=True)


Augment = Literal["crop-flip", "crop", "none"]
OrderOption = Annotated[
    OrderParameter,
    typer.Option("--order-parameter", help="Accuracy that is cut into levels."),
]
ControlOption = Annotated[
    Control,
    typer.Option("--control", help="Noise variable in which widths are taken."),
]
LevelsOption = Annotated[
    LevelSet, typer.Option("--levels", help="Level pairs between which widths are taken.")
]
IntervalOption = Annotated[
    IntervalMethod,
    typer.Option(
        "--interval",
        help="Errors of the laws: by trained model, or models and images weighed anew.",
    ),
]
InputRangeOption = Annotated[
    str | None, typer.Option(help="Range of pixels the models expect.", metavar="LOW,HIGH")
]
MeanOption = Annotated[
    str | None, typer.Option(help="Then subtracted, a channel each.", metavar="R,G,B")
]
StdOption = Annotated[
    str | None, typer.Option(help="Then divided by, a channel each.", metavar="R,G,B")
]
OutOption = Annotated[Path, typer.Option("--out", help="Calibration file to write.")]
TargetOption = Annotated[float, typer.Option(help="Accuracy wanted, a fraction.")]
StepOption = Annotated[float | None, typer.Option(help="Noise as a diffusion step.")]
SigmaOption = Annotated[
    float | None, typer.Option(help="Noise as a standard deviation in grey levels of 0..255.")
]
SnrOption = Annotated[float | None, typer.Option(help="Noise as a signal-to-noise ratio in dB.")]
NoiseFromOption = Annotated[
    Path | None, typer.Option(help="Noise as pictures of the camera show it: their folder.")
]
CalibrationOption = Annotated[
    str, typer.Option(help="A calibration file, or the name of a shipped one.")
]
ConfidenceOption = Annotated[float, typer.Option(help="Of the recommended size and the intervals.")]
FormatOption = Annotated[
    Literal["text", "json", "markdown"], typer.Option(help="How to print the answer.")
]
DevicesFileOption = Annotated[
    Path | None, typer.Option("--devices-file", help="A TOML file of more devices.")
]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="Of weights and activations on the device.")
]
ReserveOption = Annotated[
    str,
    typer.Option("--reserve-ram", help="RAM for the rest of the program, as 48KiB.", metavar="RAM"),
]
MaxRamOption = Annotated[
    str | None,
    typer.Option("--max-ram", help="Use at most this RAM: KiB is 1024, KB 1000.", metavar="RAM"),
]
MaxFlashOption = Annotated[
    str | None, typer.Option("--max-flash", help="Use at most this flash.", metavar="FLASH")
]
MaxLatencyOption = Annotated[
    float | None, typer.Option("--max-latency", help="Milliseconds an image may take at most.")
]
PlotsOption = Annotated[
    Path | None, typer.Option("--plots", help="Folder for the pictures, as PNG and SVG.")
]


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
    precision: Annotated[
        float,
        typer.Option(
            min=0,
            help="With --steps auto, stop once the widths are known this well: half of their 90 % "
            "interval from counting, a share of the width. 0: use all images.",
        ),
    ] = PRECISION,
    provider: Annotated[
        ProviderChoice, typer.Option(help="Where ONNX Runtime runs; auto: CUDA if it works.")
    ] = "auto",
    engine: Annotated[
        EngineChoice, typer.Option(help="What runs it: threads, or the Ray cluster of RAY_ADDRESS.")
    ] = "threads",
    input_range: InputRangeOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    order_parameter: OrderOption = "normalised",
    control: ControlOption = "step",
    levels: LevelsOption = "equidistant",
    interval: IntervalOption = "sandwich",
    out: OutOption = Path("calibration.json"),
    plots: PlotsOption = None,
) -> None:
    """Measure how a ladder of models falls under noise, fit the scaling laws, write the result.

    Stopped at any moment, the same line goes on where it was: every finished cell is kept.

    Example: sizer calibrate models/mine --images 2000 --out mine.json --plots pictures
    """
    from sizer import files, pipeline, terminal
    from sizer.scaling.crossings import Cut

    files.check_outputs(out, plots)
    with pipeline.open_engine(engine, mention) as opened, terminal.measuring_progress() as progress:
        calibration = pipeline.calibrate(
            models=models or [],
            data=data,
            steps=_steps(steps),
            images=images,
            precision=precision,
            provider=provider,
            input_format=_input_format(input_range, mean, std),
            cut=Cut(order_parameter, control, levels),
            interval=interval,
            progress=progress,
            engine=opened,
        )
    _deliver(calibration, out, plots)


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
) -> None:
    """Fit the scaling laws to measurements made before, here or elsewhere.

    Example: sizer fit measurements.csv --out mine.json
    """
    from sizer import files
    from sizer.fitting import fit_file
    from sizer.scaling.crossings import Cut

    files.check_outputs(out, plots)
    calibration = fit_file(measurements, Cut(order_parameter, control, levels), interval)
    _deliver(calibration, out, plots)


@command
def recommend(
    target_acc: TargetOption,
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    confidence: ConfidenceOption = 0.9,
    device: Annotated[
        list[str] | None, typer.Option(help="A device of `sizer devices`; repeat for more.")
    ] = None,
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Answer also far beyond the ladder, with a guess.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Folder for the recommended architecture as ONNX, untrained."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Page to write of the answer: HTML, or .md, or .json."),
    ] = None,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """The smallest model that reaches an accuracy under noise, or why none can be named.

    With --device, also whether it fits there, the best accuracy that device can hold at this
    noise, and the largest noise at which it still has the accuracy wanted.

    Exit code 0: a recommendation; 1: no size reaches it; 4: the fit is not to be trusted.

    Example: sizer recommend --noise-step 300 --target-acc 0.6 --calibration mine.json
    """
    from sizer import pipeline, terminal

    if export is not None:
        pipeline.check_export(calibration, export)
    if report is not None:
        pipeline.check_report(report)
    with terminal.measuring_progress() as progress:
        advice = pipeline.recommend(
            calibration,
            noise=pipeline.NoiseQuestion(noise_step, sigma, snr_db, noise_from),
            target_accuracy=target_acc,
            confidence=confidence,
            force=force,
            question=pipeline.DeviceQuestion(
                names=tuple(device or ()),
                file=devices_file,
                precision=precision,
                reserve_ram=reserve_ram,
                max_ram=max_ram,
                max_flash=max_flash,
                max_latency_ms=max_latency,
            ),
            progress=progress,
            command=_line(),
        )
    if advice.camera is not None:
        terminal.show_skipped(advice.camera)
    if export is not None:
        _export_recommended(calibration, advice, export)
    if report is not None:
        pipeline.write_report(report, calibration, _line(), advice)
        talk().print(f"wrote {escape(str(report))}", soft_wrap=True)
    _show_advice(advice, format)
    return {"recommended": 0, "unreachable": 1, "untrusted": 4}[advice.verdict]


@command
def report(
    calibration: Annotated[
        str, typer.Argument(help="A calibration file, or the name of a shipped one.")
    ],
    out: Annotated[Path, typer.Option(help="HTML page to write.")] = Path("report.html"),
) -> None:
    """A calibration as one HTML page: what was measured, the laws, what each requirement takes.

    Where the name of the file ends in .md or .json, the same as Markdown or JSON. The page of one
    requirement's answer is written by `sizer recommend --report`.

    Example: sizer report mine.json --out mine.html
    """
    from sizer import pipeline

    pipeline.check_report(out)
    pipeline.write_report(out, calibration, _line())
    talk().print(f"wrote {escape(str(out))}", soft_wrap=True)


@command
def plan(
    target_acc: TargetOption,
    budget: Annotated[
        float, typer.Option(help="To spend, in trainings of the largest measured size.")
    ],
    noise_step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    noise_from: NoiseFromOption = None,
    calibration: CalibrationOption = "builtin",
    confidence: ConfidenceOption = 0.9,
    format: FormatOption = "text",  # noqa: A002
) -> int:
    """Which sizes to train next, to narrow the interval of a recommendation most for their cost.

    Exit code 0: a plan; 1: there is no answer to narrow.

    Example: sizer plan --noise-step 300 --target-acc 0.6 --budget 2 --calibration mine.json
    """
    from sizer import pipeline, report, terminal

    with terminal.measuring_progress() as progress:
        planned = pipeline.plan(
            calibration,
            noise=pipeline.NoiseQuestion(noise_step, sigma, snr_db, noise_from),
            target_accuracy=target_acc,
            confidence=confidence,
            budget=budget,
            progress=progress,
        )
    if format == "text":
        terminal.show_plan(planned)
    else:
        typer.echo(report.plan_json(planned) if format == "json" else report.plan_markdown(planned))
    return 1 if planned.interval_factor is None else 0


@command
def backtest(
    calibration: Annotated[
        str, typer.Argument(help="A calibration file, or the name of a shipped one.")
    ],
    hold_out: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the largest sizes; by default 1, 2 and 3 in turn."),
    ] = None,
    plots: PlotsOption = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """How well the smaller models would have predicted the largest: accuracy and size.

    Leaves out the largest sizes, fits all laws again, and shows what they answer
    beside what was measured, at every noise step.

    Example: sizer backtest cifar100-noise --hold-out 2 --plots pictures
    """
    from sizer import files, pipeline, report, terminal

    if plots is not None:
        files.make_folder(plots)
    with terminal.measuring_progress() as progress:
        found = pipeline.backtest(calibration, hold_out, progress)
    if plots is not None:
        from sizer.plots import backtest_figures

        _save(backtest_figures(found), plots)
    if format == "text":
        terminal.show_backtest(found)
    else:
        typer.echo(
            report.backtest_json(found) if format == "json" else report.backtest_markdown(found)
        )


@command
def noise(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures of a camera, or folders of them: how noisy is it?"),
    ] = None,
    step: Annotated[float | None, typer.Option(help="Diffusion step, 0..5000.")] = None,
    sigma: Annotated[
        float | None, typer.Option(help="Standard deviation in grey levels of 0..255.")
    ] = None,
    snr_db: Annotated[float | None, typer.Option(help="Signal-to-noise ratio in dB.")] = None,
    psnr_db: Annotated[
        float | None, typer.Option(help="Peak signal-to-noise ratio in dB, peak 255.")
    ] = None,
    format: Annotated[  # noqa: A002
        Literal["text", "json"], typer.Option(help="How to print the answer.")
    ] = "text",
) -> None:
    """Convert a noise level between diffusion step, grey-level sigma, SNR and PSNR.

    Of pictures, estimate it, one by one: the answer is their median and the middle 90 % of them.

    Example: sizer noise photos/
    """
    from sizer import report, terminal
    from sizer.noise import level_from, linear_schedule

    given = {"step": step, "sigma": sigma, "snr_db": snr_db, "psnr_db": psnr_db}
    if pictures:
        _camera_noise(pictures, given, format)
        return
    level = level_from(linear_schedule(), **given)
    if format == "json":
        typer.echo(report.noise_json(level))
    else:
        terminal.show_noise(level)


devices_app = typer.Typer(cls=OneLineErrors, rich_markup_mode="rich")
devices_command = functools.partial(command, group=devices_app)


def devices(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Part of a device's or board's name.")] = None,
    core: Annotated[str | None, typer.Option(help="Part of a core's name.")] = None,
    ram: Annotated[
        str | None, typer.Option(help="Devices with at least this RAM, as 256KiB.")
    ] = None,
    devices_file: DevicesFileOption = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """List the edge devices that `sizer recommend --device` knows, or add this machine to them.

    Example: sizer devices --core M7 --ram 512KiB
    """
    if context.invoked_subcommand is not None:
        return
    from sizer import pipeline, report

    found = pipeline.list_devices(name, core, ram, devices_file)
    if format == "text":
        from sizer import terminal

        terminal.show_devices(found)
    else:
        typer.echo(
            report.devices_json(found) if format == "json" else report.devices_markdown(found)
        )


devices_app.callback(invoke_without_command=True, epilog=_example(devices))(answering(devices))
app.add_typer(devices_app, name="devices")


@devices_command
def check(
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    device: Annotated[list[str], typer.Option(help="A device; repeat for more.")],
    devices_file: DevicesFileOption = None,
    precision: PrecisionOption = "int8",
    reserve_ram: ReserveOption = RESERVE_RAM,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_latency: MaxLatencyOption = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """Whether a network fits devices, from its graph: memory, work and latency.

    Example: sizer devices check model.onnx --device STM32H747XI --max-latency 100
    """
    from sizer import pipeline, report

    found = pipeline.check_model(
        model,
        pipeline.DeviceQuestion(
            names=tuple(device),
            file=devices_file,
            precision=precision,
            reserve_ram=reserve_ram,
            max_ram=max_ram,
            max_flash=max_flash,
            max_latency_ms=max_latency,
        ),
    )
    if format == "text":
        from sizer import terminal

        terminal.show_verdicts(found)
    else:
        typer.echo(
            report.verdicts_json(found) if format == "json" else report.verdicts_markdown(found)
        )


@devices_command
def add(
    name: Annotated[str, typer.Argument(help="What this machine shall be called.")],
    measure: Annotated[list[Path], typer.Option(help="An ONNX file to time; repeat for more.")],
    out: Annotated[Path, typer.Option(help="TOML file to write, for --devices-file.")],
) -> None:
    """Time networks on this machine, one thread of ONNX Runtime, and write it as a device.

    Example: sizer devices add my-board --measure small.onnx --measure large.onnx --out mine.toml
    """
    from sizer import pipeline

    device = pipeline.measure_device(name, measure, out)
    for timing in device.timings:
        typer.echo(
            f"{timing.model}: {timing.latency_ms:.4g} ms for {timing.macs:,} "
            f"multiply-accumulates, {timing.precision}, {timing.runtime}"
        )
    talk().print(f"wrote {escape(str(out))}", soft_wrap=True)


@command
def train(
    sizes: Annotated[
        str, typer.Option(help="Parameter counts FIRST:LAST:HOW_MANY, evenly spaced in ratio.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the ONNX files and the manifest.")],
    data: Annotated[str, typer.Option(help="Data to train on: builtin, a path, or hf:NAME.")] = (
        "builtin"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each size.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 10,
    augment: Annotated[
        Augment, typer.Option(help="Shift, and mirror unless that changes the class.")
    ] = "crop-flip",
    noise_augment: Annotated[
        str | None,
        typer.Option(help="Add diffusion noise in training, at steps FIRST:LAST.", metavar="A:B"),
    ] = None,
) -> None:
    """Train a ladder of small EfficientNets, export it to ONNX, and write its manifest.

    Stopped at any moment, the same line goes on at the last finished epoch.

    Example: sizer train --sizes 1e4:1e6:8 --noise-augment 0:800 --out models/mine
    """
    from sizer import pipeline, terminal

    with terminal.training_progress() as report:
        manifest = pipeline.train(
            data=data,
            sizes=_sizes(sizes),
            seeds=seeds,
            epochs=epochs,
            augment=augment,
            noise_steps=_noise_steps(noise_augment),
            folder=out,
            command=_line(),
            report=report,
        )
    terminal.show_ladder(manifest)


@command
def quantize(
    models: Annotated[list[Path], typer.Argument(help="ONNX files in fp32, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the quantised files and their manifest.")],
    data: Annotated[
        str, typer.Option(help="Training images to calibrate on: builtin, a path, or hf:NAME.")
    ] = "builtin",
    precision: Annotated[
        Literal["int8", "fp16"], typer.Option(help="Of weights and arithmetic.")
    ] = "int8",
    input_range: InputRangeOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
) -> None:
    """Quantise a ladder, and measure what each model loses by it on clean test images.

    The folder is a ladder like any other: `sizer calibrate` measures it under noise.

    Example: sizer quantize models/mine --data photos/ --out models/mine-int8
    """
    from sizer import pipeline, terminal

    with terminal.measuring_progress() as progress:
        results = pipeline.quantize(
            models=models,
            data=data,
            precision=precision,
            input_format=_input_format(input_range, mean, std),
            folder=out,
            command=_line(),
            progress=progress,
        )
    terminal.show_quantized(precision, results)


@command
def export(
    name: Annotated[str, typer.Argument(help="b0 to b7.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    weights: Annotated[
        Path | None,
        typer.Option(help="Published weights: safetensors or a weights-only checkpoint."),
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 1000,
) -> None:
    """Write EfficientNet-B0 to B7 as ONNX, with published weights or untrained.

    Example: sizer export b0 --weights efficientnet_b0.safetensors --out b0.onnx
    """
    from sizer import pipeline

    member = pipeline.export(name, weights, classes, out)
    kind = "untrained" if weights is None else "with the given weights"
    typer.echo(
        f"{out}: EfficientNet-{name.upper()} {kind}, {member.parameters:,} parameters, "
        f"{member.macs:,} multiply-accumulates"
    )


def _camera_noise(pictures: list[Path], given: dict[str, float | None], form: str) -> None:
    from sizer import pipeline, report, terminal
    from sizer.noise import linear_schedule

    if any(value is not None for value in given.values()):
        raise UsageError("give pictures, or a noise level, not both")
    with terminal.measuring_progress() as progress:
        camera = pipeline.camera_noise(pictures, linear_schedule(), progress)
    terminal.show_skipped(camera)
    if form == "json":
        typer.echo(report.camera_json(camera))
    else:
        terminal.show_camera(camera)


def _show_advice(advice: Any, form: str) -> None:
    from sizer import report, terminal

    if form == "text":
        terminal.show_advice(advice)
    else:
        typer.echo(report.advice_json(advice) if form == "json" else report.advice_markdown(advice))


def _export_recommended(calibration: str, advice: Any, folder: Path) -> None:
    from sizer import pipeline

    path = pipeline.export_recommended(calibration, advice, folder)
    if path is None:
        talk().print("nothing exported: no size is recommended, or none of the family is as large")
        return
    talk().print(f"wrote {escape(str(path))}: UNTRAINED, for timing alone", soft_wrap=True)


def _deliver(calibration: Any, out: Path, plots: Path | None) -> None:
    """Write first, then show."""
    from sizer import files, terminal

    files.write_calibration(out, calibration)
    talk().print(f"wrote {escape(str(out))}", soft_wrap=True)
    if plots is not None:
        from sizer.plots import figures

        _save(figures(calibration), plots)
    terminal.show_calibration(calibration)


def _save(found: Any, plots: Path) -> None:
    """Pictures, into a folder that exists."""
    from sizer import files
    from sizer.plots import save

    with files.writing_to(plots):
        save(found, plots)
    talk().print(f"wrote pictures to {escape(str(plots))}", soft_wrap=True)


def _line() -> str:
    """The command line as it was given, to be given again."""
    return shlex.join(["sizer", *sys.argv[1:]])


def _steps(text: str) -> tuple[float, ...] | None:
    if text == "auto":
        return None
    steps = _numbers("--steps", text)
    if len(set(steps)) < 3 or not all(0 <= step <= 5000 for step in steps):
        raise UsageError(f"--steps {text!r}: give three or more steps within 0..5000")
    return tuple(sorted(set(steps)))


def _input_format(input_range: str | None, mean: str | None, std: str | None) -> Any:
    """None unless any of them is given: then the model's own metadata are not asked."""
    if input_range is None and mean is None and std is None:
        return None
    from sizer.results import InputFormat

    limits = _numbers("--input-range", input_range or "-1,1")
    if len(limits) != 2:
        raise UsageError(f"--input-range {input_range!r}: give two numbers, as in 0,1")
    return InputFormat(
        (limits[0], limits[1]), _numbers("--mean", mean or "0"), _numbers("--std", std or "1")
    )


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{option} {text!r}: give numbers separated by commas") from None


def _sizes(text: str) -> tuple[float, ...]:
    """`1e4:1e6:8` to eight numbers."""
    try:
        first, last, count = text.split(":")
        low, high, number = float(first), float(last), int(count)
    except ValueError:
        raise UsageError(f"--sizes {text!r}: give FIRST:LAST:HOW_MANY, as in 1e4:1e6:8") from None
    if not (0 < low <= high < float("inf") and number >= 1):
        raise UsageError(f"--sizes {text!r}: FIRST must be positive and not above LAST")
    if number == 1:
        return (low,)
    return tuple(low * (high / low) ** (i / (number - 1)) for i in range(number))


def _noise_steps(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last) <= 5000):
        raise UsageError(f"--noise-augment {text!r}: give FIRST:LAST within 0..5000, as in 0:800")
    return int(first), int(last)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sizer {sizer.__version__}")
        raise typer.Exit()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback answers)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(UsageError.exit_code)
