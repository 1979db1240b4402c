"""`sizer noise`: a noise level in every unit, or that of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.app import command
from sizer.cli.messages import mention
from sizer.cli.options import FormatOption
from sizer.cli.progress import measuring_progress
from sizer.cli.show import Format, show
from sizer.errors import UsageError

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise


@command
def noise(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures of a camera, or folders of them: how noisy is it?"),
    ] = None,
    step: Annotated[float | None, typer.Option(help="Diffusion step, 0..5000.")] = None,
    sigma: Annotated[
        float | None, typer.Option(help="Standard deviation in grey levels of 0..255.")
    ] = None,
    snr_db: Annotated[float | None, typer.Option(help="Signal-to-noise ratio in dB.")] = None,
    psnr_db: Annotated[
        float | None, typer.Option(help="Peak signal-to-noise ratio in dB, peak 255.")
    ] = None,
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """Convert a noise level between diffusion step, grey-level sigma, SNR and PSNR.

    Of pictures, estimate it, one by one: the answer is their median and the middle 90 % of them.

    Example: sizer noise photos/
    """
    from sizer.noise import level_from, linear_schedule
    from sizer.report.noise import document

    given = {"step": step, "sigma": sigma, "snr_db": snr_db, "psnr_db": psnr_db}
    if pictures:
        _camera_noise(pictures, given, format)
        return
    show(level_from(linear_schedule(), **given), format, document)


def _camera_noise(pictures: list[Path], given: dict[str, float | None], form: Format) -> None:
    from sizer.noise.camera import camera_noise
    from sizer.report.noise import camera_document

    if any(value is not None for value in given.values()):
        raise UsageError("give pictures, or a noise level, not both")
    with measuring_progress() as progress:
        camera = camera_noise(pictures, progress=progress)
    mention_skipped(camera)
    show(camera, form, camera_document)


def mention_skipped(camera: "CameraNoise") -> None:
    """The pictures that could not be used."""
    for picture in camera.pictures:
        if picture.problem is not None:
            mention(f"skipped: {picture.path} {picture.problem}")
