"""What people read in the terminal: tables on stdout, progress on stderr."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from sizer import report
from sizer.calibration import Calibration
from sizer.devices.records import Device, DeviceVerdict
from sizer.inference.records import Precision
from sizer.networks.manifest import Manifest
from sizer.noise import NoiseLevel
from sizer.noise.camera import CameraNoise
from sizer.predict.accuracy import Prediction
from sizer.predict.advice import Advice
from sizer.predict.backtest import LadderBacktest
from sizer.predict.plan import TrainingPlan

if TYPE_CHECKING:
    from sizer.networks.ladder import EpochDone
    from sizer.quantization.quantize import QuantizedModel

COLOURS = {
    "recommended": "green",
    "bounded": "yellow",
    "unreachable": "yellow",
    "untrusted": "red",
}


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=False,
    )


@contextmanager
def training_progress() -> Iterator["Callable[[int, dict[str, int]], Callable[[EpochDone], None]]"]:
    """A bar over all epochs, each weighted by its model's multiply-accumulates."""
    with _progress() as progress:

        def start(epochs: int, costs: dict[str, int]) -> "Callable[[EpochDone], None]":
            total = epochs * sum(costs.values())
            task = progress.add_task("training", total=total, note="")
            done: dict[str, int] = {}

            def report(message: "EpochDone") -> None:
                newly = message.done - done.get(message.name, 0)
                done[message.name] = message.done
                note = (
                    f"{message.name} epoch {message.done}/{epochs} "
                    f"loss {message.epoch.loss:.3f} accuracy {message.epoch.accuracy:.3f}"
                )
                progress.update(task, advance=newly * costs[message.name], note=note)

            return report

        yield start


@contextmanager
def measuring_progress() -> Iterator[Callable[[str], Callable[[float, float], None]]]:
    """A bar for each phase of the measurement, in the cost of what is left to run.

    A phase that comes again has the same bar anew.
    """
    progress, bars = _progress(), dict[str, TaskID]()

    def start(phase: str) -> Callable[[float, float], None]:
        progress.start()
        if phase in bars:
            progress.reset(bars[phase])
        else:
            bars[phase] = progress.add_task(phase, total=None, note="", visible=False)
        task = bars[phase]

        def update(done: float, total: float) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        return update

    try:
        yield start
    finally:
        if progress.live.is_started:  # where no phase began, not even an empty line is printed
            progress.stop()


def show_ladder(manifest: Manifest) -> None:
    rows = [
        (
            model.file,
            f"{model.parameters:,}",
            f"{model.macs:,}",
            str(model.seed),
            f"{model.clean_accuracy:.3f}",
        )
        for model in manifest.models
    ]
    headings = ("model", "parameters", "MACs", "seed", "clean accuracy")
    _table(f"{manifest.recipe.family} ladder on {manifest.dataset.spec}", headings, rows)


def show_quantized(precision: Precision, models: "Sequence[QuantizedModel]") -> None:
    """The loss that was measured, which is what an operator that quantises badly shows by."""
    rows = [
        (
            model.name,
            f"{model.parameters:,}",
            f"{model.original:.3f}",
            f"{model.quantized:.3f}",
            f"{round(model.original - model.quantized, 3) + 0:+.3f}",  # without minus zero
        )
        for model in sorted(models, key=lambda one: (one.parameters, one.name))
    ]
    headings = ("model", "parameters", "fp32", precision, "loss")
    _table(f"Clean accuracy on {models[0].images:,} test images", headings, rows)


