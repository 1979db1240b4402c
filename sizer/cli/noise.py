"""`sizer noise`: a noise level in every unit and as a picture, or that of a camera."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizer.cli.app import command
from sizer.cli.messages import mention, suggest
from sizer.cli.options import FormatOption, ShowOption, SigmaOption, SnrOption, StepOption
from sizer.cli.progress import measuring_progress
from sizer.cli.show import Format, show
from sizer.errors import UsageError

if TYPE_CHECKING:
    from sizer.noise.camera import CameraNoise
    from sizer.noise.sensor import Shot


@command
def noise(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(help="Pictures of a camera, or folders of them: how noisy is it?"),
    ] = None,
    step: StepOption = None,
    sigma: SigmaOption = None,
    snr_db: SnrOption = None,
    psnr_db: Annotated[
        float | None, typer.Option(help="Noise as a peak signal-to-noise ratio in dB, peak 255.")
    ] = None,
    flat_field: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an even surface at several exposures: read noise, gain, and sigma by "
            "brightness."
        ),
    ] = None,
    burst: Annotated[
        Path | None, typer.Option(help="The same from a folder of one unmoving scene.")
    ] = None,
    show_picture: ShowOption = None,
    out: Annotated[Path, typer.Option(help="PNG to write with --show.")] = Path("noise.png"),
    format: FormatOption = "text",  # noqa: A002
) -> None:
    """Convert a noise level between diffusion step, grey-level sigma, SNR and PSNR.

    Of pictures, estimate it, one by one: the answer is their median and the middle 90 % of them.

    Example: sizer noise --step 300 --show photo.jpg
    """
    given = {"step": step, "sigma": sigma, "snr_db": snr_db, "psnr_db": psnr_db}
    levels = [value for value in given.values() if value is not None]
    folders = [folder for folder in (flat_field, burst) if folder is not None]
    if len(folders) + bool(pictures) + bool(levels) > 1:
        raise UsageError("give one of: pictures, a noise level, --flat-field, --burst")
    if show_picture is not None and not levels:
        raise UsageError("--show needs a noise level, as --step 300 or --sigma 62")
    if pictures:
        _camera_noise(pictures, format)
    elif folders:
        _sensor_noise(folders[0], "burst" if flat_field is None else "flat field", format)
    else:
        _level(given, show_picture, out, format)


def _level(given: dict[str, float | None], picture: Path | None, out: Path, form: Format) -> None:
    from sizer.noise import level_from, linear_schedule
    from sizer.report.noise import document

    schedule = linear_schedule()
    level = level_from(schedule, **given)
    if picture is not None:
        from sizer.io import check_writable
        from sizer.noise.strip import read_picture, write_strip

        check_writable(out)
        write_strip(out, read_picture(picture), level.step, schedule)
        mention(f"wrote {out}")
    show(level, form, document)
    _ask_with(form, "--sigma", f"{level.sigma:.3g}")


def _camera_noise(pictures: list[Path], form: Format) -> None:
    from sizer.noise.camera import camera_noise
    from sizer.report.noise import camera_document

    with measuring_progress() as progress:
        camera = camera_noise(pictures, progress=progress)
    mention_skipped(camera)
    show(camera, form, camera_document)
    if len(pictures) == 1 and pictures[0].is_dir():
        _ask_with(form, "--noise-from", str(pictures[0]))
    else:
        _ask_with(form, "--sigma", f"{camera.sigma.median:.3g}")


def _sensor_noise(folder: Path, shot: "Shot", form: Format) -> None:
    from sizer.noise.sensor import sensor_noise
    from sizer.report.noise import sensor_document

    with measuring_progress() as progress:
        sensor = sensor_noise(folder, shot, progress)
    show(sensor, form, sensor_document)
    _ask_with(form, "--sigma", f"{sensor.sigma:.3g}")


def _ask_with(form: Format, *noise: str) -> None:
    """The question that the noise is for."""
    if form == "text":
        suggest("recommend", *noise, "--target-acc", "0.7")


def mention_skipped(camera: "CameraNoise") -> None:
    """The pictures that could not be used."""
    for picture in camera.pictures:
        if picture.problem is not None:
            mention(f"skipped: {picture.path} {picture.problem}")
