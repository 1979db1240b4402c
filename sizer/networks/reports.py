"""What a training tells while it runs, in whatever process or on whatever machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sizer.networks.manifest import Epoch, FailedRun, TrainedModel

if TYPE_CHECKING:
    from sizer.networks.plan import Member

# Told the epochs of a model and the cost of an epoch of each, in one unit; then each epoch.
ReportTraining = Callable[[int, dict[str, float]], "Callable[[EpochDone], None]"]


@dataclass(frozen=True, slots=True)
class EpochDone:
    """Epochs done of one model, and the newest of them."""

    name: str
    done: int
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class RunFailed:
    """A run of a model came to nothing, and the next one begins."""

    name: str
    failed: FailedRun


@dataclass(frozen=True, slots=True)
class Trained:
    """A model is finished, and its file waits to be taken into the ladder.

    member: with the run that came to it. seconds: of all its epochs at the pace of those that were
    trained now, None where none was.
    """

    member: "Member"
    model: TrainedModel
    seconds: float | None


Report = EpochDone | RunFailed | Trained


def no_training_progress(_epochs: int, _costs: dict[str, float], /) -> Callable[[EpochDone], None]:
    """Show nothing."""

    def ignore(_progress: EpochDone) -> None:
        pass

    return ignore
