"""The answers of `noise`."""

from typing import TYPE_CHECKING

from sizer.report.document import Document, Facts, Section, Warnings

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise, Spread
    from sizer.noise.units import NoiseLevel


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
        ("step", _spread(camera.step, ".1f")),
        ("sigma, grey levels of 0..255", _spread(camera.sigma, ".2f")),
        ("pictures", f"{camera.used:,}{skipped}"),
    )


def _spread(spread: "Spread", form: str) -> str:
    """`51.2 (48.0 to 60.3 in nine of ten pictures)`."""
    low, high = format(spread.low, form), format(spread.high, form)
    return f"{format(spread.median, form)} ({low} to {high} in nine of ten pictures)"