def show_calibration(calibration: Calibration) -> None:
    """The measured accuracies at a few steps, the laws, and what to beware of."""
    steps = calibration.shared_steps
    some = [steps[round(i * (len(steps) - 1) / 4)] for i in range(5)] if len(steps) > 5 else steps
    headings = ("model", "parameters", *(f"t={step:g}" for step in some))
    precision = calibration.models[0].precision
    at = f", {precision}" if precision else ""
    _table(f"Accuracy at noise step t{at}", headings, report.model_rows(calibration, some))
    law, collapse = calibration.width_law, calibration.collapse
    if law is not None:
        title = f"Width of the fall in {law.control}: N^-exponent; {law.verdict}"
        _table(title, ("levels", "exponent (90 %)", "widths"), report.width_rows(calibration))
        Console().print(Text(report.width_precision(calibration)))
    if collapse is not None:
        rows = [
            ("t_c", report.interval(collapse.critical_step, ".4g")),
            ("1/nu", report.interval(collapse.inverse_nu)),
            ("lambda", report.interval(collapse.lambda_)),
            ("quality", report.number(collapse.quality)),
        ]
        _table(f"Collapse: {collapse.verdict}", ("quantity", "value (90 %)"), rows)
    if calibration.fit is not None:
        chosen = calibration.fit
        _table("Laws, the best predictor of left-out sizes first", *report.law_table(calibration))
        _table(f"Parameters of the {chosen.law} law", *report.parameter_table(chosen))
    for fit in calibration.laws:
        Console().print(Text(f"{fit.law}: {fit.verdict}"))
    _warn((*calibration.warnings, *calibration.fit_warnings))


def show_noise(level: NoiseLevel) -> None:
    _table(None, None, report.noise_rows(level))


def show_camera(camera: CameraNoise) -> None:
    _table(None, None, report.camera_rows(camera))
    _warn(camera.warnings)


def show_skipped(camera: CameraNoise) -> None:
    console = Console(stderr=True)
    for picture in camera.pictures:
        if picture.problem is not None:
            console.print(Text(f"skipped: {picture.path} {picture.problem}"), soft_wrap=True)


def show_advice(advice: Advice) -> None:
    colour = COLOURS[advice.verdict]
    answer = Text(f"{advice.verdict}: ", style=f"bold {colour}") + Text(advice.reason)
    Console().print(answer)
    _table(None, None, report.advice_facts(advice))
    if advice.train_command is not None:
        Console().print(Text(f"trained by: {advice.train_command}"), soft_wrap=True)
    show_verdicts(advice.devices)
    _warn(advice.warnings)


def show_prediction(prediction: Prediction) -> None:
    told = report.accuracy_range(prediction.accuracy)
    Console().print(Text(f"{told}: the accuracy of {prediction.parameters:,} parameters"))
    _table(None, None, report.prediction_facts(prediction))
    _warn(prediction.warnings)


def show_plan(planned: TrainingPlan) -> None:
    Console().print(Text(planned.reason))
    for title, headings, rows in report.plan_tables(planned):
        _table(title, headings, rows)
    for line in report.plan_lines(planned):
        Console().print(Text(line), soft_wrap=True)


def show_backtest(found: LadderBacktest) -> None:
    """Every prediction, and the sum of them at the end, where it is seen."""
    for title, headings, rows in (*report.backtest_details(found), *report.backtest_summary(found)):
        _table(title, headings, rows)
    for line in report.backtest_verdicts(found):
        Console().print(Text(line))


def show_verdicts(found: Sequence[DeviceVerdict]) -> None:
    for one in found:
        _table(f"{one.name}: {one.verdict}", None, report.verdict_facts(one))


def show_devices(devices: Sequence[Device]) -> None:
    _table(None, *report.device_rows(devices))


def _warn(warnings: Sequence[str]) -> None:
    console = Console(stderr=True)
    for warning in warnings:
        console.print(Text("warning: ", style="yellow") + Text(warning), soft_wrap=True)


def _table(
    title: str | None, headings: Sequence[str] | None, rows: Sequence[Sequence[str]]
) -> None:
    """Text on the left, figures on the right; users' text is never read as markup."""
    console = Console()
    if title:
        console.print(Text(f"\n{title}", style="bold"))  # a table's own title is cut to its width
    table = Table(show_header=bool(headings))
    for i in range(max(map(len, rows), default=0)):
        heading = Text(headings[i]) if headings else ""
        table.add_column(heading, justify="right" if headings and i else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
