"""A noise level in the units that users think in."""

from dataclasses import dataclass
from functools import cache

from sizer.errors import UsageError
from sizer.noise.schedule import NoiseSchedule, schedule_named

SIGMAS = (0, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 500, 1000)  # of ticks, grey levels
APART = 0.08  # of an axis, between two ticks of sigma


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


def in_words(step: float, schedule: str | None) -> str:
    """`sigma 62 grey levels (step 300)`, with the digits that a reader needs.

    schedule: its name; None where the noise has another unit, as a table's may.
    """
    at = f"{step:.0f}" if step >= 100 else f"{step:.3g}"
    if schedule is None:
        return f"noise {at}"
    sigma = grey_levels(step, schedule)
    return f"step {at}" if sigma is None else f"sigma {sigma} grey levels (step {at})"


def in_short(step: float, schedule: str | None) -> str:
    """`sigma 62 (step 300)`, as the heading of a column."""
    return in_words(step, schedule).replace(" grey levels", "")


def sigma_ticks(schedule: str, first: float, last: float) -> list[tuple[float, int]]:
    """Round sigmas within steps first..last and well apart, each with its step, ascending."""
    known = _schedule(schedule)
    ticks: list[tuple[float, int]] = []
    for sigma in SIGMAS:
        step = known.step_from_sigma(sigma)
        if first <= step <= last and (not ticks or step - ticks[-1][0] > APART * (last - first)):
            ticks.append((step, sigma))
    return ticks


def grey_levels(step: float, schedule: str) -> str | None:
    """The additive noise of a step: `62`, `4.2`; None beyond the schedule's last step."""
    known = _schedule(schedule)
    if not 0 <= step <= known.last_step:
        return None
    sigma = known.sigma(step)
    return f"{sigma:.1f}" if 0 < sigma < 10 else f"{sigma:.0f}"


@cache
def _schedule(name: str) -> NoiseSchedule:
    return schedule_named(name)
