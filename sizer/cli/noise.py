"""`sizer noise`: a noise level in every unit, or that of pictures."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sizer.cli.app import command
from sizer.errors import UsageError


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
    format: Annotated[  # noqa: A002
        Literal["text", "json"], typer.Option(help="How to print the answer.")
    ] = "text",
) -> None:
    """Convert a noise level between diffusion step, grey-level sigma, SNR and PSNR.

    Of pictures, estimate it, one by one: the answer is their median and the middle 90 % of them.

    Example: sizer noise photos/
    """
    from sizer import report, terminal
    from sizer.noise import level_from, linear_schedule

    given = {"step": step, "sigma": sigma, "snr_db": snr_db, "psnr_db": psnr_db}
    if pictures:
        _camera_noise(pictures, given, format)
        return
    level = level_from(linear_schedule(), **given)
    if format == "json":
        typer.echo(report.noise_json(level))
    else:
        terminal.show_noise(level)


def _camera_noise(pictures: list[Path], given: dict[str, float | None], form: str) -> None:
    from sizer import report, terminal
    from sizer.noise.camera import camera_noise

    if any(value is not None for value in given.values()):
        raise UsageError("give pictures, or a noise level, not both")
    with terminal.measuring_progress() as progress:
        camera = camera_noise(pictures, progress=progress)
    terminal.show_skipped(camera)
    if form == "json":
        typer.echo(report.camera_json(camera))
    else:
        terminal.show_camera(camera)
