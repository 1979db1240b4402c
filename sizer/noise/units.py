"""A noise level in the units that users think in."""

from dataclasses import dataclass

from sizer.errors import UsageError
from sizer.noise.schedule import NoiseSchedule


@dataclass(frozen=True, slots=True)
class NoiseLevel:
    """One noise level in every unit: x_t = mu x_0 + noise epsilon on images in [-1, 1].

    sigma: standard deviation of the equivalent additive noise, grey levels of 0..255. snr_db:
    for a signal of unit power, psnr_db: for a peak of 255; both infinite at step 0.
    """

    step: float
    mu: float
    noise: float
    sigma: float
    snr_db: float
    psnr_db: float


def level_from(
    schedule: NoiseSchedule,
    *,
    step: float | None = None,
    sigma: float | None = None,
    snr_db: float | None = None,
    psnr_db: float | None = None,
) -> NoiseLevel:
    """One noise level in all its units, from the one that is given.

    Raises UsageError unless exactly one is given, and it lies within the schedule.
    """
    given = {
        schedule.step_from_sigma: sigma,
        schedule.step_from_snr_db: snr_db,
        schedule.step_from_psnr_db: psnr_db,
    }
    steps = [invert(value) for invert, value in given.items() if value is not None]
    steps += [step] if step is not None else []
    if len(steps) != 1:
        raise UsageError("give the noise once: as a step, sigma, SNR or PSNR")
    at = steps[0]
    mu, noise = schedule.coefficients(at)
    return NoiseLevel(at, mu, noise, schedule.sigma(at), schedule.snr_db(at), schedule.psnr_db(at))
