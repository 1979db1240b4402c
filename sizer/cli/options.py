"""The options that commands share, and the texts of options to values."""

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.show import Format
from sizer.cluster import EngineChoice
from sizer.errors import UsageError
from sizer.inference.records import Precision
from sizer.networks.recipe import AcceleratorChoice, Augment
from sizer.scaling.choices import Control, IntervalMethod, LevelSet, OrderParameter

if TYPE_CHECKING:
    from sizer.inference.input_format import InputFormat


def complete_calibration(typed: str) -> list[str]:
    """The shipped ones, and JSON files."""
    from sizer.io import shipped

    known = sorted(path.stem for path in shipped("calibration").glob("*.json"))
    files = sorted(map(str, Path().glob(f"{glob.escape(typed)}*.json")))
    return [name for name in (*known, *files) if name.startswith(typed)]


def complete_ladder(typed: str) -> list[str]:
    """Calibrations, and tables of measurements."""
    tables = sorted(map(str, Path().glob(f"{glob.escape(typed)}*.csv")))
    return [*complete_calibration(typed), *tables]


def complete_name(typed: str) -> list[str]:
    """Of the devices of the catalogue, in any case."""
    from sizer.devices.catalogue import all_devices

    names = (device.name for device in all_devices(None))
    return [name for name in names if name.lower().startswith(typed.lower())]


def complete_device(typed: str) -> list[str]:
    """A name, or all of them."""
    return [*(["all"] if "all".startswith(typed.lower()) else []), *complete_name(typed)]


def complete_core(typed: str) -> list[str]:
    from sizer.devices.catalogue import all_devices

    cores = sorted({device.core for device in all_devices(None)})
    return [core for core in cores if core.lower().startswith(typed.lower())]


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
    str | None,
    typer.Option(
        help="Black and white, as the models expect them, and as an .npz of fractions has them.",
        metavar="LOW,HIGH",
    ),
]
MeanOption = Annotated[
    str | None, typer.Option(help="Then subtracted, a channel each.", metavar="R,G,B")
]
StdOption = Annotated[
    str | None, typer.Option(help="Then divided by, a channel each.", metavar="R,G,B")
]
InputSideOption = Annotated[
    int | None, typer.Option(min=1, help="Pixels a side, of models that take any.")
]
CropShareOption = Annotated[
    float | None,
    typer.Option(
        help="What a crop keeps of the short side of pictures that are not of the model's size, "
        "above 0 and at most 1; by default as the model says, else 0.875, and 1 if square."
    ),
]
MaxBadOption = Annotated[
    float,
    typer.Option(help="Share of damaged pictures, rounded up, that are left out; more stop it."),
]
ClassesOption = Annotated[
    Path | None,
    typer.Option(
        "--classes",
        help="A file that lists the models' classes, a line each: its name, its number, or both.",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Calibration file to write.")]
TargetOption = Annotated[float, typer.Option(help="Accuracy wanted, a fraction.")]
StepOption = Annotated[
    float | None, typer.Option("--noise-step", "--step", help="Noise as a diffusion step.")
]
SigmaOption = Annotated[
    float | None, typer.Option(help="Noise as a standard deviation in grey levels of 0..255.")
]
SnrOption = Annotated[float | None, typer.Option(help="Noise as a signal-to-noise ratio in dB.")]
NoiseFromOption = Annotated[
    Path | None, typer.Option(help="Noise as pictures of the camera show it: their folder.")
]
CalibrationArgument = Annotated[
    str,
    typer.Argument(
        help="A calibration file, or the name of a shipped one.",
        autocompletion=complete_calibration,
    ),
]
CalibrationOption = Annotated[
    str,
    typer.Option(
        help="A calibration file, or the name of a shipped one.",
        autocompletion=complete_calibration,
    ),
]
BorrowOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A calibration whose growth with size this one may share; again for more. What "
        "contradicts the measurements counts for little.",
        autocompletion=complete_calibration,
    ),
]
ConfidenceOption = Annotated[float, typer.Option(help="Of the recommended size and the intervals.")]
FormatOption = Annotated[Format, typer.Option(help="How to print the answer.")]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", help="Page to write of the answer: HTML, or .md, or .json."),
]
ShowOption = Annotated[
    Path | None,
    typer.Option("--show", help="A picture to show at several noises, around the one asked about."),
]
DetailsOption = Annotated[
    bool, typer.Option("--details", help="Also how it is known. JSON and Markdown always say it.")
]
DEVICE = typer.Option(
    "--device",
    help="A device of `sizer devices`; repeat for more; all: each, ranked.",
    autocompletion=complete_device,
)
DevicesFileOption = Annotated[
    Path | None, typer.Option("--devices-file", help="A TOML file of more devices.")
]
PRECISION = typer.Option("--precision", help="Of weights and activations.")
PrecisionOption = Annotated[Precision, PRECISION]
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
EngineOption = Annotated[
    EngineChoice,
    typer.Option(
        "--engine", help="What runs it: processes of this machine, or the cluster of RAY_ADDRESS."
    ),
]
AcceleratorOption = Annotated[
    AcceleratorChoice,
    typer.Option("--accelerator", help="What trains: auto takes a GPU where there is one."),
]
AugmentOption = Annotated[
    Augment,
    typer.Option("--augment", help="Shift, and mirror unless that changes the class."),
]
EPOCHS = typer.Option("--epochs", min=1, max=100_000, help="Passes over the training pictures.")
SideOption = Annotated[
    int | None,
    typer.Option("--side", min=8, max=2048, help="Pixels a side of the network's input."),
]
PlotsOption = Annotated[
    Path | None, typer.Option("--plots", help="Folder for the pictures, as PNG and SVG.")
]


