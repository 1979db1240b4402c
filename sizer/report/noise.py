"""The answers of `noise`."""

from typing import TYPE_CHECKING

from sizer.noise.units import in_words
from sizer.report.document import Document, Facts, Section, Table, Warnings
from sizer.report.format import interval, two_digits

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise, Spread
    from sizer.noise.sensor import SensorNoise
    from sizer.noise.units import NoiseLevel

LINEAR = "linear"  # the schedule of a noise that no calibration gives


def document(level: "NoiseLevel") -> Document:
    """A noise level in every unit."""
    pairs = (
        ("step", f"{level.step:.1f}"),
        ("sigma, grey levels of 0..255", f"{level.sigma:.2f}"),
        ("SNR, dB", f"{level.snr_db:.2f}"),
        ("PSNR, dB", f"{level.psnr_db:.2f}"),
        ("image share mu", f"{level.mu:.5f}"),
        ("noise share", f"{level.noise:.5f}"),
    )
    return Document((Section("", (Facts(pairs),)),))


def camera_document(camera: "CameraNoise") -> Document:
    """The noise of pictures."""
    warnings = (Warnings(camera.warnings),) if camera.warnings else ()
    return Document((Section("", (Facts(camera_facts(camera)), *warnings)),))


def camera_facts(camera: "CameraNoise") -> tuple[tuple[str, str], ...]:
    skipped = f", {camera.skipped:,} skipped" if camera.skipped else ""
    return (
        ("step", _spread(camera.step, ".0f")),
        ("sigma, grey levels of 0..255", _spread(camera.sigma, ".1f")),
        ("pictures", f"{camera.used:,}{skipped}"),
    )


def _spread(spread: "Spread", form: str) -> str:
    """`51.2 (48.0 to 60.3 in nine of ten pictures)`."""
    low, high = format(spread.low, form), format(spread.high, form)
    return f"{format(spread.median, form)} ({low} to {high} in nine of ten pictures)"


def sensor_document(sensor: "SensorNoise") -> Document:
    """What a camera's noise is made of, and how it grows with brightness."""
    rows = tuple(
        (f"{level.brightness:.0f}", f"{level.sigma:.1f}", f"{level.patches:,}")
        for level in sensor.levels
    )
    skipped = f", {sensor.skipped:,} skipped" if sensor.skipped else ""
    facts = (
        ("read noise, grey levels", interval(sensor.read_noise)),
        ("gain, variance a grey level", interval(sensor.gain)),
        ("pictures", f"{sensor.used:,}{skipped}"),
    )
    table = Table("Noise by brightness", ("brightness", "sigma, grey levels", "patches"), rows)
    warnings = (Warnings(sensor.warnings),) if sensor.warnings else ()
    return Document(
        answer=_sensor_lines(sensor), sections=(Section("", (Facts(facts), table, *warnings)),)
    )


def _sensor_lines(sensor: "SensorNoise") -> tuple[str, ...]:
    from sizer.noise import linear_schedule

    sigmas = [level.sigma for level in sensor.levels]
    ends = f"{two_digits(min(sigmas))} to {two_digits(max(sigmas))} grey levels"
    if sensor.enough:
        return (f"one sigma serves for all of a picture: {ends}",)
    worst = in_words(linear_schedule().step_from_sigma(sensor.sigma), LINEAR)
    return (
        f"one sigma is not enough: it is {ends}, by brightness",
        f"ask with the most, {worst}, and the answer holds for the rest",
    )
