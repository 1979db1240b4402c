"""The errors a user can cause. Each message is one line that names the input and the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sizer.calibration import Calibration


class SizerError(Exception):
    """Base of all of them; the command line prints the message and exits with `exit_code`."""

    exit_code = 3


class UsageError(SizerError):
    """The options contradict each other or lie outside their range."""

    exit_code = 2


class DataError(SizerError):
    """A data set cannot be read, or does not hold what a classifier's data set must."""


class ModelError(SizerError):
    """A model cannot be read, or does not fit the data."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file's name before the message of a ModelError."""
    try:
        yield
    except ModelError as error:
        raise type(error)(f"{path}: {error}") from None


class ProviderError(SizerError):
    """An execution provider was asked for by name and is not there."""


class MissingExtraError(SizerError):
    """A command needs packages that a plain installation leaves out."""


class ClusterError(SizerError):
    """A Ray cluster cannot be reached, lacks what is asked of it, or its workers fail."""


class MeasurementError(SizerError):
    """Measurements are malformed, or too few for a fit."""


class UnfittedError(MeasurementError):
    """What was measured says nothing of size: it is in `calibration`, and nothing is fitted."""

    def __init__(self, message: str, calibration: "Calibration") -> None:
        super().__init__(message)
        self.calibration = calibration


class DeviceError(SizerError):
    """A device is not in the catalogue, or a file of devices cannot be read."""


class CalibrationError(SizerError):
    """A calibration file cannot be read, or is of another version."""


class OutputError(SizerError):
    """A file cannot be written, or would overwrite something that is not ours."""


class PredictionError(SizerError):
    """The measurements say nothing about what is asked."""

    exit_code = 4
