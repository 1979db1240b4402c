"""A picture at several noises, with the accuracy that a size has at each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sizer.noise.units import in_words
from sizer.report.document import Frame, Strip
from sizer.report.format import short

if TYPE_CHECKING:
    from sizer.calibration import Calibration
    from sizer.datasets.images import Pixels
    from sizer.prediction.accuracy import AccuracyRange
    from sizer.prediction.advice import Advice

GLYPHS = "built-in glyphs"
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Seen:
    """One noise: how a picture (its name) looks there, as a file of that type, and the accuracy of
    `size`, None where nothing is known at that noise.
    """

    name: str
    step: float
    size: int
    accuracy: "AccuracyRange | None"
    media_type: str
    picture: bytes


def seen(
    calibration: "Calibration", advice: "Advice | None", picture: Path | None, confidence: float
) -> tuple[Seen, ...]:
    """Noises around the one that is asked about, or of all that may be asked about.

    picture: a file, brought to the input of the models; glyphs of the built-in set without one.
    Empty where the noise has another unit than steps. Raises DataError for a file that is none.
    """
    if calibration.schedule is None:
        return ()
    from sizer.noise import schedule_named
    from sizer.noise.strip import encoded, noisy, steps_around
    from sizer.prediction.outlook import accuracies
    from sizer.report.calibration import telling_steps

    schedule = schedule_named(calibration.schedule)
    asked = advice.requirement.noise_step if advice else telling_steps(calibration)[-1]
    steps = steps_around(min(asked, schedule.last_step), schedule.last_step)
    size = (advice.built if advice else None) or calibration.sizes[-1]
    pixels = _input(calibration, picture)
    name = GLYPHS if picture is None else short(picture.name)
    return tuple(
        Seen(name, step, size, accuracy, *encoded(noisy(pixels, schedule.sigma(step))))
        for step, accuracy in zip(
            steps, accuracies(calibration, size, steps, confidence), strict=True
        )
    )


def _input(calibration: "Calibration", picture: Path | None) -> "Pixels":
    """The picture as the models are fed it, in colour."""
    from sizer.noise.strip import glyphs, read_picture

    if picture is None:
        return glyphs()
    from sizer.datasets.preprocessing import preprocess
    from sizer.datasets.records import Preprocessing

    shape = calibration.models[0].input_shape
    if shape is None:
        return read_picture(picture)
    return preprocess(read_picture(picture, 4 * max(shape)), Preprocessing((*shape[:2], 3)))


def block(pictures: Sequence[Seen], schedule: str | None) -> Strip:
    """What is shown of them; the one asked about is in the middle."""
    size, name = pictures[0].size, pictures[0].name
    frames = tuple(
        Frame(
            one.media_type,
            one.picture,
            in_words(one.step, schedule),
            NOT_KNOWN if one.accuracy is None else _words(one.accuracy),
        )
        for one in pictures
    )
    words = f"What noise looks like on {name}, and the accuracy of {size:,} parameters there"
    return Strip(words, frames)


def _words(accuracy: "AccuracyRange") -> str:
    """In two digits: a line below a picture is short."""
    return f"{accuracy.best:.2f} ({accuracy.low:.2f} to {accuracy.high:.2f})"
