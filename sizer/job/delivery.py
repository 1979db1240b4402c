"""What a job leaves: the models, the answer, the calibration and the acceptance sheet."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sizer.calibration import Calibration
from sizer.io import replacing, write_text
from sizer.job.acceptance import Acceptance
from sizer.job.journal import Decision
from sizer.job.loop import EndKind
from sizer.job.noise import JobNoise
from sizer.prediction.accuracy import AccuracyRange
from sizer.prediction.advice import Advice
from sizer.result import Tabular


@dataclass(frozen=True, slots=True)
class Delivery(Tabular):
    """How a job ended. advice: the answer from all that was measured.

    delivered: of the model in the folder, at the precision of the device, None where none meets the
    requirement; original: of the same model in fp32, where it was made int8. promised: the accuracy
    foretold of its next training, before it was trained. closest: of the most accurate model.
    seconds: of work.
    """

    kind: EndKind
    reason: str
    folder: str
    advice: Advice
    calibration: Calibration
    delivered: Acceptance | None
    original: Acceptance | None
    promised: AccuracyRange | None
    closest: Acceptance
    parameters: int
    noise: JobNoise
    decisions: tuple[Decision, ...]
    seconds: float
    command: str

    def rows(self) -> list[dict[str, object]]:
        """One row a measured model, in the order of size: its accuracy at the noise asked about."""
        step, counts = self.advice.requirement.noise_step, list[dict[str, object]]()
        for curve in self.calibration.curves:
            place = curve.steps.index(step)
            accuracy = curve.correct[place] / curve.trials[place]
            counts.append(
                {"model": curve.model.name, "parameters": curve.size, "accuracy": accuracy}
            )
        return counts

    def to_json(self) -> str:
        """The answer of `recommend`, and what was delivered."""
        from sizer.report.json import plain, to_json

        delivered = None if self.delivered is None else plain(self.delivered)
        original = None if self.original is None else plain(self.original)
        return to_json(
            {
                **plain(self.advice),
                "delivered": delivered,
                "delivered_fp32": original,
                "promised": None if self.promised is None else plain(self.promised),
                "closest": plain(self.closest),
                "ended": {"kind": self.kind, "reason": self.reason, "seconds": self.seconds},
            }
        )


def leave(delivery: Delivery, trained: Path, measured: Path) -> None:
    """Put the files into the job's folder. trained, measured: folders of the models."""
    folder = Path(delivery.folder)
    if delivery.delivered is not None:
        file = f"{delivery.delivered.model}.onnx"
        _copy(trained / file, folder / "model.onnx")
        if measured != trained:
            _copy(measured / file, folder / "model-int8.onnx")
    delivery.calibration.save(folder / "calibration.json")
    write_text(folder / "answer.json", delivery.to_json() + "\n")
    from sizer.report.delivery import write_sheet

    write_sheet(folder / "report.html", delivery)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as partial:
        shutil.copyfile(source, partial)
