"""What a job decided and how long it worked: the file from which the same line goes on."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from sizer.errors import OutputError
from sizer.io import read_bounded, replacing
from sizer.prediction.accuracy import AccuracyRange

FILE_NAME = "job.json"
VERSION = 1
LARGEST = 1e15  # of sizes and seconds: beyond it, counting is no longer exact
WRITTEN = 10.0  # seconds of work that a kill may leave uncounted


@dataclass(frozen=True, slots=True)
class Decision:
    """Sizes to train next, parameters, and why.

    promised: the accuracy that the next training of that size was expected to measure, None of the
    first sizes. recommended: whether it was as sure to meet the requirement as was asked.
    """

    sizes: tuple[int, ...]
    why: str
    promised: AccuracyRange | None = None
    recommended: bool = False

    @property
    def makes_sense(self) -> bool:
        promised = self.promised
        sizes = self.sizes and all(1 <= size <= LARGEST for size in self.sizes)
        ordered = promised is None or 0 <= promised.low <= promised.best <= promised.high <= 1
        return bool(sizes) and ordered


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The journal's file. asked: all that decides what is trained; seconds: of work so far."""

    version: int
    asked: dict[str, str]
    seconds: float
    decisions: tuple[Decision, ...]

    @property
    def makes_sense(self) -> bool:
        """Whether a job may have written it: the file lies open to anybody."""
        return 0 <= self.seconds <= LARGEST and all(each.makes_sense for each in self.decisions)


class Journal:
    """The decisions of one job; every one is on the disk before it is carried out."""

    def __init__(self, folder: Path, asked: dict[str, str]) -> None:
        """Raises OutputError where the folder holds another job."""
        self._path = folder / FILE_NAME
        self._record = read_job(self._path) or JobRecord(VERSION, asked, 0.0, ())
        self._began, self._saved = time.monotonic(), self._record.seconds
        self._before = self._record.seconds
        changed = [name for name in asked if self._record.asked.get(name) != asked[name]]
        if changed:
            name = changed[0]
            raise OutputError(
                f"{folder}: holds a job with {name} {self._record.asked.get(name)}, not "
                f"{asked[name]}; choose another --out"
            )

    @property
    def decisions(self) -> tuple[Decision, ...]:
        return self._record.decisions

    @property
    def sizes(self) -> tuple[int, ...]:
        """All sizes that were chosen so far, in that order."""
        return tuple(size for decision in self.decisions for size in decision.sizes)

    @property
    def seconds(self) -> float:
        """Of work, in this and all earlier runs."""
        return self._before + time.monotonic() - self._began

    def decide(self, decision: Decision) -> None:
        """Write a decision down."""
        self._save(replace(self._record, decisions=(*self.decisions, decision)))

    def work(self) -> None:
        """Count the time, now and then on the disk."""
        if self.seconds - self._saved > WRITTEN:
            self.save()

    def save(self) -> None:
        """Have the time on the disk."""
        self._save(self._record)

    def _save(self, record: JobRecord) -> None:
        import msgspec

        self._record = replace(record, seconds=round(self.seconds, 1))
        self._saved = self._record.seconds
        with replacing(self._path) as partial:
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(self._record), indent=1))


def read_job(path: Path) -> JobRecord | None:
    """The journal of a folder, None where there is none. Raises OutputError for another file."""
    import msgspec

    try:
        record = msgspec.json.decode(read_bounded(path), type=JobRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: no journal of a job; choose another --out") from error
    if not record.makes_sense:
        raise OutputError(f"{path}: its decisions make no sense; choose another --out")
    if record.version != VERSION:
        raise OutputError(f"{path}: of another version of sizer; choose another --out")
    return record