MOST_SIZES = 1000  # of a ladder
MOST_NUMBERS = 10_000  # in one option


def parse_steps(text: str) -> tuple[float, ...] | None:
    """None for `auto`."""
    if text == "auto":
        return None
    return parse_numbers("--steps", text)


def parse_input_format(
    input_range: str | None, mean: str | None, std: str | None
) -> "InputFormat | None":
    """What the model expects, as given; None where nothing is, for its file may say it."""
    if input_range is None and mean is None and std is None:
        return None
    from sizer.inference.input_format import InputFormat

    limits = parse_range(input_range) or InputFormat().range
    means, deviations = parse_numbers("--mean", mean or "0"), parse_numbers("--std", std or "1")
    return InputFormat(limits, means, deviations)


def parse_range(text: str | None) -> tuple[float, float] | None:
    """`0,1` to the two numbers."""
    if text is None:
        return None
    low, *high = parse_numbers("--input-range", text)
    if len(high) != 1 or not -float("inf") < low < high[0] < float("inf"):
        raise UsageError(f"--input-range {text!r}: give two numbers, the lower first, as in 0,1")
    return low, high[0]


def parse_numbers(option: str, text: str) -> tuple[float, ...]:
    parts = text.split(",")
    if len(parts) > MOST_NUMBERS:
        raise UsageError(f"{option}: {len(parts):,} numbers; give {MOST_NUMBERS:,} at most")
    try:
        return tuple(map(float, parts))
    except ValueError:
        raise UsageError(f"{option} {text!r}: give numbers separated by commas") from None


def parse_sizes(text: str) -> tuple[float, ...]:
    """`1e4:1e6:8` to eight numbers."""
    try:
        first, last, count = text.split(":")
        low, high, number = float(first), float(last), int(count)
    except ValueError:
        raise UsageError(f"--sizes {text!r}: give FIRST:LAST:HOW_MANY, as in 1e4:1e6:8") from None
    if not (0 < low <= high < float("inf") and 1 <= number <= MOST_SIZES):
        raise UsageError(
            f"--sizes {text!r}: FIRST must be positive and not above LAST, and HOW_MANY"
            f" 1 to {MOST_SIZES}"
        )
    if number == 1:
        return (low,)
    return tuple(low * (high / low) ** (i / (number - 1)) for i in range(number))


def parse_noise_steps(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, last = text.partition(":")
    whole = all(part.isdecimal() and len(part) < 5 for part in (first, last))
    if not (whole and int(first) < int(last) <= 5000):
        raise UsageError(f"--noise-augment {text!r}: give FIRST:LAST within 0..5000, as in 0:800")
    return int(first), int(last)
