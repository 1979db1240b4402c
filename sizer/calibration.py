"""The calibration: everything that was measured of a ladder, and fitted to it; its file."""

from dataclasses import dataclass
from pathlib import Path

from sizer.cluster import EngineChoice
from sizer.datasets.records import MAX_BAD, DatasetInfo
from sizer.errors import CalibrationError, OutputError, UsageError
from sizer.inference.input_format import InputFormat
from sizer.inference.records import ModelInfo, ProviderChoice
from sizer.io import check_writable, make_folder, read_bounded, shipped, write_text
from sizer.networks.recipe import LadderTraining
from sizer.noise import schedule_named
from sizer.result import Tabular
from sizer.scaling.backtests import Backtest
from sizer.scaling.choices import IntervalMethod
from sizer.scaling.collapse import Collapse
from sizer.scaling.crossings import Cut, LevelCrossing, Width, width_tolerance
from sizer.scaling.curves import Cell, NoiseCurve, at_shared_steps, curves_of
from sizer.scaling.master import BorrowedShape, completed
from sizer.scaling.surface import LawFit
from sizer.scaling.width import WidthLaw
from sizer.soundness import require_sound

VERSION = 1


@dataclass(frozen=True, slots=True)
class Measuring:
    """What `calibrate` was asked to measure.

    models: files and folders, none for the built-in ladder. data: whose test images. steps: None
    where they were planned. images: at most, None for all. tolerance: of the widths, at which a
    plan stops. input_format, input_side, crop_share: None where the files say it. max_bad: share of
    damaged pictures that are left out. classes: the file that lists the models'. restrict: whether
    scores count among those of the data alone. shape: ladders whose shape is borrowed.
    """

    models: tuple[str, ...]
    data: str
    steps: tuple[float, ...] | None
    images: int | None
    tolerance: float
    input_format: InputFormat | None
    provider: ProviderChoice
    engine: EngineChoice
    input_side: int | None = None
    crop_share: float | None = None
    max_bad: float = MAX_BAD
    classes: str | None = None
    restrict: bool = False
    shape: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What `calibrate` and `fit` were asked, so that the same can be asked again.

    measuring: None where some other program measured. measurements: the file that `fit` was given,
    None where nothing was fitted again, or what was given was no file. cut, interval: of the fit.
    version: of the program that was asked last.
    """

    measuring: Measuring | None
    measurements: str | None
    cut: Cut
    interval: IntervalMethod
    version: str


@dataclass(frozen=True, slots=True)
class Calibration(Tabular):
    """Everything `recommend` needs: the measurements, the fits, and how far to trust them.

    schedule: name of the noise schedule that the steps belong to, None for a table in some other
    noise unit. fit: the law chosen by back-test, None where no law can be fitted; rivals: the
    others. image_share: of the counting variance, what all models have in common, as measured; 1
    where unknown. warnings: of the measurement; fit_warnings: of what was fitted, or could not be.
    ladder: how all of the models were trained, where a manifest says so. request: what was asked,
    None in files of older versions. shape: taken from other ladders, between few measured steps.
    """

    version: int
    created_with: str
    schedule: str | None
    dataset: DatasetInfo | None
    models: tuple[ModelInfo, ...]
    chance: float
    cells: tuple[Cell, ...]
    crossings: tuple[LevelCrossing, ...]
    widths: tuple[Width, ...]
    width_law: WidthLaw | None
    collapse: Collapse | None
    fit: LawFit | None
    rivals: tuple[LawFit, ...]
    backtests: tuple[Backtest, ...]
    image_share: float = 1.0
    warnings: tuple[str, ...] = ()
    fit_warnings: tuple[str, ...] = ()
    ladder: LadderTraining | None = None
    request: Request | None = None
    shape: BorrowedShape | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The different sizes, ascending, parameters."""
        return tuple(sorted({model.parameters for model in self.models}))

    @property
    def curves(self) -> tuple[NoiseCurve, ...]:
        """One curve a model, models in order of size; where few steps were measured, drawn out by
        the shape that was borrowed.
        """
        schedule = schedule_named(self.schedule) if self.shape and self.schedule else None
        return completed(self.measured_curves, self.shape, schedule)

    @property
    def measured_curves(self) -> tuple[NoiseCurve, ...]:
        """The same, of the measured steps alone."""
        return curves_of(self.models, self.cells, self.chance)

    @property
    def shared_steps(self) -> tuple[float, ...]:
        """The noise steps at which the models are compared, ascending."""
        return at_shared_steps(self.curves)[0].steps

    @property
    def images(self) -> int:
        """The fewest images that any accuracy was counted from."""
        return min(cell.trials for cell in self.cells)

    @property
    def laws(self) -> tuple[LawFit, ...]:
        """All laws that could be fitted, the best predictor of left-out sizes first."""
        return () if self.fit is None else (self.fit, *self.rivals)

    @property
    def tolerance(self) -> float | None:
        """Within what share of itself counting lets a width be known: see `width_tolerance`."""
        return width_tolerance(self.widths)

    def save(self, path: str | Path) -> None:
        """Write the calibration's file. Raises OutputError where it cannot be written."""
        import msgspec

        text = msgspec.json.format(msgspec.json.encode(self), indent=1)
        write_text(Path(path), text.decode() + "\n")

    def rows(self) -> list[dict[str, object]]:
        """One row a cell: models in order of size, steps ascending."""
        return [
            {
                "model": curve.model.name,
                "parameters": curve.size,
                "step": step,
                "correct": correct,
                "trials": trials,
                "accuracy": correct / trials,
            }
            for curve in self.measured_curves
            for step, correct, trials in zip(curve.steps, curve.correct, curve.trials, strict=True)
        ]


def load(calibration: str | Path | Calibration) -> Calibration:
    """The calibration of a file, or a shipped one by name; one that was read already is given back.

    Raises CalibrationError for a file that is no calibration of this version, UsageError for a name
    that is neither a file nor shipped.
    """
    if isinstance(calibration, Calibration):
        return calibration
    return _read(find_calibration(str(calibration)))


def check_outputs(path: Path, plots: Path | None = None) -> None:
    """Raise OutputError before any work if the calibration `path` could not be written, is not
    ours to replace, or the folder `plots` cannot be there.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    if path.exists():
        try:
            _read(path)
        except CalibrationError:
            raise OutputError(
                f"{path}: exists and is no calibration; choose another --out or remove it"
            ) from None
    check_writable(path)
    if plots is not None:
        make_folder(plots)


def _read(path: Path) -> Calibration:
    """Raises CalibrationError for anything that is not a calibration of this version."""
    import msgspec

    try:
        calibration = msgspec.json.decode(read_bounded(path), type=Calibration)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}; give a calibration file") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CalibrationError(
            f"{path}: not a calibration of this version: {error}; "
            "make one with `sizer calibrate` or `sizer fit`"
        ) from error
    if calibration.version != VERSION:
        raise CalibrationError(
            f"{path}: calibration version {calibration.version}, this sizer reads {VERSION}; "
            "make it again with `sizer calibrate`"
        )
    try:
        require_sound(calibration)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    return calibration


def find_calibration(name: str) -> Path:
    """A file, or the name of a shipped calibration."""
    path = Path(name)
    if path.is_file() or path.suffix or path.name != name:
        return path
    folder = shipped("calibration")
    if (folder / f"{name}.json").is_file():
        return folder / f"{name}.json"
    known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
    raise UsageError(f"calibration {name!r}: neither a file nor a shipped one ({known})")
