"""`verify`: a model, or a device's own predictions, against the requirement of an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sizer.datasets import open_dataset
from sizer.datasets.records import MAX_BAD, DatasetInfo
from sizer.errors import DataError, UsageError
from sizer.inference.child import Children
from sizer.inference.matching import Classes, matched
from sizer.io import read_bounded
from sizer.job.acceptance import Acceptance, accept
from sizer.job.predictions import read_predictions
from sizer.measure.cells import measure
from sizer.measure.foretelling import foretold
from sizer.measure.processes import Processes
from sizer.measure.store import open_store
from sizer.networks.models import find_models, open_models
from sizer.noise import Noise
from sizer.prediction.question import Requirement, check_requirement
from sizer.progress import ReportProgress, no_progress, say_nothing


@dataclass(frozen=True, slots=True)
class Sources:
    """Of an answer's provenance, the test pictures."""

    measured_on: DatasetInfo | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is read of an answer: what `recommend --format json` and `start` write."""

    requirement: Requirement
    provenance: Sources | None = None


def verify(
    model: str | Path,
    answer: str | Path,
    *,
    data: str | Path | None = None,
    max_bad: float = MAX_BAD,
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Acceptance:
    """Whether a model reaches the accuracy that an answer was asked for, at its noise.

    model: an ONNX file, or a CSV of what a device predicted, with the columns `label` and
    `predicted`; those pictures have the camera's own noise, and none is added. answer: the
    `answer.json` of a job, or what `recommend --format json` printed. data: whose test pictures,
    None for those of the answer. Raises UsageError for a file that is no answer, ModelError and
    DataError for what cannot be used.
    """
    asked = read_answer(Path(answer))
    if Path(model).suffix.lower() == ".csv":
        correct, pictures = read_predictions(Path(model))
        return accept(
            str(model), asked.requirement, correct, pictures, f"{pictures:,} pictures of a device"
        )
    known = asked.provenance.measured_on if asked.provenance else None
    if data is None and known is None:
        raise UsageError(f"{answer}: does not say on which pictures; give them with --data")
    spec = str(data) if data is not None else known.spec if known else ""
    return measured_file(Path(model), asked.requirement, spec, max_bad, progress, tell)


def read_answer(path: Path) -> Answer:
    """Raises UsageError for a file that is no answer, or one to an impossible question."""
    import msgspec

    try:
        answer = msgspec.json.decode(read_bounded(path), type=Answer)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give the answer.json of a job") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}: no answer of sizer ({str(error)[:80]}); give the answer.json of a job"
        ) from error
    try:
        check_requirement(answer.requirement)
    except UsageError as error:
        raise UsageError(f"{path}: {error}; give the answer.json of a job") from None
    return answer


def measured_file(
    model: Path,
    requirement: Requirement,
    spec: str,
    max_bad: float = MAX_BAD,
    progress: ReportProgress = no_progress,
    tell: Callable[[str], None] = say_nothing,
) -> Acceptance:
    """An ONNX file on all test pictures of a data set, under the requirement's noise."""
    if model.is_dir():
        raise DataError(f"{model}: is a folder; name one model")
    data = open_dataset(spec, "test", max_bad, tell)
    with Children() as children, open_store(tell=tell) as store:
        (child,) = children.first(1)
        models = open_models(find_models([model]), data.info, child, "cpu")
        test, opened = matched(data, models, Classes(), tell)
        for line in foretold(opened, {model.info.name: test.info.images for model in opened}):
            tell(line)
        cell = measure(
            opened,
            test,
            Noise(),
            store,
            engine=Processes(children, tell),
            steps=(requirement.noise_step,),
            progress=progress("measuring"),
        ).cells[0]
    on = f"{cell.trials:,} test pictures of {spec}"
    return accept(str(model), requirement, cell.correct, cell.trials, on)
